//! Cron: wnm behaves the same in cron's minimal environment, without a terminal or session.

use std::process::{Command, Stdio};

use crate::stage::{Ran, Stage};

/// The variables of Debian's cron, and no others.
fn by_cron(stage: &Stage, words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wnm"));
    command
        .args(words)
        .env_clear()
        .current_dir(stage.home())
        .stdin(Stdio::null());
    command
        .env("HOME", stage.home())
        .env("LOGNAME", "op")
        .env("SHELL", "/bin/sh")
        .env("PATH", "/usr/bin:/bin");
    Ran::of(command)
}

#[test]
fn colony_grows_under_cron_alone() {
    let stage = Stage::colony(&["--node_cap", "2"]);
    stage.until(
        "two nodes run",
        |stage| stage.in_state("RUNNING") == 2,
        |stage| {
            stage.simulate_minute(0);
            by_cron(stage, &[]).done().plain();
        },
    );
    stage.check_consistency(true);
}

#[test]
fn successful_quiet_run_prints_nothing_so_that_cron_sends_no_mail() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let ran = by_cron(&stage, &["-q"]).done();
    assert_eq!(ran.stderr, "", "{ran}");
}

#[test]
fn missing_colony_is_an_error_with_a_hint() {
    let stage = Stage::new();
    by_cron(&stage, &[])
        .code(1)
        .says("--init")
        .complains()
        .prints_nothing();
    assert!(!stage.database().exists(), "only --init makes a database");
}
