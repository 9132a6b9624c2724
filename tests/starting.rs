//! Starting: given nodes that do not run, when wnm runs, then they are started, oldest first, and one that
//! will not start holds up nobody.

use nix::sys::signal::Signal;

use crate::stage::{Stage, kill};

#[test]
fn a_node_that_died_comes_back_as_itself() {
    let stage = Stage::of(3, &["--node_cap", "3"]);
    let identity = stage.identity(2);
    let peer = stage.row(2).peer_id;
    kill(stage.process(2).expect("it runs").pid, Signal::SIGKILL);
    stage.wait_for("it is dead", |stage| stage.process(2).is_none());
    stage.cycle();
    stage.cycle_until("all three run", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(stage.identity(2), identity);
    assert_eq!(stage.row(2).peer_id, peer);
    stage.agree(true);
}

#[test]
fn stopped_nodes_start_even_at_the_cap() {
    let stage = Stage::of(3, &["--node_cap", "3"]);
    stage.wnm(&["--force_action", "stop", "--count", "2"]).done();
    assert_eq!(stage.in_state("STOPPED"), 2);
    stage.cycle_until("all three run", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(stage.ids(), [1, 2, 3]);
}

#[test]
fn a_node_that_will_not_start_does_not_hold_the_queue() {
    let stage = Stage::of(2, &["--node_cap", "2"]);
    stage.wnm(&["--force_action", "stop", "--count", "2"]).done();
    stage.sicken(1, "refuse");
    stage.until(
        "the second node runs",
        |stage| stage.row(2).status == "RUNNING",
        |stage| {
            let code = stage.pass(&[]).plain().code;
            assert!(matches!(code, Some(0 | 3)), "{code:?}");
        },
    );
    let sick = stage.row(1);
    assert_eq!(sick.status, "STOPPED");
    assert!(
        sick.last_error.is_some_and(|error| !error.is_empty()),
        "why it will not start is kept"
    );
    stage.agree(true);
    stage.cure(1);
    stage
        .wnm(&["--force_action", "start", "--service_name", "antnode0001"])
        .done();
    stage.until("it runs", |stage| stage.row(1).status == "RUNNING", Stage::survey);
}

#[test]
fn a_stopped_node_that_is_outdated_is_upgraded_when_it_starts() {
    let stage = Stage::of(1, &["--node_cap", "1"]);
    stage.wnm(&["--force_action", "stop"]).done();
    stage.install("0.4.18");
    stage.cycle_until("it runs the new version", |stage| {
        stage.row(1).status == "RUNNING" && stage.of_version("0.4.18") == 1
    });
    stage.agree(true);
}

#[test]
fn a_node_that_was_taken_out_stays_out_until_it_is_started_by_hand() {
    let stage = Stage::of(2, &["--node_cap", "2"]);
    stage
        .wnm(&["--force_action", "disable", "--service_name", "antnode0001"])
        .done();
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.row(1).status, "DISABLED");
    stage.agree(true);
    stage
        .wnm(&["--force_action", "start", "--service_name", "antnode0001"])
        .done();
    stage.until("it runs", |stage| stage.row(1).status == "RUNNING", Stage::survey);
}
