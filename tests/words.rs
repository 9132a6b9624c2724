//! The commands in words: each does what its flag does, chooses nodes by range, pattern and filter, and refuses a name that
//! matches nothing before anything is done.

use serde_json::{Value, json};

use crate::stage::Stage;

/// The states of all nodes, by id.
fn states(stage: &Stage) -> Vec<String> {
    stage.rows().into_iter().map(|row| row.status).collect()
}

fn json_of(stage: &Stage, words: &[&str]) -> Value {
    stage.wnm(words).done().json()
}

#[test]
fn each_command_does_what_its_flag_does() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    for (command, flags) in [
        (&["status"][..], &["--report", "node-status"][..]),
        (&["status", "--json"], &["--report", "node-status", "--json"]),
        (
            &["status", "2", "--json"],
            &["--report", "node-status", "--json", "--service_name", "2"],
        ),
        (&["history"], &["--report", "history"]),
        (
            &["stop", "1", "--dry_run"],
            &["--force_action", "stop", "--service_name", "1", "--dry_run"],
        ),
        (
            &["add", "2", "--dry_run"],
            &["--force_action", "add", "--count", "2", "--dry_run"],
        ),
    ] {
        assert_eq!(
            stage.wnm(command).done().stdout,
            stage.wnm(flags).done().stdout,
            "{command:?}"
        );
    }
    assert!(
        stage
            .wnm(&["plan"])
            .done()
            .stdout
            .starts_with("The next cycle would:")
    );
    assert!(stage.wnm(&["doctor"]).stdout.contains("database"));
    let stopped = json_of(&stage, &["stop", "2"]);
    assert_eq!(stopped["stopped_nodes"], json!(["2"]));
    assert_eq!(states(&stage), ["RUNNING", "STOPPED"]);
    let started = json_of(&stage, &["start", "--state", "stopped"]);
    assert_eq!(started["started_nodes"], json!(["antnode0002"]));
    stage.survey_until_running(2);
    stage.check_consistency(true);
}

#[test]
fn restart_keeps_the_identity_and_gives_a_new_process() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let key = |id| std::fs::read(stage.root(id).join("secret-key")).expect("a key");
    let (keys, before) = ([key(1), key(2)], stage.process(2).expect("a process").pid);
    let other = stage.process(1).expect("a process").pid;
    let result = json_of(&stage, &["restart", "2"]);
    assert_eq!(result["status"], "restarted-nodes");
    assert_eq!(result["restarted_nodes"], json!(["antnode0002"]));
    stage.wait_for("a new process", |stage| {
        stage.process(2).is_some_and(|process| process.pid != before)
    });
    assert_eq!(stage.process(1).expect("a process").pid, other);
    assert_eq!([key(1), key(2)], keys);
    stage.survey_until_running(2);
    stage.check_consistency(true);
}

#[test]
fn nodes_are_chosen_by_range_pattern_and_filter() {
    let stage = crate::reports::with_rows();
    let chosen = |words: &[&str]| -> Vec<String> {
        let all = [words, &["--json"]].concat();
        let names = match json_of(&stage, &all) {
            Value::Array(rows) => rows,
            one if one["service_name"].is_string() => vec![one],
            _ => Vec::new(),
        };
        let name = |row: &Value| row["service_name"].as_str().expect("a name").to_owned();
        names.iter().map(name).collect()
    };
    assert_eq!(chosen(&["status", "2-3"]), ["antnode0002", "antnode0003"]);
    assert_eq!(
        chosen(&["status", "antnode000[13]"]),
        ["antnode0001", "antnode0003"]
    );
    assert_eq!(chosen(&["status", "--state", "STOPPED"]), ["antnode0002"]);
    assert_eq!(chosen(&["status", "--storage", "/n/3"]), ["antnode0003"]);
    assert_eq!(chosen(&["status", "all", "--older_than", "0.4.18"]).len(), 2);
    assert_eq!(chosen(&["status", "--manager", "systemd+user"]), [""; 0]);
    assert_eq!(
        chosen(&["--report", "node-status", "--service_name", "antnode000*"]).len(),
        3
    );
}

#[test]
fn name_that_matches_nothing_is_an_error_before_anything_is_done() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    for words in [
        &["stop", "1", "7"][..],
        &["stop", "1", "anm*"],
        &["remove", "5-9", "--confirm"],
        &["disable", "1,queen"],
        &["restart", "1", "3"],
        &["status", "7"],
        &["--force_action", "stop", "--service_name", "1,5-9"],
        &["--force_action", "remove", "--service_name", "anm*,1"],
    ] {
        stage.wnm(words).code(2).says("no node is named").plain();
    }
    for words in [&["stop"][..], &["remove"], &["restart"], &["start"], &["enable"]] {
        stage.wnm(words).code(2).says("needs to know which nodes").plain();
    }
    stage.wnm(&["stat"]).code(2).says("did you mean 'status'?");
    stage
        .wnm(&["--state", "stopped"])
        .code(2)
        .says("'--state' has no effect here");
    assert_eq!(states(&stage), ["RUNNING", "RUNNING"]);
    assert_eq!(json_of(&stage, &["start", "all"])["status"], "no-nodes");
    stage.check_consistency(true);
}

#[test]
fn disabled_nodes_are_enabled_by_word() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.wnm(&["disable", "all"]).done();
    assert_eq!(states(&stage), ["DISABLED", "DISABLED"]);
    stage.wnm(&["start", "all"]).done();
    assert_eq!(
        states(&stage),
        ["DISABLED", "DISABLED"],
        "`start all` enables nothing"
    );
    stage.wnm(&["enable", "all"]).done();
    stage.survey_until_running(2);
    stage.check_consistency(true);
}

#[test]
fn variable_does_not_turn_a_command_into_another_one() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let odd = [("REPORT", "history"), ("FORCE_ACTION", "teardown")];
    let shown = stage.wnm_with(&odd, &["status"]).done();
    assert!(shown.stdout.starts_with("Service Name"), "{shown}");
    assert_eq!(states(&stage), ["RUNNING"]);
}

#[test]
fn status_has_columns_and_an_order_also_in_a_pipe() {
    let stage = crate::reports::with_rows();
    let shown = stage
        .wnm(&["status", "--columns", "id,memory,rewards", "--sort", "id"])
        .done();
    assert_eq!(
        shown.stdout.lines().skip(1).collect::<Vec<_>>(),
        [
            "   ID  MEM           REWARDS",
            "    1  97M             1.250",
            "    2    -  123456789012.345",
            "    3    -                 -",
            "10001  97M                 -"
        ]
    );
    stage
        .wnm(&["status", "--columns", "id,mem"])
        .code(2)
        .says("possible values: all, id");
}
