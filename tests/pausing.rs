//! `wnm pause`: nothing is changed until it ends, except what is requested.

use serde_json::Value;

use crate::stage::Stage;

fn history(stage: &Stage) -> Vec<Value> {
    let events = stage.wnm(&["history", "--json"]).done().json();
    events.as_array().expect("a list").clone()
}

/// Lets all pauses end now.
fn let_pauses_end(stage: &Stage) {
    stage.tamper(
        "UPDATE setting SET text = replace(text, '\"until\":', '\"until\":1,\"was\":') WHERE name = 'pause'",
    );
}

#[test]
fn paused_colony_changes_nothing_until_it_is_resumed() {
    let stage = Stage::running(2, &["--node_cap", "4"]);
    stage.wnm(&["pause", "--reason", "disk test"]).done();
    stage.kill_node(2);
    for _ in 0..3 {
        let ran = stage.pass(&["--json"]).done().json();
        assert_eq!(ran["status"], "idle");
        assert!(ran["actions"].is_null(), "{ran}");
        assert!(
            ran["holds"][0]
                .as_str()
                .expect("a text")
                .contains("the colony is paused"),
            "{ran}"
        );
    }
    assert_eq!(stage.in_state("STOPPED"), 1, "the nodes are still surveyed");
    assert_eq!(stage.ids(), [1, 2]);
    let plan = stage.wnm(&["plan"]).done();
    assert!(
        plan.stdout.contains("paused until `wnm resume` (disk test)"),
        "{plan}"
    );
    assert!(
        stage
            .wnm(&["doctor"])
            .stdout
            .contains("paused until `wnm resume` (disk test)")
    );
    stage.wnm(&["start", "2"]).done();
    stage.survey_until_running(2);
    stage.wnm(&["resume"]).done();
    stage.cycle_until("the colony grows again", |stage| stage.ids().len() == 4);
    let actions: Vec<String> = history(&stage)
        .iter()
        .map(|event| event["action"].to_string())
        .collect();
    assert!(actions.contains(&"\"pause\"".to_owned()) && actions.contains(&"\"resume\"".to_owned()));
    stage.cycle_until("all run", |stage| stage.in_state("RUNNING") == 4);
    stage.check_consistency(true);
}

#[test]
fn pause_ends_at_its_time() {
    let stage = Stage::running(1, &["--node_cap", "2"]);
    stage.wnm(&["pause", "--until", "2h"]).done();
    stage.cycle();
    assert_eq!(stage.ids(), [1]);
    let_pauses_end(&stage);
    stage.cycle_until("the colony grows again", |stage| stage.ids().len() == 2);
    let last = history(&stage);
    let resumed = last
        .iter()
        .find(|event| event["action"] == "resume")
        .expect("an event");
    assert_eq!(resumed["reason"], "the pause has ended");
}

#[test]
fn nodes_stopped_for_a_pause_start_again_at_its_end() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let keys = [stage.identity(1), stage.identity(2)];
    stage
        .wnm(&["pause", "1-2", "--stop", "--until", "tomorrow 06:00"])
        .done();
    assert_eq!(stage.in_state("DISABLED"), 2);
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.in_state("DISABLED"), 2);
    assert_eq!(stage.ids(), [1, 2, 3]);
    let_pauses_end(&stage);
    stage.cycle_until("they run again", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!([stage.identity(1), stage.identity(2)], keys);
    stage.check_consistency(true);
}

#[test]
fn paused_node_keeps_running_and_is_not_touched() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.wnm(&["pause", "2"]).done();
    let pid = stage.process(2).expect("a process").pid;
    stage.simulate_minute(90);
    stage.wnm(&[]).done();
    assert_eq!(
        stage.row(1).status,
        "STOPPED",
        "the other node is stopped for pressure"
    );
    assert_eq!(stage.process(2).expect("a process").pid, pid);
    stage.install("0.4.18");
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.row(2).version.as_deref(), Some("0.4.17"));
    stage.wnm(&["resume", "2"]).done();
    stage.cycle_until("it is upgraded", |stage| {
        stage.row(2).version.as_deref() == Some("0.4.18")
    });
}

#[test]
fn whole_colony_is_stopped_for_a_pause() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.wnm(&["pause", "--stop", "--until", "1d"]).done();
    assert!(stage.processes().is_empty());
    stage.cycle();
    assert!(
        stage.processes().is_empty(),
        "nothing is started while it is paused"
    );
    stage.wnm(&["resume"]).done();
    stage.cycle_until("they run again", |stage| stage.in_state("RUNNING") == 2);
    stage.check_consistency(true);
}

#[test]
fn disable_has_a_time_and_a_reason_that_history_shows() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage
        .wnm(&["disable", "2", "--until", "2h", "--reason", "new fan"])
        .done();
    let events = history(&stage);
    let disabled = events
        .iter()
        .find(|event| event["action"] == "pause")
        .expect("an event");
    assert_eq!(disabled["service"], "antnode0002");
    let reason = disabled["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("until ") && reason.ends_with("(new fan)"),
        "{reason}"
    );
    stage.cycle();
    assert_eq!(stage.row(2).status, "DISABLED");
    let_pauses_end(&stage);
    stage.cycle_until("it runs again", |stage| stage.row(2).status == "RUNNING");
    stage
        .wnm(&["pause", "--until", "2020-01-01"])
        .code(2)
        .says("has passed");
    stage
        .wnm(&["stop", "1", "--until", "2h"])
        .code(2)
        .says("'--until' has no effect here");
}

#[test]
fn resume_without_a_pause_does_nothing() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let ran = stage.wnm(&["resume"]).done();
    assert!(ran.stdout.contains("Nothing to do"), "{ran}");
    assert!(history(&stage).iter().all(|event| event["action"] != "resume"));
}
