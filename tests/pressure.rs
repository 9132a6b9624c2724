//! Pressure: given a machine that bears no more, when wnm runs, then nodes stop one by one at its pace, and
//! start again when there is room.

use crate::stage::Stage;

/// Limits that this machine's real use of memory is above: any machine uses more than a hundredth of it,
/// or of its disk. One of the two is enough.
fn pressed(stage: &Stage) -> Vec<&'static str> {
    let metrics = stage
        .wnm(&["--report", "machine-metrics", "--json"])
        .done()
        .json();
    let used = metrics["used_mem_percent"].as_f64().expect("a figure for memory");
    assert!(
        used > 1.0,
        "this machine uses {used} % of its memory; the test needs more than 1"
    );
    vec!["--mem_less_than", "0", "--mem_remove", "1"]
}

const RELIEVED: [&str; 4] = ["--mem_less_than", "99", "--mem_remove", "100"];

#[test]
fn pressure_stops_nodes_and_keeps_them() {
    let stage = Stage::of(3, &["--node_cap", "3"]);
    let identities: Vec<_> = (1..=3).map(|id| stage.identity(id)).collect();
    stage.pass(&pressed(&stage)).done();
    assert_eq!(
        stage.row(3).status,
        "STOPPED",
        "the youngest goes first\n{}",
        stage.describe()
    );
    assert_eq!(stage.in_state("RUNNING"), 2, "one at a time");
    stage.cycle_until("all have stopped", |stage| stage.in_state("STOPPED") == 3);
    stage.agree(true);
    stage.pass(&RELIEVED).done();
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
    stage.pass(&pressed(&stage)).done();
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.in_state("STOPPED"), 1, "{}", stage.describe());
    assert_eq!(stage.in_state("RUNNING"), 2);
}

#[test]
fn processors_that_were_busy_for_a_minute_stop_a_node() {
    let stage = Stage::of(
        2,
        &["--node_cap", "2", "--cpu_less_than", "50", "--cpu_remove", "70"],
    );
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
    stage.pass(&pressed(&stage)).done();
    stage.cycle();
    assert_eq!(stage.ids(), [1]);
}

#[test]
fn every_action_says_why_with_its_figures() {
    let stage = Stage::of(1, &["--node_cap", "1"]);
    stage.pass(&pressed(&stage)).done();
    let events = stage.events();
    let last = events.lines().last().unwrap_or_default();
    assert!(last.contains("stop") && last.contains("mem"), "{events}");
}
