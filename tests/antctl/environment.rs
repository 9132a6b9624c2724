//! The path of antctl, its callers, and concurrent calls.

use std::fs;
use std::time::Instant;

use super::machine::Machine;
use crate::contract::manager_stage::{Kind, ManagerStage};
use crate::stage::Ran;

#[test]
fn antctl_is_taken_from_the_configured_path() {
    let machine = Machine::colony("antctl+user", &[]);
    let elsewhere = machine.home().join("tools/my-antctl");
    fs::create_dir(machine.home().join("tools")).expect("a folder");
    fs::rename(machine.home().join(".local/bin/antctl"), &elsewhere).expect("it is moved");
    machine.force("add").code(3).says("`antctl_path`");
    let path = elsewhere.display().to_string();
    machine
        .wnm(&["--force_action", "update_config", "--antctl_path", &path])
        .done();
    machine.force("add").done();
    machine.all_run(1);
}

#[test]
fn simultaneous_runs_never_call_antctl_at_once() {
    let machine = Machine::colony("antctl+user", &["--node_cap", "8"]);
    let runs: Vec<_> = (0..4)
        .map(|_| machine.begin(&["--force_action", "add", "--count", "2"]))
        .collect();
    let ended: Vec<Ran> = runs
        .into_iter()
        .map(|run| Ran::ended("add".to_owned(), run.wait_with_output().expect("it ends")))
        .collect();
    let made = 2 * ended.iter().filter(|ran| ran.code == Some(0)).count();
    assert!(made > 0, "{}", ended[0]);
    assert_eq!((machine.rows().len(), machine.states().len()), (made, made));
    machine.all_run(made);
    assert!(!machine.home().join(".antctl/overlaps").exists());
}

#[test]
fn hanging_antctl_of_root_is_killed_by_root() {
    let Some(stage) = ManagerStage::of(&Kind::of("antctl+sudo"), 1, &[]) else {
        return;
    };
    fs::write(stage.seen("/var/lib/antctl/sick"), "hang:stop").expect("the illness is written");
    let begun = Instant::now();
    stage.order("stop", 1);
    assert!(begun.elapsed() < super::HANGS_AFTER, "{:?}", begun.elapsed());
    assert_eq!(stage.processes(), [], "systemd stopped it");
    let told = fs::read_to_string(stage.seen("/var/log/sudo")).expect("what sudo was told");
    let stop = told
        .lines()
        .find(|line| line.contains(" stop --service-name "))
        .expect("a stop");
    assert!(
        stop.starts_with("-n timeout -k 5 20 /usr/local/bin/antctl"),
        "{stop}"
    );
    let at_work = fs::File::open(stage.seen("/var/lib/antctl/at-work")).expect("its lock");
    assert!(at_work.try_lock().is_ok(), "none is left");
}
