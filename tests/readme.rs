//! What README.md and docs/guide.md promise: every block marked `console` is run on a stage, a command a `$`,
//! in order, and what it prints is compared. `…` stands for anything.

use std::process::Command;

use crate::stage::{Ran, Stage};

#[test]
fn the_readme_is_true() {
    play(include_str!("../README.md"));
}

#[test]
fn the_guide_is_true() {
    play(include_str!("../docs/guide.md"));
}

/// Plays all blocks of one page on one machine.
fn play(page: &str) {
    let stage = Stage::new();
    for block in page.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for part in block.split("$ ").skip(1) {
            let (typed, expected) = part.split_once('\n').unwrap_or((part, ""));
            compare(typed, expected, shell(&stage, typed));
        }
    }
}

/// A line of the operator's shell. Ports and the manager are those of the stage: a page does not know them.
fn shell(stage: &Stage, typed: &str) -> Ran {
    if stage.database().exists() {
        stage.minute(0);
    }
    if let Some(rest) = typed.strip_prefix("wnm --init") {
        let words: Vec<_> = rest
            .split_whitespace()
            .filter(|word| *word != "--rewards_address")
            .collect();
        let ran = stage.init(
            &words
                .into_iter()
                .filter(|word| !word.starts_with("0x"))
                .collect::<Vec<_>>(),
        );
        stage.survey();
        return ran;
    }
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_wnm"))
        .parent()
        .expect("the folder of wnm");
    let mut command = Command::new("/bin/sh");
    let path = format!(
        "{}:{}/.local/bin:/usr/bin:/bin",
        programs.display(),
        stage.home().display()
    );
    command
        .args(["-c", typed])
        .env_clear()
        .env("HOME", stage.home())
        .env("PATH", path)
        .current_dir(stage.home());
    Ran::of(command)
}

/// Every expected line must be there, in order; a line that is only `…` skips any number of them.
fn compare(typed: &str, expected: &str, ran: Ran) {
    let ran = ran.done().plain();
    let mut printed = ran.stdout.lines();
    for line in expected
        .lines()
        .filter(|line| !line.trim().is_empty() && line.trim() != "…")
    {
        assert!(
            printed.any(|printed| alike(line, printed)),
            "`{line}` after `{typed}`: {ran}"
        );
    }
}

/// Whether a printed line is the promised one; runs of spaces count as one.
fn alike(promised: &str, printed: &str) -> bool {
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    let promised = promised.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = printed.as_str();
    let mut parts = promised.split('…').peekable();
    if let Some(first) = parts.next() {
        let Some(after) = rest.strip_prefix(first) else {
            return false;
        };
        rest = after;
    }
    for part in parts {
        let Some(place) = rest.find(part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
    }
    rest.is_empty() || promised.ends_with('…')
}
