//! Locking: while one run is working, another one exits at once with a message.

use crate::stage::{Ran, Stage};

#[test]
fn one_of_fifty_simultaneous_runs_works_and_the_others_exit() {
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
    stage.check_consistency(false);
}

#[test]
fn reports_and_dry_runs_work_during_a_run() {
    let stage = Stage::running(1, &[]);
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
    stage.force("stop --dry_run").done();
    stage.wnm(&["--remove_lockfile"]).code(1);
    assert!(
        busy.try_wait().expect("it can be asked").is_none(),
        "it was at work all the while"
    );
    assert!(busy.wait().expect("it ends").success());
}

#[test]
fn leftover_lock_file_blocks_nobody() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    std::fs::write(stage.base().join("wnm_active"), "4711 1700000000\n").expect("a leftover");
    stage.cycle();
    stage.wnm(&["--remove_lockfile"]).done();
    assert!(!stage.base().join("wnm_active").exists());
    stage.cycle();
}

#[test]
fn one_database_has_one_lock_under_two_homes() {
    let stage = Stage::running(1, &[]);
    let other = stage.home().join("other");
    std::fs::create_dir_all(other.join(".local/share/autonomi")).expect("another home");
    let mut busy = stage.begin(&[
        "--force_action",
        "add",
        "--count",
        "2",
        "--this_action_delay",
        "3000",
    ]);
    stage.wait_for("it is at work", |stage| stage.rows().len() == 2);
    let database = stage.database();
    let words = ["--dbpath", &database.to_string_lossy()];
    let home = other.to_string_lossy();
    stage
        .wnm_with(&[("HOME", &home)], &words)
        .code(1)
        .says("wnm still running");
    assert!(busy.wait().expect("it ends").success());
}

#[test]
fn nodes_of_another_colony_are_not_imported() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let other = stage.home().join("other.db");
    let path = other.to_string_lossy().into_owned();
    let words = ["--import", "--process_manager", "setsid+user", "--dbpath", &path];
    let ran = stage.init(&words);
    ran.done()
        .says("2 of the nodes found belong to the colony")
        .says("imported no nodes");
    assert_eq!(stage.processes().len(), 2);
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2]);
}
