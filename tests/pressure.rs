//! Pressure: on an overloaded machine wnm stops nodes one at a time, and starts them again when there is
//! room.

use crate::stage::Stage;

/// A minute with 90 % CPU usage, and the next run.
fn pressed(stage: &Stage) {
    stage.simulate_minute(90);
    stage.wnm(&[]).done();
}

#[test]
fn pressure_stops_nodes_and_keeps_them() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let identities: Vec<_> = (1..=3).map(|id| stage.identity(id)).collect();
    pressed(&stage);
    assert_eq!(
        stage.row(3).status,
        "STOPPED",
        "the youngest goes first\n{}",
        stage.describe()
    );
    assert_eq!(stage.in_state("RUNNING"), 2, "one at a time");
    for _ in 0..3 {
        pressed(&stage);
    }
    assert_eq!(
        stage.in_state("RUNNING"),
        2,
        "no more than half for the load of other programs\n{}",
        stage.describe()
    );
    stage.check_consistency(true);
    stage.cycle_until("all run again", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(
        (1..=3).map(|id| stage.identity(id)).collect::<Vec<_>>(),
        identities
    );
    stage.check_consistency(true);
}

#[test]
fn no_second_node_is_stopped_before_the_effect_of_the_first_is_known() {
    let stage = Stage::running(3, &["--node_cap", "3", "--delay_remove", "300"]);
    pressed(&stage);
    pressed(&stage);
    pressed(&stage);
    assert_eq!(stage.in_state("STOPPED"), 1, "{}", stage.describe());
    assert_eq!(stage.in_state("RUNNING"), 2);
}

#[test]
fn busy_minute_stops_a_node() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.simulate_minute(60);
    stage.wnm(&[]).done();
    assert_eq!(
        stage.in_state("RUNNING"),
        2,
        "between the limits nothing is stopped"
    );
    stage.simulate_minute(90);
    stage.wnm(&[]).done();
    assert_eq!(stage.row(2).status, "STOPPED", "{}", stage.describe());
    stage.simulate_minute(75);
    stage.wnm(&[]).done();
    assert_eq!(stage.row(2).status, "STOPPED", "above a limit nothing is started");
    stage.simulate_minute(60);
    stage.wnm(&[]).done();
    assert_eq!(
        stage.row(2).status,
        "RESTARTING",
        "between the limits it comes back, because it needs little"
    );
    stage.cycle_until("it runs again", |stage| stage.in_state("RUNNING") == 2);
}

#[test]
fn no_node_is_added_under_pressure() {
    let stage = Stage::running(1, &["--node_cap", "5", "--delay_remove", "300"]);
    pressed(&stage);
    pressed(&stage);
    assert_eq!(stage.ids(), [1]);
}

#[test]
fn every_action_gives_its_reason_with_numbers() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    pressed(&stage);
    let events = stage.events();
    let last = events.lines().last().unwrap_or_default();
    assert!(
        last.contains("stop") && last.contains("cpu 9") && last.contains("70 %"),
        "{events}"
    );
}
