//! Batches: when wnm adds or starts several services, it calls systemd once per batch; no batch is larger
//! than the quotas or starts before the previous one has settled.

use crate::python_bugs::services;
use crate::stage::Stage;

/// The calls of systemctl with `verb`, each with its units.
fn batches(stage: &Stage, verb: &str) -> Vec<usize> {
    let told = services::calls(stage);
    let of_verb = |call: &String| {
        let mut words = call.strip_prefix("systemctl --user ")?.split(' ');
        (words.next() == Some(verb)).then(|| words.filter(|word| *word != "--").count())
    };
    told.iter().filter_map(of_verb).collect()
}

#[test]
fn fifty_nodes_are_added_with_one_reload_and_one_start() {
    let stage = services::colony(&["--node_cap", "50"]);
    services::forget(&stage);
    stage.force("add --count 50").done();
    assert_eq!(batches(&stage, "daemon-reload"), [0], "one, and of no unit");
    assert_eq!(batches(&stage, "start"), [50]);
    assert_eq!(stage.in_state("RESTARTING"), 50, "{}", stage.describe());
    stage.check_consistency(false);
}

#[test]
fn fifty_stopped_nodes_are_started_with_one_call_and_no_reload() {
    let stage = services::of(50, &["--node_cap", "50"]);
    stage.force("stop --count 50").done();
    services::forget(&stage);
    stage.force("start --count 50").done();
    assert!(
        batches(&stage, "daemon-reload").is_empty(),
        "no unit was written: {:?}",
        services::calls(&stage)
    );
    assert_eq!(batches(&stage, "start"), [50]);
    stage.check_consistency(false);
}

#[test]
fn planned_starts_come_in_batches_of_the_quota() {
    let stage = services::colony(&[
        "--node_cap",
        "10",
        "--max_concurrent_starts",
        "4",
        "--max_concurrent_operations",
        "4",
        "--delay_start",
        "600",
    ]);
    services::forget(&stage);
    stage.cycle();
    assert_eq!(batches(&stage, "daemon-reload").len(), 1);
    assert_eq!(batches(&stage, "start"), [4]);
    // Those four have ten minutes to start; until then there is no room for others.
    stage.cycle();
    assert_eq!(batches(&stage, "start"), [4], "{}", stage.describe());
    stage.pass(&["--delay_start", "1"]).done();
    stage.cycle_until("all ten run", |stage| stage.in_state("RUNNING") == 10);
    let starts = batches(&stage, "start");
    assert!(starts.iter().all(|nodes| *nodes <= 4), "{starts:?}");
    assert_eq!(starts.iter().sum::<usize>(), 10, "{starts:?}");
    assert_eq!(batches(&stage, "daemon-reload").len(), starts.len());
    stage.check_consistency(true);
}
