//! Pressure: given a machine that bears no more, when wnm runs, then nodes stop one by one at its pace, and
//! start again when there is room.

use crate::stage::Stage;

/// A minute in which the processors were busy at 90 %, and the run that sees it.
fn pressed(stage: &Stage) {
    stage.minute(90);
    stage.wnm(&[]).done();
}

#[test]
fn pressure_stops_nodes_and_keeps_them() {
    let stage = Stage::of(3, &["--node_cap", "3"]);
    let identities: Vec<_> = (1..=3).map(|id| stage.identity(id)).collect();
    pressed(&stage);
    assert_eq!(
        stage.row(3).status,
        "STOPPED",
        "the youngest goes first\n{}",
        stage.describe()
    );
    assert_eq!(stage.in_state("RUNNING"), 2, "one at a time");
    stage.until(
        "all have stopped",
        |stage| stage.in_state("STOPPED") == 3,
        pressed,
    );
    stage.agree(true);
    stage.cycle_until("all run again", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(
        (1..=3).map(|id| stage.identity(id)).collect::<Vec<_>>(),
        identities
    );
    stage.agree(true);
}

#[test]
fn no_second_node_is_stopped_before_the_first_could_tell() {
    let stage = Stage::of(3, &["--node_cap", "3", "--delay_remove", "300"]);
    pressed(&stage);
    pressed(&stage);
    pressed(&stage);
    assert_eq!(stage.in_state("STOPPED"), 1, "{}", stage.describe());
    assert_eq!(stage.in_state("RUNNING"), 2);
}

#[test]
fn processors_that_were_busy_for_a_minute_stop_a_node() {
    let stage = Stage::of(2, &["--node_cap", "2"]);
    stage.minute(60);
    stage.wnm(&[]).done();
    assert_eq!(stage.in_state("RUNNING"), 2, "between the limits nothing is done");
    stage.minute(90);
    stage.wnm(&[]).done();
    assert_eq!(stage.row(2).status, "STOPPED", "{}", stage.describe());
    stage.minute(60);
    stage.wnm(&[]).done();
    assert_eq!(
        stage.row(2).status,
        "STOPPED",
        "between the limits nothing is done"
    );
    stage.cycle_until("it runs again", |stage| stage.in_state("RUNNING") == 2);
}

#[test]
fn under_pressure_nothing_is_added() {
    let stage = Stage::of(1, &["--node_cap", "5", "--delay_remove", "300"]);
    pressed(&stage);
    pressed(&stage);
    assert_eq!(stage.ids(), [1]);
}

#[test]
fn every_action_says_why_with_its_figures() {
    let stage = Stage::of(1, &["--node_cap", "1"]);
    pressed(&stage);
    let events = stage.events();
    let last = events.lines().last().unwrap_or_default();
    assert!(
        last.contains("stop") && last.contains("cpu 9") && last.contains("70 %"),
        "{events}"
    );
}
