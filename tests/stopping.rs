//! Stopping by hand: given a colony, when the operator names a node, then that node stops and no other.

use crate::stage::Stage;

#[test]
fn a_node_may_be_named_in_every_usual_way() {
    let stage = Stage::of(4, &[]);
    stage
        .wnm(&["--force_action", "stop", "--service_name", "antnode0001, 0002 ,3"])
        .done();
    let states: Vec<_> = stage.rows().into_iter().map(|row| row.status).collect();
    assert_eq!(states, ["STOPPED", "STOPPED", "STOPPED", "RUNNING"]);
    stage.agree(true);
}

#[test]
fn a_name_that_nobody_bears_is_an_error_and_stops_nobody() {
    let stage = Stage::of(1, &[]);
    for name in ["antnode0009", "antnode0001junk", "9", "queen"] {
        let ran = stage.wnm(&["--force_action", "stop", "--service_name", name]);
        assert_ne!(ran.code, Some(0), "{ran}");
        ran.plain();
    }
    assert_eq!(stage.in_state("RUNNING"), 1);
    stage.agree(true);
}

#[test]
fn stopping_what_is_stopped_is_success() {
    let stage = Stage::of(1, &[]);
    stage
        .wnm(&["--force_action", "stop", "--service_name", "antnode0001"])
        .done();
    stage
        .wnm(&["--force_action", "stop", "--service_name", "antnode0001"])
        .done();
    assert_eq!(stage.in_state("STOPPED"), 1);
    stage.agree(true);
}

#[test]
fn without_a_name_the_youngest_is_stopped() {
    let stage = Stage::of(3, &[]);
    stage.wnm(&["--force_action", "stop"]).done();
    assert_eq!(stage.row(3).status, "STOPPED");
    assert_eq!(stage.in_state("RUNNING"), 2);
}
