//! The history also contains what no action of wnm made: deaths, safety stops and changed settings.

use std::fs;

use serde_json::Value;

use crate::python_bugs::services;
use crate::stage::Stage;

/// The events with this action, oldest first.
fn events(stage: &Stage, action: &str) -> Vec<Value> {
    let told = stage.wnm(&["--report", "history", "--json"]).done().json();
    let all = told.as_array().expect("a list").iter();
    all.filter(|event| event["action"] == action).cloned().collect()
}

fn reasons(stage: &Stage, action: &str) -> Vec<String> {
    let events = events(stage, action);
    let text = |event: &Value| event["reason"].as_str().expect("a reason").to_owned();
    events.iter().map(text).collect()
}

#[test]
fn history_holds_the_death_of_a_node_with_the_first_words_of_its_failure_log() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let log = stage.logs().join("antnode0001/critical_failure.log");
    stage.kill_node(1);
    fs::write(&log, "[2026-11-29] Failed to bind\n to its port\n").expect("a failure log");
    stage.survey();
    let died = events(&stage, "died");
    assert_eq!(died.len(), 1, "{died:?}");
    assert_eq!(died[0]["node"], 1);
    assert_eq!(
        died[0]["reason"],
        "its process ended; critical_failure.log: [2026-11-29] Failed to bind to its port"
    );
    let text = stage.wnm(&["--report", "history"]).done().stdout;
    assert!(text.contains("died") && text.contains("antnode0001"), "{text}");
    // Neither a second survey nor a stop by wnm is a death.
    stage.survey();
    stage.force("stop --service_name 2").done();
    stage.survey();
    assert_eq!(events(&stage, "died").len(), 1);
}

#[test]
fn failure_log_that_is_older_than_the_node_s_last_answer_is_not_quoted() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let log = stage.logs().join("antnode0001/critical_failure.log");
    fs::write(&log, "an old failure").expect("a failure log");
    stage.tamper("UPDATE node SET last_seen = unixepoch() + 5");
    stage.kill_node(1);
    stage.survey();
    assert_eq!(reasons(&stage, "died"), ["its process ended"]);
}

#[test]
fn history_holds_the_exit_code_or_the_signal_that_ended_a_service() {
    for (ended, reason) in [
        ("1 78", "its process ended with exit code 78"),
        ("2 9", "its process ended by signal 9"),
    ] {
        let stage = services::of(1, &["--node_cap", "1"]);
        services::spoil(&stage, "ended", ended);
        stage.kill_node(1);
        stage.survey();
        assert_eq!(reasons(&stage, "died"), [reason]);
    }
}

#[test]
fn history_holds_a_safety_stop_once_while_it_lasts_and_the_plan_foresees_it() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let plan = || {
        stage.simulate_minute(0);
        stage.wnm(&["--report", "plan"]).done().stdout
    };
    assert!(!plan().contains("safety stop"));
    let away = stage.home().join("away");
    fs::rename(stage.storage(), &away).expect("the storage is moved away");
    let told = plan();
    assert!(
        told.contains("change nothing, and exit with code 4, because of a safety stop: the storage `")
            && told.contains("nor is the root directory of 2 nodes"),
        "{told}"
    );
    let json = stage.wnm(&["--report", "plan", "--json"]).done().json();
    assert!(
        json["safety_stop"]
            .as_str()
            .is_some_and(|stop| stop.starts_with("safety stop: "))
    );
    assert_eq!(json["steps"], serde_json::json!([]));
    for _ in 0..3 {
        stage.pass(&[]).code(4);
    }
    let stops = events(&stage, "safety-stop");
    assert_eq!(stops.len(), 1, "{stops:?}");
    assert_eq!(stops[0]["outcome"], "skipped");
    fs::rename(&away, stage.storage()).expect("it is back");
    stage.cycle();
    let json = stage.wnm(&["--report", "plan", "--json"]).done().json();
    assert_eq!(json["safety_stop"], Value::Null);
}

#[test]
fn history_holds_changed_settings_and_who_is_disabled_since_when() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.pass(&["--node_cap", "3", "--dry_run"]).done();
    assert_eq!(reasons(&stage, "set"), [""; 0], "a dry run stores nothing");
    stage.force("update_config --node_cap 3").done();
    stage.force("update_config --node_cap 3").done();
    let set = events(&stage, "set");
    assert_eq!(set.len(), 1, "{set:?}");
    let reason = set[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("node_cap: 2 -> 3, from "), "{reason}");
    assert_eq!(set[0]["figures"]["after"], "3");

    stage.force("disable --service_name 1").done();
    stage.force("stop --service_name 2").done();
    stage.force("start --service_name 1,2").done();
    let nodes = |action: &str| {
        let events = events(&stage, action);
        events
            .iter()
            .map(|event| event["node"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (nodes("disable"), nodes("enable")),
        (vec![1.into()], vec![1.into()])
    );
    assert_eq!((nodes("stop"), nodes("start")), (vec![2.into()], vec![2.into()]));
}
