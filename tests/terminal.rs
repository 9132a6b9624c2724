//! On a terminal, tables and errors are coloured and long work shows its progress; files, pipes and cron
//! mails have neither.
//!
//! The terminal is created by script(1) of util-linux, where installed.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::stage::{Ran, Stage, kill, processes_under};

/// A run that ignores a signal goes on for this time.
const SURVEY_DELAY: Duration = Duration::from_secs(20);

pub const COLOURS: &[(&str, &str)] = &[("TERM", "xterm")];

/// The command that creates a terminal; None without script(1).
pub fn on_terminal(stage: &Stage, variables: &[(&str, &str)], line: &str) -> Option<Command> {
    let script = ["/usr/bin/script", "/bin/script"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists());
    let Some(script) = script else {
        eprintln!("skipped: there is no script(1)");
        return None;
    };
    let mut command = Command::new(script);
    command
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .env_clear()
        .envs(
            stage
                .command(&[])
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("SHELL", "/bin/sh")
        .envs(variables.iter().copied())
        .current_dir(stage.home())
        .stdin(Stdio::null());
    Some(command)
}

/// The output of wnm on a terminal.
fn seen(stage: &Stage, variables: &[(&str, &str)], words: &str) -> Option<Ran> {
    on_terminal(
        stage,
        variables,
        &format!("{} {words}", env!("CARGO_BIN_EXE_wnm")),
    )
    .map(Ran::of)
}

/// The text without colours.
fn faded(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let end = part
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(part.len(), |end| end + 1);
        all + &part[end..]
    })
}

#[test]
fn table_is_coloured_only_on_a_terminal() {
    let stage = Stage::running(2, &[]);
    stage.force("stop --service_name antnode0002").done();
    let report = ["--report", "node-status"];
    let piped = stage.wnm_with(COLOURS, &report).done().plain().stdout;
    let header = format!(
        "{:<20}{:<55}{:<15}{:>15}",
        "Service Name", "Peer ID", "Status", "Connected Peers"
    );
    assert_eq!(piped.lines().next(), Some(header.as_str()));
    let Some(shown) = seen(&stage, COLOURS, &report.join(" ")) else {
        return;
    };
    let shown = shown.done().stdout;
    assert!(
        shown.contains("\x1b[32mRUNNING") && shown.contains("\x1b[33mSTOPPED"),
        "{shown:?}"
    );
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&faded(&shown)), words(&piped));
    let ends: Vec<usize> = faded(&shown).lines().map(|line| line.trim_end().len()).collect();
    assert!(
        ends.windows(2).all(|pair| pair[0] == pair[1]),
        "the columns are in line: {shown}"
    );
    for plain in [&[("TERM", "xterm"), ("NO_COLOR", "1")][..], &[("TERM", "dumb")]] {
        let shown = seen(&stage, plain, &report.join(" "))
            .expect("it was there")
            .done();
        assert_eq!(shown.stdout.replace("\r\n", "\n"), piped, "{plain:?}");
    }
}

#[test]
fn error_is_red_only_on_a_terminal() {
    let stage = Stage::new();
    let piped = stage
        .wnm_with(COLOURS, &["--nodecap", "4"])
        .code(2)
        .plain()
        .stderr;
    assert!(
        piped.starts_with("error: unexpected argument '--nodecap'"),
        "{piped}"
    );
    let Some(shown) = seen(&stage, COLOURS, "--nodecap 4") else {
        return;
    };
    let shown = shown.code(2).stdout;
    assert!(
        shown.starts_with("\x1b[1;31merror:\x1b[0m unexpected"),
        "{shown:?}"
    );
    assert_eq!(faded(&shown).replace("\r\n", "\n"), piped);
    let narrow = seen(&stage, &[("TERM", "dumb")], "--nodecap 4").expect("it was there");
    assert_eq!(narrow.code(2).stdout.replace("\r\n", "\n"), piped);
}

#[test]
fn long_work_shows_its_progress() {
    let stage = Stage::running(2, &["--survey_delay", "1500"]);
    let words = "--force_action survey --loglevel WARNING";
    let Some(shown) = seen(&stage, COLOURS, words) else {
        return;
    };
    let shown = shown.done().stdout;
    assert!(
        shown.contains("surveying nodes [") && shown.contains("] 1/2 ETA "),
        "{shown:?}"
    );
    // The progress line is erased before other output.
    let (_, after) = shown.rsplit_once("\r\x1b[K").expect("it is erased");
    assert!(!after.contains("asking") && !after.contains('\x1b'), "{after:?}");
    for (variables, words) in [
        (COLOURS, "--force_action survey --quiet"),
        (COLOURS, "--force_action survey 2>/dev/null"),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], words),
        (&[("TERM", "dumb")], words),
    ] {
        let shown = seen(&stage, variables, words)
            .expect("it was there")
            .done()
            .plain();
        assert!(!shown.stdout.contains("asking"), "{variables:?} {words}: {shown}");
    }
    stage
        .wnm_with(COLOURS, &["--force_action", "survey"])
        .done()
        .plain();
    let bulk = seen(
        &stage,
        COLOURS,
        "--force_action add --count 3 --this_action_delay 50",
    );
    let bulk = bulk.expect("it was there").done().stdout;
    for part in ["executing steps [", "0/3 ETA -", "2/3 ETA "] {
        assert!(bulk.contains(part), "{part} in {bulk:?}");
    }
    assert!(faded(&bulk).contains("Added 3 nodes: "), "{bulk:?}");
}

