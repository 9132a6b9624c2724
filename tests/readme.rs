//! README.md and docs/guide.md: every block marked `console` is run on a stage, its `$` commands in order,
//! and the output compared. `…` stands for any text; a line with `#` describes events in between. Blocks
//! marked `cron` are run as cron would, and those marked `config` are read as settings files. The examples
//! of docs/takeover.md use several machines and have their tests in `takeover`.

mod events_between_commands;
mod session;
mod takeover;

use std::process::{Command, Stdio};

use crate::stage::{Ran, Stage};

#[test]
fn readme_examples_work() {
    play(include_str!("../README.md"));
}

#[test]
fn guide_examples_work() {
    play(include_str!("../docs/guide.md"));
}

/// The lines for cron, run by its shell in its environment.
#[test]
fn crontab_lines_work() {
    let mut lines = 0;
    for page in [include_str!("../README.md"), include_str!("../docs/guide.md")] {
        for block in blocks(page, "cron") {
            lines += 1;
            let stage = Stage::colony(&["--node_cap", "1"]);
            install(&stage);
            stage.simulate_minute(0);
            let mut command = Command::new("/bin/sh");
            command
                .env_clear()
                .env("HOME", stage.home())
                .env("LOGNAME", "op")
                .env("SHELL", "/bin/sh")
                .current_dir(stage.home())
                .stdin(Stdio::null());
            let mut path = "/usr/bin:/bin";
            for line in block.lines() {
                match line.strip_prefix("PATH=") {
                    Some(said) => path = said,
                    None => {
                        let words: Vec<&str> = line.splitn(6, ' ').collect();
                        assert_eq!(words[..5], ["*"; 5], "{line}");
                        command.args(["-c", &at_home(words[5])]);
                    }
                }
            }
            command.env("PATH", path);
            let ran = Ran::of(command).done().prints_nothing();
            assert_eq!(ran.stderr, "", "cron has nothing to mail: {ran}");
            assert_eq!(stage.ids(), [1], "a node was added by `{block}`");
        }
    }
    assert!(lines >= 4, "{lines} lines for cron");
}

/// A command with paths for all users replaced by those for one user.
fn at_home(command: &str) -> String {
    ["/usr/local/bin/wnm", "/usr/bin/wnm"]
        .iter()
        .find_map(|path| command.strip_prefix(path))
        .map_or(command.to_owned(), |rest| format!("$HOME/.local/bin/wnm{rest}"))
}

/// Whoever copies the quick start unchanged must not give his rewards to somebody else.
#[test]
fn example_address_is_rejected() {
    for page in [include_str!("../README.md"), include_str!("../docs/guide.md")] {
        let mut commands = page
            .lines()
            .filter(|line| line.starts_with("$ wnm --init --rewards_address"));
        assert!(commands.all(|line| line.contains(" 0xYOUR_REWARDS_ADDRESS ")));
        assert!(!page.contains("0x0"), "an address that somebody owns");
    }
    let stage = Stage::new();
    let ran = stage.wnm(&["--init", "--rewards_address", "0xYOUR_REWARDS_ADDRESS"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(!stage.database().exists());
}

/// wnm at the path of `packaging/install.sh`.
fn install(stage: &Stage) {
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wnm"), stage.home().join(".local/bin/wnm"))
        .expect("wnm in ~/.local/bin");
}

/// The blocks of a page with this mark.
fn blocks<'a>(page: &'a str, mark: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{mark}\n");
    let blocks: Vec<&str> = page.split(&*fence).skip(1).collect();
    blocks
        .into_iter()
        .map(|block| block.split("```").next().unwrap_or_default())
}

/// Runs all blocks of one page on one machine.
fn play(page: &str) {
    let stage = Stage::new();
    for block in blocks(page, "console") {
        let mut lines = block.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(told) = line.strip_prefix("# ") {
                events_between_commands::come_true(&stage, told);
            } else if let Some(typed) = line.strip_prefix("$ ") {
                let mut expected = Vec::new();
                while let Some(line) = lines.next_if(|line| !line.starts_with(['$', '#'])) {
                    expected.push(line);
                }
                compare(typed, &expected, shell(&stage, typed));
            }
        }
    }
}

/// The settings files on the pages are valid and have an effect.
#[test]
fn settings_files_on_the_pages_work() {
    let stage = Stage::colony(&[]);
    let file = stage.home().join("shown");
    let mut settings = 0;
    for block in blocks(include_str!("../docs/guide.md"), "config") {
        std::fs::write(&file, block).expect("a file of settings");
        let shown = stage.wnm(&["--config", "~/shown", "--report", "machine-config", "--json"]);
        let shown = shown.done().json();
        for line in block.lines() {
            let (name, value) = line.split_once(" = ").expect("a setting");
            let is = shown[name].as_f64();
            assert_eq!(is, value.parse().ok(), "{line}");
            settings += 1;
        }
    }
    assert!(settings > 5, "{settings} settings");
}

/// Runs a line of the operator's shell, with the ports and manager of the stage, which no page knows.
fn shell(stage: &Stage, typed: &str) -> Ran {
    if stage.database().exists() {
        events_between_commands::settle(stage);
        stage.simulate_minute(0);
    }
    // Replaces the placeholder by an address.
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

/// Every expected line must be there in order; a line `…` skips any number of lines. A failed command is
/// shown with its error.
fn compare(typed: &str, expected: &[&str], ran: Ran) {
    let is_error = expected.iter().any(|line| line.starts_with("error: "));
    let ran = if is_error { ran } else { ran.done() }.plain();
    assert!(!is_error || ran.code != Some(0), "an error: {ran}");
    let printed = if is_error { &ran.stderr } else { &ran.stdout };
    let mut printed = printed.lines();
    for line in expected
        .iter()
        .filter(|line| !line.trim().is_empty() && line.trim() != "…")
    {
        assert!(
            printed.any(|printed| alike(line, printed)),
            "`{line}` after `{typed}`: {ran}"
        );
    }
}

/// Whether a printed line matches; runs of spaces count as one.
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
