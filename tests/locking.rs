//! Locking: given a run that is at work, when another one starts, then it leaves at once and says so.

use crate::stage::{Ran, Stage};

#[test]
fn of_fifty_runs_at_once_one_works_and_the_others_leave() {
    let stage = Stage::colony(&[]);
    let words = [
        "--force_action",
        "add",
        "--count",
        "2",
        "--this_action_delay",
        "4000",
    ];
    let begun: Vec<_> = (0..50).map(|_| stage.begin(&words)).collect();
    let ended = begun
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends"));
    let runs: Vec<_> = ended.map(|output| Ran::ended(words.join(" "), output)).collect();
    let (worked, left): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| run.code == Some(0));
    assert_eq!((worked.len(), left.len()), (1, 49));
    left.into_iter()
        .for_each(|run| drop(run.code(1).says("wnm still running").prints_nothing().complains()));
    assert_eq!(stage.ids(), [1, 2]);
    stage.agree(false);
}

#[test]
fn reports_and_dry_runs_work_while_a_run_is_at_work() {
    let stage = Stage::of(1, &[]);
    let mut busy = stage.begin(&[
        "--force_action",
        "add",
        "--count",
        "2",
        "--this_action_delay",
        "3000",
    ]);
    stage.wait_for("it is at work", |stage| stage.rows().len() == 2);
    for words in [
        &["--report", "node-status"][..],
        &["--report", "machine-config", "--json"],
        &["--version"],
    ] {
        stage.wnm(words).done();
    }
    stage.wnm(&["--force_action", "stop", "--dry_run"]).done();
    stage.wnm(&["--remove_lockfile"]).code(1);
    assert!(
        busy.try_wait().expect("it can be asked").is_none(),
        "it was at work all the while"
    );
    assert!(busy.wait().expect("it ends").success());
}

#[test]
fn a_lock_file_that_was_left_stops_nobody() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    std::fs::write(stage.base().join("wnm_active"), "4711 1700000000\n").expect("a leftover");
    stage.cycle();
    stage.wnm(&["--remove_lockfile"]).done();
    assert!(!stage.base().join("wnm_active").exists());
    stage.cycle();
}