#[test]
fn commands_answer_in_sentences_with_what_happens_next() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let said = |words: &str| Some(faded(&seen(&stage, COLOURS, words)?.done().stdout).replace('\r', ""));
    let Some(stopped) = said("stop 3") else { return };
    assert_eq!(
        stopped,
        "Stopped antnode0003.\nThe next run starts them again if there is room, with cron in at most a minute. \
         `wnm disable antnode0003` keeps them stopped.\n"
    );
    for (words, parts) in [
        ("stop 3 --dry_run", &["Would stop antnode0003."][..]),
        ("start 3", &["Started antnode0003.\n", "`wnm status` shows"]),
        ("restart 1-2", &["Restarted 2 nodes: antnode0001, antnode0002.\n"]),
        (
            "add",
            &[
                "Added antnode0004.\n",
                "a cap of 3: the next runs remove 1 of them",
                "`wnm config set node_cap 4`",
            ],
        ),
        (
            "disable 4 --until 2h",
            &[
                "Disabled antnode0004.\nThey stay stopped until 20",
                "`wnm enable antnode0004`",
            ],
        ),
        (
            "remove 4",
            &[
                "Removed antnode0004.\n",
                "kept for 30 days: `wnm restore antnode0004`",
            ],
        ),
        (
            "remove 3",
            &[
                "The cap is 3, and the colony has 2",
                "`wnm config set node_cap 2` prevents that",
            ],
        ),
        (
            "pause --until 2h",
            &[
                "Paused the colony until 20",
                "the nodes keep running",
                "`wnm resume` ends the pause",
            ],
        ),
        (
            "stop 2",
            &["wnm is paused until 20", "nothing starts them meanwhile"],
        ),
        ("resume", &["Resumed; the next run acts again"]),
        ("start all", &["Started antnode0002."]),
        ("stop 2 --json", &["\"stopped_count\": 1"]),
        (
            "teardown --confirm",
            &["Removed all nodes", "The cap is still 3", "`wnm schedule remove`"],
        ),
    ] {
        let text = said(words).expect("it was there");
        for part in parts {
            assert!(text.contains(part), "{part} after {words}: {text}");
        }
        assert!(!text.contains(" INFO "), "{words}: {text}");
    }
}

#[test]
fn run_without_a_command_answers_in_sentences() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    stage.simulate_minute(0);
    let Some(ran) = seen(&stage, COLOURS, "") else {
        return;
    };
    let text = faded(&ran.done().stdout);
    assert!(text.contains("Done: add node 1 as antnode0001"), "{text}");
    assert!(!text.contains("Action: {"), "{text}");
}

#[test]
fn signal_leaves_the_terminal_unchanged() {
    let stage = Stage::running(2, &[]);
    let line = format!(
        "{} --force_action survey --this_survey_delay {}; echo \"ended $?\"; stty -a",
        env!("CARGO_BIN_EXE_wnm"),
        SURVEY_DELAY.as_millis()
    );
    let Some(mut command) = on_terminal(&stage, COLOURS, &line) else {
        return;
    };
    let child = command.stdout(Stdio::piped()).spawn().expect("script starts");
    stage.wait_for("wnm is at work", |_| !runs_of_wnm(child.id()).is_empty());
    std::thread::sleep(Duration::from_millis(700));
    let begun = Instant::now();
    runs_of_wnm(child.id())
        .iter()
        .for_each(|pid| kill(*pid, Signal::SIGINT));
    let shown = Ran::ended(line, child.wait_with_output().expect("it ends")).stdout;
    assert!(
        begun.elapsed() < SURVEY_DELAY,
        "it waited for the delay: {:?}",
        begun.elapsed()
    );
    let (before, after) = shown
        .rsplit_once("\r\x1b[K")
        .expect("there was a line, and it is erased");
    assert!(before.contains("surveying nodes"), "{shown:?}");
    assert!(
        after.contains("ended 1") && after.contains(" echo ") && after.contains(" icanon"),
        "{shown:?}"
    );
    assert!(
        !shown.contains("\x1b[?"),
        "no mode of the terminal was changed: {shown:?}"
    );
    assert!(processes_under(stage.home()).len() >= 2, "its nodes live on");
}

/// The descendants that are wnm.
fn runs_of_wnm(top: u32) -> Vec<i32> {
    let children = |pid: i32| -> Vec<i32> {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    };
    let mut found = Vec::new();
    let mut open = children(top as i32);
    while let Some(pid) = open.pop() {
        open.extend(children(pid));
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        if program == std::path::Path::new(env!("CARGO_BIN_EXE_wnm")) {
            found.push(pid);
        }
    }
    found
}
