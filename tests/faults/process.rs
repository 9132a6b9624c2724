//! Problems of the process itself: streams, descriptors, memory, signals, a missing home.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::mount_namespace::{on_own_ground, wnm};
use super::{Fault, Played, Then, play};
use crate::crashes::consistency::identities;
use crate::stage::{Ran, Stage, Stopwatch, kill};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "stdout is full; a report, a forced action",
        says: "error: cannot write the result to stdout: No space left on device",
        codes: &[3],
        then: Then::GoesOn,
        play: full_stdout,
    },
    Fault {
        given: "stdin, stdout or stderr is closed, or the other end of its pipe is closed; reports, forced actions, cycles",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: closed_streams,
    },
    Fault {
        given: "stderr is full; a cycle",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: full_stderr,
    },
    Fault {
        given: "SIGTERM or SIGINT at any moment of an add, an upgrade, a removal or a cycle",
        says: "",
        codes: &[0, 1, 3],
        then: Then::Finishes,
        play: signals,
    },
    Fault {
        given: "SIGHUP, or SIGPIPE, at any moment of an add",
        says: "",
        codes: &[0, -1],
        then: Then::Finishes,
        play: hangups,
    },
    Fault {
        given: "HOME is not set, so wnm uses the home of the account; a report with `--dbpath`",
        says: "",
        codes: &[0, 1, 2],
        then: Then::Bears,
        play: no_home,
    },
    Fault {
        given: "HOME names a missing directory",
        says: "error: there is no colony at",
        codes: &[1],
        then: Then::GoesOn,
        play: home_gone,
    },
    Fault {
        given: "TMPDIR names a missing directory; an add",
        says: "",
        codes: &[0],
        then: Then::Bears,
        play: no_tmpdir,
    },
    Fault {
        given: "at most 3 to 40 open files are allowed (`ulimit -n`); cycles and adds",
        says: "",
        codes: &[0, 1, 3, 127],
        then: Then::GoesOn,
        play: few_files,
    },
    Fault {
        given: "at most 4 to 200 MB of memory are allowed (`ulimit -v`); cycles and adds",
        says: "",
        codes: &[0, 1, 3, 127, 134, 139, -1],
        then: Then::GoesOn,
        play: little_memory,
    },
];

#[test]
fn limited_or_interrupted_process() {
    play(FAULTS);
}

/// A shell runs wnm in `wrapped`, where `"$@"` is wnm and its arguments.
fn through_shell(stage: &Stage, wrapped: &str, words: &[&str]) -> Ran {
    let mut all = vec!["-c", wrapped, "sh", env!("CARGO_BIN_EXE_wnm")];
    all.extend(words);
    Ran::of(stage.at_home(Command::new("sh"), &all))
}

fn full_stdout() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let ran = vec![
        through_shell(
            &stage,
            "\"$@\" >/dev/full",
            &["--quiet", "--report", "node-status"],
        ),
        through_shell(
            &stage,
            "\"$@\" >/dev/full",
            &["--quiet", "--force_action", "survey"],
        ),
    ];
    Played::of(stage, ran)
}

fn closed_streams() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let mut ran = Vec::new();
    for how in [
        "\"$@\" >&-",
        "\"$@\" 2>&-",
        "\"$@\" <&-",
        "\"$@\" <&- >&- 2>&-",
        "\"$@\" | :",
    ] {
        for words in [
            &["--report", "node-status"][..],
            &["--force_action", "survey"],
            &[],
        ] {
            ran.push(through_shell(&stage, how, words));
        }
    }
    // A node that is started without open descriptors must not write its output to the database.
    through_shell(&stage, "\"$@\" <&- >&- 2>&-", &["--force_action", "add"]).done();
    stage.force("remove --service_name 2").done();
    Played::of(stage, ran)
}

fn full_stderr() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let ran = vec![through_shell(&stage, "\"$@\" 2>/dev/full", &[])];
    assert_eq!(
        through_shell(&stage, "\"$@\" 2>/dev/full", &["--nothing"]).code,
        Some(2)
    );
    Played::of(stage, ran)
}

/// Sends the signal this time after the start; returns the result and the time from the signal to the end.
fn signalled(stage: &Stage, words: &[&str], signal: Signal, after: Duration) -> (Ran, Duration) {
    let child = stage.begin(words);
    std::thread::sleep(after);
    let stopwatch = Stopwatch::start(&child);
    kill(child.id() as i32, signal);
    let took = stopwatch.until_end();
    let output = child.wait_with_output().expect("it ends");
    (Ran::ended(words.join(" "), output), took)
}

