//! Starting: wnm starts stopped nodes, oldest first, and one that fails does not block the others.

use crate::stage::{Stage, listen};

#[test]
fn killed_node_restarts_with_its_identity() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let identity = stage.identity(2);
    let peer = stage.row(2).peer_id;
    stage.kill_node(2);
    stage.cycle();
    stage.cycle_until("all three run", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(stage.identity(2), identity);
    assert_eq!(stage.row(2).peer_id, peer);
    stage.check_consistency(true);
}

#[test]
fn stopped_nodes_start_at_the_cap() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    stage.force("stop --count 2").done();
    assert_eq!(stage.in_state("STOPPED"), 2);
    stage.cycle_until("all three run", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(stage.ids(), [1, 2, 3]);
}

#[test]
fn node_that_does_not_start_does_not_block_the_queue() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.force("stop --count 2").done();
    stage.set_fault(1, "refuse");
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
    stage.check_consistency(true);
    stage.clear_fault(1);
    stage.force("start --service_name antnode0001").done();
    stage.until("it runs", |stage| stage.row(1).status == "RUNNING", Stage::survey);
}

#[test]
fn outdated_stopped_node_is_upgraded_when_it_starts() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.force("stop").done();
    stage.install("0.4.18");
    stage.cycle_until("it runs the new version", |stage| {
        stage.row(1).status == "RUNNING" && stage.of_version("0.4.18") == 1
    });
    stage.check_consistency(true);
}

#[test]
fn disabled_node_stays_off_until_a_forced_start() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.force("disable --service_name antnode0001").done();
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.row(1).status, "DISABLED");
    stage.check_consistency(true);
    stage.force("start --service_name antnode0001").done();
    stage.until("it runs", |stage| stage.row(1).status == "RUNNING", Stage::survey);
}

#[test]
fn start_with_a_port_in_use_names_the_port_and_waits() {
    // Given a stopped node, and a program on its metrics port,
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.force("stop").done();
    let port = stage.row(1).metrics_port;
    let _squatter = listen(port);
    // when a cycle starts it, then the start has failed, the error names the port, and the next cycle waits.
    stage.pass(&[]).code(3).says(&format!("port {port}")).plain();
    let row = stage.row(1);
    assert_eq!(row.status, "STOPPED");
    stage.pass(&[]).done();
    assert!(stage.processes().is_empty(), "{}", stage.describe());
}
