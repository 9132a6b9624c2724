//! Removing: with more nodes than the cap, wnm removes the youngest completely: process, data, logs and
//! row.

use std::fs;

use crate::stage::Stage;

#[test]
fn lower_cap_removes_the_youngest_nodes_completely() {
    let stage = Stage::running(4, &["--node_cap", "4"]);
    stage.pass(&["--node_cap", "2"]).done();
    stage.cycle_until("two are left", |stage| stage.rows().len() == 2);
    assert_eq!(stage.ids(), [1, 2]);
    stage.check_consistency(true);
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2], "not one too many goes");
    assert!(!stage.root(3).exists() && !stage.base().join("logs/antnode0004").exists());
}

#[test]
fn planned_removal_stops_the_node_and_deletes_it_after_the_delay() {
    let stage = Stage::running(2, &["--node_cap", "2", "--delay_remove", "2"]);
    stage.pass(&["--node_cap", "1"]).done();
    assert_eq!(stage.row(2).status, "REMOVING");
    assert!(
        stage.process(2).is_none() && stage.root(2).exists(),
        "{}",
        stage.describe()
    );
    stage.pass(&[]).done();
    stage.cycle_until("it is gone", |stage| stage.ids() == [1]);
    stage.check_consistency(true);
}

#[test]
fn stopped_nodes_are_removed_before_running_ones() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    stage.force("stop --service_name antnode0001").done();
    stage.pass(&["--node_cap", "2"]).done();
    stage.cycle_until("two are left", |stage| stage.rows().len() == 2);
    assert_eq!(stage.ids(), [2, 3]);
}

#[test]
fn forced_removal_does_not_wait() {
    let stage = Stage::running(2, &["--delay_remove", "300"]);
    stage.force("remove --service_name antnode0001").done();
    assert_eq!(stage.ids(), [2]);
    stage.check_consistency(true);
}

#[test]
fn teardown_requires_confirm() {
    let stage = Stage::running(2, &[]);
    stage.force("teardown").code(1).says("--confirm");
    assert_eq!(stage.processes().len(), 2);
    stage.force("teardown --confirm").done();
    assert_eq!(stage.ids(), [0; 0]);
    stage.check_consistency(true);
    assert!(stage.processes().is_empty());
}

#[test]
fn root_directory_that_is_not_the_nodes_own_is_never_deleted() {
    let stage = Stage::running(2, &[]);
    let treasure = stage.home().join("treasure");
    fs::create_dir_all(&treasure).expect("a folder of the operator's");
    fs::write(treasure.join("keys"), "irreplaceable").expect("a file of the operator's");
    for root in [
        stage.home().to_owned(),
        treasure.clone(),
        stage.storage(),
        "/".into(),
    ] {
        stage.tamper(&format!(
            "UPDATE node SET root_dir = '{}' WHERE id = 2",
            root.display()
        ));
        let ran = stage.force("remove --service_name antnode0002 --confirm");
        assert_ne!(ran.code, Some(0), "{ran}");
        assert_eq!(stage.ids(), [1, 2], "the row is kept");
        assert!(treasure.join("keys").exists() && stage.root(1).join("secret-key").exists());
    }
}

#[test]
fn removing_more_than_a_tenth_needs_confirm() {
    // Given a colony of ten nodes and no terminal, when two are removed, then `--confirm` is needed;
    let stage = Stage::running(10, &["--node_cap", "10"]);
    stage
        .force("remove --count 2")
        .code(1)
        .says("--confirm")
        .says("2 of 10 nodes");
    assert_eq!(stage.ids().len(), 10);
    // a single one is removed as before, and two with `--confirm`.
    stage.force("remove --count 1 --node_cap 10").done();
    stage.force("add --count 1").done();
    stage.force("remove --count 2 --confirm").done();
    assert_eq!(stage.ids().len(), 8);
}

#[test]
fn lowering_the_cap_by_more_than_a_tenth_needs_confirm() {
    // Given a colony of ten nodes, when the cap is lowered without a terminal, then a cycle keeps the old cap, and does
    // everything else;
    let stage = Stage::running(10, &["--node_cap", "10"]);
    stage.kill_node(3);
    for _ in 0..2 {
        stage
            .pass(&["--node_cap", "2", "--delay_start", "1"])
            .done()
            .says("8 of 10 nodes")
            .says("this needs `--confirm`; until then `node_cap` stays 10");
    }
    stage.survey_until_running(10);
    assert_eq!(
        stage.figure("SELECT delay_start FROM machine"),
        1,
        "other settings change"
    );
    // and an order changes nothing;
    stage
        .force("update_config --node_cap 2")
        .code(1)
        .says("8 of 10 nodes")
        .says("--confirm");
    assert_eq!(stage.figure("SELECT node_cap FROM machine"), 10);
    assert_eq!(stage.in_state("RUNNING"), 10, "{}", stage.describe());
    // with `--confirm` the cap is kept.
    stage.pass(&["--node_cap", "2", "--confirm"]).done();
    assert_eq!(stage.figure("SELECT node_cap FROM machine"), 2);
}
