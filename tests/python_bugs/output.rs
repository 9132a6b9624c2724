//! Output of the Python wnm.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use crate::stage::{Ran, Stage};

/// Every line of the log starts with a time and a level, such as `2026-11-23T20:00:00.000000Z  INFO`.
fn is_a_log(ran: &Ran) -> bool {
    ran.stderr.lines().all(|line| {
        let mut words = line.split_whitespace();
        let moment = words.next().unwrap_or_default();
        let level = words.next().unwrap_or_default();
        moment.len() > 19 && moment.ends_with('Z') && ["ERROR", "WARN", "INFO"].contains(&level)
    })
}

/// A home with a database of the Python wnm.
fn adopted() -> Stage {
    let stage = Stage::new();
    fs::create_dir_all(stage.base()).expect("the colony's folder");
    let old = include_str!("../databases/e2f4a512d24c.sql");
    Connection::open(stage.database())
        .and_then(|database| database.execute_batch(old))
        .expect("an old database");
    stage
}

#[test]
fn fault_75_quiet_prints_only_errors() {
    let stage = Stage::new();
    let ran = stage.init(&["-q"]).done();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "{ran}");
    stage
        .init(&["-q"])
        .code(1)
        .says("already initialized")
        .complains();
    let port = (stage.figure("SELECT port_start FROM machine") % 60 + 2).to_string();
    stage
        .wnm(&["--port_start", &port, "-q"])
        .code(1)
        .says("port_start")
        .complains();
    let mut busy = stage.begin(&[
        "--force_action",
        "add",
        "--count",
        "2",
        "--this_action_delay",
        "20000",
    ]);
    stage.wait_for("it is at work", |stage| stage.rows().len() == 1);
    stage
        .wnm(&["-q"])
        .code(1)
        .says("wnm still running")
        .prints_nothing()
        .complains();
    busy.kill().expect("it ends");
    busy.wait().expect("it ended");
    // A child that the killed run had just forked keeps the lock until it runs its program.
    stage.wait_for("the lock is free", |stage| {
        let lock = std::fs::File::open(stage.base().join("wnm_active")).expect("the lock");
        lock.try_lock().is_ok()
    });
    let ran = stage.force("survey -q").done();
    assert_eq!(ran.stderr, "", "{ran}");

    let ran = adopted().force("wnm-db-migration --confirm -q").done();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""), "{ran}");
}

#[test]
fn fault_76_log_format_stays_after_a_migration_which_is_reported() {
    let stage = adopted();
    let ran = stage
        .force("wnm-db-migration --confirm")
        .done()
        .says("migrated from the peer's schema `e2f4a512d24c` to V")
        .says(".bak");
    assert!(is_a_log(&ran), "{ran}");
    let fresh = Stage::new();
    let ran = fresh.init(&[]).done().says("Initialization complete");
    assert!(is_a_log(&ran), "{ran}");
    let ran = fresh.force("survey").done();
    assert!(is_a_log(&ran), "{ran}");
}

#[test]
fn fault_77_all_actions_of_a_plan_are_reported() {
    let slots = ["--max_concurrent_starts", "3", "--max_concurrent_operations", "3"];
    let stage = Stage::colony(&[&["--node_cap", "3"], &slots[..]].concat());
    let ran = stage.pass(&["--json"]).done();
    let told = ran.json();
    let actions = told["actions"].as_array().expect("all actions");
    let nodes: Vec<_> = actions.iter().map(|action| action["node"].clone()).collect();
    assert_eq!(nodes, [json!(1), json!(2), json!(3)], "{ran}");
    assert!(
        actions.iter().all(|action| action["status"] == "added-node"),
        "{ran}"
    );
    assert_eq!(told["status"], "added-node", "what a script of the peer's reads");
    // Also on stderr, for cron's mail.
    for node in ["add node 1", "add node 2", "add node 3"] {
        assert!(ran.stderr.contains(node), "`{node}` in {ran}");
    }
}
