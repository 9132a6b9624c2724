//! Surveying: given nodes that answer, are slow or say nothing, when wnm runs, then it believes what it saw
//! and makes nothing worse.

use crate::stage::Stage;

#[test]
fn a_survey_fills_the_row_with_what_the_node_said() {
    let stage = Stage::of(2, &[]);
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
fn a_node_that_is_slow_is_waited_for() {
    let stage = Stage::of(1, &["--node_cap", "1"]);
    stage.sicken(1, "slow:1500");
    stage.cycle();
    assert_eq!(stage.row(1).status, "RUNNING");
}

#[test]
fn silence_alone_stops_nothing_and_starts_no_second_process() {
    let stage = Stage::of(2, &["--node_cap", "2"]);
    let before = stage.processes();
    stage.sicken(1, "mute");
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.row(1).status, "RUNNING");
    assert_eq!(stage.processes(), before);
    stage.cure(1);
    stage.cycle();
    assert_eq!(stage.processes(), before);
    assert_eq!(stage.figure("SELECT silent_count FROM node WHERE id = 1"), 0);
}

#[test]
fn a_node_that_its_peers_shun_is_replaced_when_that_is_wanted() {
    let stage = Stage::of(2, &["--node_cap", "2", "--shunned_remove", "5"]);
    stage.sicken(1, "shunned:9");
    stage.cycle_until("another has taken its place", |stage| {
        stage.in_state("RUNNING") == 2 && !stage.root(1).exists()
    });
    assert_eq!(stage.ids(), [2, 3]);
    stage.agree(true);
}

#[test]
fn a_shunned_node_stays_where_nothing_was_said_of_it() {
    let stage = Stage::of(1, &["--node_cap", "1"]);
    let before = stage.processes();
    stage.sicken(1, "shunned:900");
    (0..4).for_each(|_| drop(stage.cycle()));
    assert_eq!(stage.processes(), before);
}
