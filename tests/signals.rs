//! Signals: a run that gets a signal finishes the present step and exits within two seconds.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::stage::{Stage, Stopwatch, kill};

#[test]
fn run_that_is_asked_to_end_finishes_its_step_and_exits() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let stage = Stage::colony(&[]);
        let mut child = stage.begin(&[
            "--force_action",
            "add",
            "--count",
            "5",
            "--this_action_delay",
            "1500",
        ]);
        stage.wait_for("the first node is there", |stage| !stage.rows().is_empty());
        let stopwatch = Stopwatch::start(&child);
        kill(child.id() as i32, signal);
        let took = stopwatch.until_end();
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(1), "{signal}");
        assert!(took < Duration::from_secs(2), "{signal}: {took:?}");
        assert!(stage.rows().len() < 5, "{}", stage.describe());
        stage.check_consistency(false);
        stage.force("add").done();
        stage.check_consistency(false);
    }
}

#[test]
fn nodes_survive_the_run_that_started_them() {
    let stage = Stage::running(1, &[]);
    let pid = stage.process(1).expect("it runs").pid;
    let session = nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(pid))).expect("its session");
    assert_ne!(
        session,
        nix::unistd::getsid(None).expect("ours"),
        "a node has a session of its own"
    );
    kill(pid, Signal::SIGTERM);
    stage.wait_for("it ends as any program does", |stage| stage.process(1).is_none());
}
