//! Cron: given cron's bare environment, no terminal and no session, when wnm runs, then it does the same.

use std::process::{Command, Stdio};

use crate::stage::{Ran, Stage};

/// What Debian's cron sets, and nothing else.
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
fn a_colony_grows_under_cron_alone() {
    let stage = Stage::colony(&["--node_cap", "2"]);
    stage.until(
        "two nodes run",
        |stage| stage.in_state("RUNNING") == 2,
        |stage| {
            stage.minute(0);
            by_cron(stage, &[]).done().plain();
        },
    );
    stage.agree(true);
}

#[test]
fn a_quiet_run_that_goes_well_says_nothing_so_that_cron_mails_nothing() {
    let stage = Stage::of(1, &["--node_cap", "1"]);
    let ran = by_cron(&stage, &["-q"]).done();
    assert_eq!(ran.stderr, "", "{ran}");
}

#[test]
fn without_a_colony_the_operator_is_told_what_to_do() {
    let stage = Stage::new();
    by_cron(&stage, &[])
        .code(1)
        .says("--init")
        .complains()
        .prints_nothing();
    assert!(!stage.database().exists(), "only --init makes a database");
}
