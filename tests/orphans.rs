//! Orphans: new nodes skip the number of any foreign file with a node's name and change nothing in it; the
//! doctor lists it.

use std::fs;

use crate::python_bugs::services;
use crate::stage::{Stage, simulated};

/// Data of a node without a row.
fn data(stage: &Stage, name: &str) {
    let root = stage.storage().join(name);
    fs::create_dir_all(&root).expect("a root");
    fs::write(root.join("secret-key"), "an identity that earned").expect("a key");
}

#[test]
fn new_nodes_skip_the_numbers_of_leftover_files() {
    let stage = services::colony(&["--node_cap", "3"]);
    data(&stage, "antnode0001");
    // Names as anm writes them, and a folder of logs alone.
    data(&stage, "antnode003");
    fs::create_dir_all(stage.base().join("logs/antnode0004")).expect("logs");
    let unit = services::unit(&stage, 2).with_file_name("antnode002.service");
    fs::create_dir_all(unit.parent().expect("a folder")).expect("the folder of units");
    fs::write(&unit, "[Service]\nExecStart=/usr/bin/antnode\n").expect("a unit");

    let ordered = stage.force("add --count 2 --dry_run").done();
    assert!(ordered.stdout.contains("antnode0005"), "{ordered}");
    stage.cycle_until("the colony is full", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(stage.ids(), [5, 6, 7]);
    for name in ["antnode0001", "antnode003"] {
        let key = stage.storage().join(name).join("secret-key");
        assert_eq!(
            fs::read_to_string(key).expect("its key"),
            "an identity that earned"
        );
    }
    assert!(unit.exists());

    let doctor = stage.wnm(&["--doctor"]);
    for said in [
        "warning  orphans    node directories or units without a node, for 4 numbers: `",
        "antnode0001`",
        "antnode002.service`",
        "new nodes skip these numbers",
    ] {
        assert!(doctor.stdout.contains(said), "`{said}` in {doctor}");
    }
}

#[test]
fn number_of_an_orphan_that_was_moved_away_is_used_again() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    data(&stage, "antnode0001");
    stage.force("add --dry_run").done().says("antnode0002");
    let doctor = stage.wnm(&["--doctor"]);
    assert!(
        doctor.stdout.contains("without a node, for 1 number: `"),
        "{doctor}"
    );
    fs::rename(stage.root(1), stage.home().join("kept")).expect("it is moved away");
    stage.cycle_until("the colony is full", |stage| stage.in_state("RUNNING") == 1);
    assert_eq!(stage.ids(), [1]);
    let doctor = stage.wnm(&["--doctor"]);
    assert!(doctor.stdout.contains("ok       orphans    "), "{doctor}");
}

#[test]
fn unreadable_row_is_no_orphan() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.tamper("UPDATE node SET port = 'x' WHERE id = 2");
    let doctor = stage.wnm(&["--doctor"]);
    assert!(doctor.stdout.contains("ok       orphans    "), "{doctor}");
}

#[test]
fn job_of_launchd_reserves_its_number() {
    let stage = Stage::new();
    std::os::unix::fs::symlink(simulated("launchctl"), stage.home().join(".local/bin/launchctl"))
        .expect("a stand-in for launchctl");
    fs::create_dir_all(stage.home().join(".launchctl")).expect("its folder");
    stage.init(&["--process_manager", "launchd+user"]).done();
    let agents = stage.home().join("Library/LaunchAgents");
    fs::create_dir_all(&agents).expect("a folder");
    fs::write(agents.join("com.autonomi.antnode-1.plist"), "no job").expect("a plist");
    stage.force("add").done();
    assert_eq!(stage.ids(), [2]);
    assert_eq!(
        fs::read_to_string(agents.join("com.autonomi.antnode-1.plist")).expect("it stands"),
        "no job"
    );
}