fn signals() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let before = identities(&stage);
    let mut ran = Vec::new();
    let mut version = 17;
    for turn in 0..24_u64 {
        let signal = [Signal::SIGTERM, Signal::SIGINT][turn as usize % 2];
        let words: &[&str] = match turn / 2 % 4 {
            0 => &["--force_action", "add"],
            1 => {
                version += 1;
                stage.install(&format!("0.4.{version}"));
                &["--force_action", "upgrade", "--service_name", "1"]
            }
            2 => &["--force_action", "remove", "--service_name", "2"],
            _ => &[],
        };
        // Until wnm handles signals, one ends it like any program; the tests of killed runs cover that.
        let after = Duration::from_millis(30 + turn * 37 % 400);
        let (one, took) = signalled(&stage, words, signal, after);
        assert!(
            took < Duration::from_secs(2),
            "{signal} after {after:?}: {took:?} of {one}"
        );
        if one.code.is_some() {
            ran.push(one);
        }
        stage.pass(&[]);
        stage.check_consistency(false);
    }
    assert!(
        ran.iter().any(|ran| ran.stderr.contains("ended by a signal")),
        "{ran:?}"
    );
    Played::since(before, stage, ran)
}

fn hangups() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "4"]);
    let before = identities(&stage);
    let mut ran = Vec::new();
    for turn in 0..12_u64 {
        let signal = [Signal::SIGHUP, Signal::SIGPIPE][turn as usize % 2];
        let after = Duration::from_millis(20 + turn * 31 % 350);
        ran.push(signalled(&stage, &["--force_action", "add"], signal, after).0);
        stage.pass(&[]).done();
        stage.check_consistency(false);
    }
    // A killed run prints nothing.
    ran.retain(|ran| ran.code.is_some());
    Played::since(before, stage, ran)
}

fn no_home() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let database = stage.database();
    let words = [
        "--report",
        "node-status",
        "--dbpath",
        database.to_str().expect("text"),
    ];
    let mut command = stage.command(&words);
    command.env_remove("HOME");
    let ran = Ran::of(command);
    match ran.code {
        Some(0) => assert!(ran.stdout.contains("antnode0001"), "{ran}"),
        // The user who runs the tests has no account.
        _ => assert!(ran.stderr.contains("no home folder"), "{ran}"),
    }
    Played::of(stage, vec![ran])
}

fn home_gone() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let nowhere = stage.home().join("no/where");
    let ran = stage.wnm_with(&[("HOME", nowhere.to_str().expect("text"))], &[]);
    assert!(!nowhere.exists());
    Played::of(stage, vec![ran])
}

fn no_tmpdir() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "2"]);
    let ran = stage.wnm_with(&[("TMPDIR", "/no/where")], &["--force_action", "add"]);
    Played::of(stage, vec![ran])
}

fn few_files() -> Option<Played> {
    limited("-n", (3..=12).chain([14, 16, 20, 24, 32, 40]))
}

fn little_memory() -> Option<Played> {
    let megabytes = [4, 8, 12, 16, 20, 24, 32, 48, 64, 100, 200];
    limited("-v", megabytes.into_iter().map(|size| size * 1024))
}

fn limited(which: &str, limits: impl Iterator<Item = u64>) -> Option<Played> {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let before = identities(&stage);
    let mut ran = Vec::new();
    for limit in limits {
        let wrapped = format!("ulimit {which} {limit} && \"$@\"");
        for words in [&[][..], &["--force_action", "add"]] {
            stage.simulate_minute(0);
            ran.push(through_shell(&stage, &wrapped, words));
            super::is_well(&stage, &before, &format!("{wrapped} {words:?}"));
        }
    }
    assert!(ran.iter().any(|ran| ran.code == Some(0)), "{ran:?}");
    assert!(ran.iter().any(|ran| ran.code != Some(0)), "{ran:?}");
    Played::since(before, stage, ran)
}

/// With a read-only home, nothing is created and the error names the home.
#[test]
fn read_only_home_is_named() {
    use std::os::unix::fs::PermissionsExt;
    on_own_ground("faults::process::read_only_home_is_named", || {
        let stage = Stage::new();
        let rights = |mode| {
            fs::set_permissions(stage.home().join(".local"), fs::Permissions::from_mode(mode))
                .expect("rights")
        };
        rights(0o555);
        let ran = wnm(
            &stage,
            &[
                "--init",
                "--rewards_address",
                "faucet",
                "--process_manager",
                "setsid+user",
            ],
        );
        rights(0o755);
        let ran = ran.code(1).complains();
        assert!(ran.stderr.contains("ermission denied"), "{ran}");
        assert!(!stage.base().exists());
    });
}

/// A closed pipe is no error.
#[test]
fn closed_stdout_is_no_error() {
    let stage = Stage::running(1, &[]);
    let mut child = stage
        .command(&["--report", "node-status-details", "--json"])
        .stdout(Stdio::piped())
        .stderr(File::create(stage.home().join("said")).expect("a file"))
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(fs::read_to_string(stage.home().join("said")).expect("text"), "");
}
