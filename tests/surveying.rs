//! Surveying: nodes that answer, are slow or do not answer.

use crate::stage::Stage;

#[test]
fn survey_stores_what_the_node_reported() {
    let stage = Stage::running(2, &[]);
    for row in stage.rows() {
        assert_eq!(row.version.as_deref(), Some("0.4.17"));
        assert!(row.peer_id.is_some_and(|id| id.starts_with("12D3KooW")));
        let kept = std::fs::read_dir(row.root.join("record_store"))
            .expect("its records")
            .count();
        assert_eq!(row.records, kept as i64);
    }
    let told = stage
        .wnm(&["--report", "node-status-details", "--json"])
        .done()
        .json();
    for (row, told) in stage.rows().iter().zip(told.as_array().expect("a list of nodes")) {
        assert_eq!(told["service"], row.service);
        assert_eq!(told["status"], "RUNNING");
        assert_eq!(told["metrics_port"], row.metrics_port);
        assert_eq!(told["records"], row.records);
    }
    stage.wait_for("time goes on", |stage| {
        stage.survey();
        stage.figure("SELECT min(uptime) FROM node") > 0
    });
}

#[test]
fn slow_node_is_waited_for() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.set_fault(1, "slow:1500");
    stage.cycle();
    assert_eq!(stage.row(1).status, "RUNNING");
}

#[test]
fn node_that_does_not_answer_is_neither_stopped_nor_started_twice() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let before = stage.processes();
    stage.set_fault(1, "mute");
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.row(1).status, "RUNNING");
    assert_eq!(stage.processes(), before);
    stage.clear_fault(1);
    stage.cycle();
    assert_eq!(stage.processes(), before);
    assert_eq!(stage.figure("SELECT silent_count FROM node WHERE id = 1"), 0);
}

#[test]
fn shunned_node_is_replaced_if_enabled() {
    let stage = Stage::running(2, &["--node_cap", "2", "--shunned_remove", "5"]);
    stage.set_fault(1, "shunned:9");
    stage.cycle_until("another has taken its place", |stage| {
        stage.in_state("RUNNING") == 2 && !stage.root(1).exists()
    });
    assert_eq!(stage.ids(), [2, 3]);
    stage.check_consistency(true);
}

#[test]
fn shunned_node_is_kept_by_default() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let before = stage.processes();
    stage.set_fault(1, "shunned:900");
    (0..4).for_each(|_| drop(stage.cycle()));
    assert_eq!(stage.processes(), before);
}
