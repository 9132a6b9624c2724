//! Forced stops: only the named node is stopped.

use crate::stage::Stage;

#[test]
fn node_can_be_named_in_every_usual_form() {
    let stage = Stage::running(4, &[]);
    stage
        .wnm(&["--force_action", "stop", "--service_name", "antnode0001, 0002 ,3"])
        .done();
    let states: Vec<_> = stage.rows().into_iter().map(|row| row.status).collect();
    assert_eq!(states, ["STOPPED", "STOPPED", "STOPPED", "RUNNING"]);
    stage.check_consistency(true);
}

#[test]
fn unknown_name_is_an_error_and_stops_nothing() {
    let stage = Stage::running(1, &[]);
    for name in ["antnode0009", "antnode0001junk", "9", "queen"] {
        let ran = stage.wnm(&["--force_action", "stop", "--service_name", name]);
        assert_ne!(ran.code, Some(0), "{ran}");
        ran.plain();
    }
    assert_eq!(stage.in_state("RUNNING"), 1);
    stage.check_consistency(true);
}

#[test]
fn stopping_a_stopped_node_succeeds() {
    let stage = Stage::running(1, &[]);
    stage.force("stop --service_name antnode0001").done();
    stage.force("stop --service_name antnode0001").done();
    assert_eq!(stage.in_state("STOPPED"), 1);
    stage.check_consistency(true);
}

#[test]
fn stop_without_a_name_stops_the_youngest() {
    let stage = Stage::running(3, &[]);
    stage.force("stop").done();
    assert_eq!(stage.row(3).status, "STOPPED");
    assert_eq!(stage.in_state("RUNNING"), 2);
}

#[test]
fn count_stops_nodes_that_are_starting() {
    // Given two nodes that were just started,
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.tamper("UPDATE node SET status = 'RESTARTING', timestamp = unixepoch()");
    // when two are stopped by force, then both processes end.
    stage.force("stop --count 2").done();
    assert!(stage.processes().is_empty(), "{}", stage.describe());
    assert_eq!(stage.in_state("STOPPED"), 2);
}

#[test]
fn repeated_name_flag_acts_on_each_node() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    stage.force("stop --service_name 1 --service_name 2,3").done();
    assert_eq!(stage.in_state("STOPPED"), 3, "{}", stage.describe());
}
