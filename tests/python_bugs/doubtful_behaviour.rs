//! Behaviour of the Python wnm that may be intended.

use crate::stage::{Stage, listen};

#[test]
fn node_with_an_occupied_port_does_not_count_as_started() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.force("stop").done();
    let _squatter = listen(stage.row(1).metrics_port);
    let ran = stage.force("start").code(3);
    assert_eq!(ran.json()["started_count"], 0, "{ran}");
    assert!(stage.process(1).is_none());
    assert!(stage.row(1).last_error.is_some(), "{}", stage.describe());
}

#[test]
fn old_manager_name_means_the_mode_of_the_colony() {
    let stage = Stage::running(1, &[]);
    stage.tamper("UPDATE node SET manager_type = 'setsid', method = 'setsid'");
    stage.force("stop").done();
    assert!(stage.process(1).is_none());
    assert_eq!(stage.row(1).status, "STOPPED");
}

/// This version has no manager for docker; an unknown word is a damaged row.
#[test]
fn unknown_manager_type_is_rejected_by_name() {
    let stage = Stage::running(2, &[]);
    stage.tamper("UPDATE node SET manager_type = 'docker' WHERE id = 2");
    let ran = stage.force("stop --service_name 2").code(3);
    assert!(ran.stderr.contains("docker"), "{ran}");
    stage.wnm(&["--report", "node-status"]).done();
    stage.force("stop --service_name 1").done();
    assert!(stage.process(1).is_none() && stage.process(2).is_some());
    stage.tamper("UPDATE node SET manager_type = 'nonsense' WHERE id = 2");
    let ran = stage.force("stop --service_name 2").code(3);
    assert!(
        ran.stderr.contains("nonsense") && ran.stderr.contains("row 2"),
        "{ran}"
    );
    assert!(stage.process(2).is_some());
}
