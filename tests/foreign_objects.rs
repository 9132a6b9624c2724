//! Views, triggers and rows in `colony.db` that wnm did not write: they are named, never run, and block nothing.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::stage::{Ran, Stage};

const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";

#[test]
fn triggers_and_views_are_never_run_and_the_doctor_names_them() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.tamper(&format!(
        "CREATE VIEW endless AS {ENDLESS} SELECT count(*) AS c FROM n;
         CREATE TRIGGER deleter AFTER INSERT ON sample BEGIN DELETE FROM node; END;
         CREATE TRIGGER looper AFTER UPDATE ON node BEGIN UPDATE node SET age = (SELECT c FROM endless); END;
         CREATE TABLE notes (text);"
    ));
    stage.cycle();
    assert_eq!(stage.ids(), [1]);
    let doctor = stage.wnm(&["--doctor"]).stdout;
    for object in ["view endless", "trigger deleter", "trigger looper", "table notes"] {
        assert!(doctor.contains(object), "`{object}` in {doctor}");
    }
    assert!(!doctor.contains("table node,"), "{doctor}");
}

#[test]
fn view_in_the_place_of_a_table_is_refused_at_once() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.tamper(&format!(
        "DROP TABLE setting; CREATE VIEW setting AS {ENDLESS} SELECT x AS name, x AS text FROM n;"
    ));
    let begun = Instant::now();
    stage
        .wnm(&[])
        .code(1)
        .says("`setting` is a view in place of a table");
    stage.wnm(&["--report", "machine-config"]).code(1);
    assert_ne!(stage.wnm(&["--doctor"]).code, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(stage.processes().len(), 1);
}

#[test]
fn two_hundred_thousand_leftover_intents_end_in_seconds() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.tamper(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000)
         INSERT INTO intent (at, run, action, node, detail) SELECT 1, 'x', 'start', x % 2, '{}' FROM n;",
    );
    let begun = Instant::now();
    stage.cycle();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(stage.figure("SELECT count(*) FROM intent"), 0);
    stage.check_consistency(true);
}

#[test]
fn survey_ends_the_state_migrating() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.tamper("UPDATE node SET status = 'MIGRATING'");
    stage.survey_until_running(2);
    stage.force("stop --service_name antnode0002").done();
    stage.tamper("UPDATE node SET status = 'MIGRATING' WHERE id = 2");
    stage.cycle_until("it is started again", |stage| stage.in_state("RUNNING") == 2);
}

#[test]
fn run_under_any_umask_makes_nodes_that_can_be_removed() {
    let stage = Stage::colony(&["--node_cap", "2"]);
    let under = |umask: &str, action: &str| {
        let script = format!("umask {umask}; exec \"$0\" --force_action {action}");
        let shell = Command::new("bash");
        Ran::of(stage.at_home(shell, &["-c", &script, env!("CARGO_BIN_EXE_wnm")])).done();
    };
    for umask in ["777", "177", "077"] {
        under(umask, "add");
        stage.survey_until_running(1);
        under(umask, "remove");
        assert!(stage.ids().is_empty(), "umask {umask}");
    }
}
