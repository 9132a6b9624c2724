//! Reboot: after a reboot the nodes are restarted at the rate of the quotas. Here every process is killed
//! and the time of the last stop moved back; `tests/lab` boots for real.

use nix::sys::signal::Signal;

use crate::stage::{Stage, kill};

#[test]
fn nodes_restart_one_by_one_after_a_reboot() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let identities: Vec<_> = (1..=3).map(|id| stage.identity(id)).collect();
    stage
        .processes()
        .iter()
        .for_each(|process| kill(process.pid, Signal::SIGKILL));
    stage.wait_for("all are dead", |stage| stage.processes().is_empty());
    stage.pass(&["--last_stopped_at", "1000"]).done();
    assert_eq!(
        stage.in_state("STOPPED"),
        3,
        "the first run only looks\n{}",
        stage.describe()
    );
    for running in 1..=3 {
        stage.cycle_until("one more runs", |stage| {
            assert!(stage.in_state("RESTARTING") <= 1, "{}", stage.describe());
            stage.in_state("RUNNING") == running
        });
    }
    assert_eq!(stage.ids(), [1, 2, 3]);
    assert_eq!(
        (1..=3).map(|id| stage.identity(id)).collect::<Vec<_>>(),
        identities
    );
    stage.check_consistency(true);
}

#[test]
fn first_run_after_init_is_no_reboot() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    stage.cycle_until("a node is added", |stage| stage.ids() == [1]);
    assert!(
        !stage.events().to_lowercase().contains("reboot"),
        "{}",
        stage.events()
    );
}

#[test]
fn boot_ends_the_starts_that_it_interrupted() {
    // Given two nodes that were RESTARTING when the machine went down,
    let stage = Stage::running(2, &["--node_cap", "2"]);
    for process in stage.processes() {
        kill(process.pid, Signal::SIGKILL);
    }
    stage.wait_for("all are dead", |stage| stage.processes().is_empty());
    stage.tamper("UPDATE node SET status = 'RESTARTING', timestamp = 1000");
    // when the first run after the boot looks at them,
    stage
        .pass(&["--last_stopped_at", "1000", "--delay_start", "2000000000"])
        .done();
    // then they are STOPPED at once, and no start has failed.
    assert_eq!(stage.in_state("STOPPED"), 2, "{}", stage.describe());
    assert_eq!(
        stage.figure("SELECT count(*) FROM node WHERE start_failures > 0"),
        0
    );
}
