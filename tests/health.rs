//! `wnm health`: one line and an exit code from the database alone, whatever the state of the colony.

use std::fs;

use crate::stage::Stage;

/// The line and its exit code.
fn health(stage: &Stage) -> (String, i32) {
    let ran = stage.wnm(&["health"]);
    assert_eq!(ran.stderr, "", "{ran}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran}");
    let line = ran.stdout.trim_end().to_owned();
    assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
    (line, ran.code.expect("an exit code"))
}

fn set(stage: &Stage, what: &str) {
    stage.tamper(&format!("UPDATE node SET {what}"));
}

#[test]
fn healthy_colony_is_ok_with_performance_data() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    // SQLite touches its shared memory also to read.
    let tree = |stage: &Stage| -> Vec<String> {
        let all = stage.tree();
        all.lines()
            .filter(|line| !line.contains("-shm"))
            .map(str::to_owned)
            .collect()
    };
    let before = tree(&stage);
    let (line, code) = health(&stage);
    assert_eq!(code, 0, "{line}");
    assert!(line.starts_with("WNM OK - 3 of 3 nodes run, last run "), "{line}");
    for figure in [
        " | running=3;;;0;3 down=0;1;2;0;",
        " silent=0;1;2;0;",
        " survey_age=",
        "s;300;900;0;",
        " disk=",
    ] {
        assert!(line.contains(figure), "{figure}: {line}");
    }
    assert_eq!(tree(&stage), before, "it reads and writes nothing");
}

#[test]
fn each_problem_has_its_state_and_names_nodes() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    set(&stage, "connected_peers = 5, uptime = 100000, puts = 7");
    let one = |what: &str| {
        set(&stage, &format!("{what} WHERE id = 2"));
        let found = health(&stage);
        set(
            &stage,
            "status = 'RUNNING', silent_count = 0, start_failures = 0, connected_peers = 5, shunned = 0, puts = 7, \
             version = '0.4.17'",
        );
        found
    };
    assert_eq!(health(&stage).1, 0);
    for (what, text) in [
        ("status = 'DEAD'", "1 down (antnode0002)"),
        ("status = 'STOPPED'", "1 down (antnode0002)"),
        ("start_failures = 4", "1 crash-looping (antnode0002)"),
        ("silent_count = 1", "1 silent (antnode0002)"),
        ("connected_peers = 0", "1 without peers (antnode0002)"),
        ("shunned = 5", "1 shunned (antnode0002)"),
        ("puts = 0", "1 not earning (antnode0002)"),
        ("version = '0.4.16'", "1 older than the binary (antnode0002)"),
    ] {
        let (line, code) = one(what);
        assert_eq!(code, 1, "{what}: {line}");
        assert!(
            line.starts_with("WNM WARNING - ") && line.contains(text),
            "{what}: {line}"
        );
    }
    set(&stage, "status = 'DEAD' WHERE id > 1");
    let (line, code) = health(&stage);
    assert_eq!(code, 2, "{line}");
    assert!(
        line.starts_with("WNM CRITICAL - 2 down (antnode0002, antnode0003)"),
        "{line}"
    );
    set(&stage, "status = 'RUNNING'");
    assert_eq!(one("status = 'DISABLED'").1, 0);
}

#[test]
fn node_that_wnm_stopped_is_not_down() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.wnm(&["stop", "2"]).done();
    let (line, code) = health(&stage);
    assert_eq!(code, 0, "{line}");
    stage.kill_node(1);
    stage.survey();
    let (line, code) = health(&stage);
    assert_eq!(code, 2, "no node runs: {line}");
    assert!(line.contains("1 down (antnode0001)"), "{line}");
}

#[test]
fn old_survey_failed_actions_pause_and_full_disk_are_reported() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.wnm(&["pause", "--reason", "disk; test|x"]).done();
    let (line, code) = health(&stage);
    assert_eq!(code, 1, "{line}");
    assert!(
        line.contains("paused until `wnm resume` (disk, test/x)"),
        "{line}"
    );
    stage.wnm(&["resume"]).done();
    stage.tamper("UPDATE sample SET at = at - 400");
    let (line, code) = health(&stage);
    assert!(code == 1 && line.contains("last run 6m ago"), "{line}");
    stage.tamper("UPDATE sample SET at = at - 800");
    let (line, code) = health(&stage);
    assert!(code == 2 && line.contains("last run 20m ago"), "{line}");
    stage.tamper("UPDATE sample SET at = unixepoch(), disk_used = 999, disk_free = 0");
    let (line, code) = health(&stage);
    assert!(code == 1 || code == 2, "{line}");
    assert!(line.contains("disk 100.0% full"), "{line}");
    stage.tamper("DELETE FROM sample");
    assert_eq!(
        health(&stage),
        ("WNM UNKNOWN - no run has surveyed the nodes yet".to_owned(), 3)
    );
}

#[test]
fn safety_stop_is_critical_until_a_run_succeeds() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let away = stage.home().join("away");
    fs::rename(stage.storage(), &away).expect("the disk is gone");
    stage.pass(&[]).code(4);
    let (line, code) = health(&stage);
    assert!(
        code == 2 && line.starts_with("WNM CRITICAL - safety stop: "),
        "{line}"
    );
    fs::rename(&away, stage.storage()).expect("the disk is back");
    stage.cycle();
    let (line, code) = health(&stage);
    assert!(code == 0, "{line}");
}

#[test]
fn what_cannot_be_judged_is_unknown_and_never_another_code() {
    let stage = Stage::new();
    let (line, code) = health(&stage);
    assert_eq!(code, 3);
    assert!(line.starts_with("WNM UNKNOWN - there is no colony at"), "{line}");
    for words in [
        &["health", "--bogus"][..],
        &["health", "3"],
        &["health", "--node_cap", "x"],
    ] {
        let ran = stage.wnm(words).code(3);
        assert!(ran.stdout.starts_with("WNM UNKNOWN - "), "{ran}");
        assert_eq!(ran.stderr, "");
    }
    fs::create_dir_all(stage.base()).expect("a folder");
    fs::write(stage.database(), "no database").expect("a file");
    assert_eq!(health(&stage).1, 3);
}

#[test]
fn doctor_names_the_nodes_with_a_problem() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let check = |stage: &Stage| {
        let found = stage.wnm(&["doctor", "--json"]).json();
        let checks = found["checks"].as_array().expect("a list").clone();
        let nodes = checks.into_iter().find(|check| check["check"] == "nodes");
        let nodes = nodes.expect("a check of the nodes");
        (nodes["verdict"].to_string(), nodes["what"].to_string())
    };
    assert_eq!(check(&stage).0, "\"ok\"");
    stage.kill_node(1);
    set(&stage, "connected_peers = 0, uptime = 100000 WHERE id > 1");
    set(&stage, "status = 'STOPPED' WHERE id = 1");
    let (verdict, what) = check(&stage);
    assert_eq!(verdict, "\"failed\"");
    assert!(what.contains("1 down (antnode0001)"), "{what}");
    assert!(
        what.contains("2 without peers (antnode0002, antnode0003)"),
        "{what}"
    );
}
