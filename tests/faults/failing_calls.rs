//! Failing system calls: strace makes one call fail in each run.
//!
//! `cargo test` tries a sample; `WNM_STRESS=full cargo test --test main faults::failing_calls -- --nocapture` tries
//! all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::{Fault, Played, Then, is_well, play};
use crate::crashes::consistency::identities;
use crate::crashes::is_full;
use crate::crashes::system_calls::{Call, calls, failed_at, is_traceable};
use crate::stage::{Ran, Stage};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "one system call that changes something fails with `ENOSPC` (disk full); adds, upgrades, removals, cycles",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || {
            at_calls(
                "ENOSPC",
                &[
                    "write",
                    "pwrite64",
                    "fsync",
                    "linkat",
                    "mkdir",
                    "rename",
                    "ftruncate",
                    "openat",
                ],
            )
        },
    },
    Fault {
        given: "one such call fails with `EIO` (disk failure); the same runs",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || {
            at_calls(
                "EIO",
                &[
                    "pread64", "write", "pwrite64", "fsync", "unlink", "unlinkat", "rename",
                ],
            )
        },
    },
    Fault {
        given: "one such call fails with `EROFS` (read-only disk); the same runs",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || {
            at_calls(
                "EROFS",
                &[
                    "openat", "linkat", "mkdir", "unlink", "unlinkat", "rename", "rmdir", "fchmod",
                ],
            )
        },
    },
    Fault {
        given: "one such call fails with `EACCES` (permission denied); the same runs",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || {
            at_calls(
                "EACCES",
                &[
                    "fchmod", "linkat", "mkdir", "unlink", "unlinkat", "rename", "kill", "execve",
                ],
            )
        },
    },
    Fault {
        given: "one call fails with `EMFILE` (too many open files); the same runs",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || {
            at_calls(
                "EMFILE",
                &["openat", "socket", "pipe2", "epoll_create1", "eventfd2", "fcntl"],
            )
        },
    },
    Fault {
        given: "one call fails with `ENOSPC` or `EIO`; `--init`",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || at_beginnings(Beginning::Init),
    },
    Fault {
        given: "one call fails with `ENOSPC` or `EIO`; `--init --import` of a running node",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || at_beginnings(Beginning::Import),
    },
    Fault {
        given: "one call fails with `ENOSPC` or `EIO`; a migration of a database of the Python wnm",
        says: "",
        codes: &[0, 1, 2, 3],
        then: Then::Finishes,
        play: || at_beginnings(Beginning::Migration),
    },
];

#[test]
fn any_failing_system_call() {
    play(FAULTS);
}

/// The number of calls of each step, for each error, in the sample.
const SAMPLE: usize = 6;

/// Calls spread evenly over the run, and the first that opens the database, without which no run works.
fn sample(all: &[Call]) -> Vec<&Call> {
    if is_full() {
        return all.iter().collect();
    }
    let count = SAMPLE.min(all.len());
    let opening = all.iter().position(|call| call.opens_database);
    let places: BTreeSet<usize> = (0..count)
        .map(|nth| nth * all.len() / count)
        .chain(opening)
        .collect();
    places.into_iter().map(|place| &all[place]).collect()
}

fn at_calls(error: &str, names: &[&str]) -> Option<Played> {
    if !is_traceable() {
        eprintln!("SKIPPED: calls that fail with {error}: strace is missing, or may not trace here");
        return None;
    }
    let stage = Stage::running(
        1,
        &["--node_cap", "2", "--cpu_less_than", "99", "--cpu_remove", "100"],
    );
    let kept = identities(&stage);
    let mut version = 18;
    let mut ran: Vec<Ran> = Vec::new();
    let mut ends: BTreeMap<Option<i32>, usize> = BTreeMap::new();
    for step in ["add", "upgrade", "remove", ""] {
        let mut prepare = || {
            stage.cycle_until("two nodes run", |stage| stage.in_state("RUNNING") == 2);
            if step == "upgrade" {
                stage.install(&format!("0.4.{version}"));
                version += 1;
            }
        };
        let words: &[&str] = match step {
            "" => &[],
            "add" => &["--force_action", "add"],
            "upgrade" => &["--force_action", "upgrade", "--service_name", "1"],
            step => &["--force_action", step, "--count", "1"],
        };
        prepare();
        let all: Vec<_> = calls(&stage, words)
            .into_iter()
            .filter(|call| names.contains(&call.name.as_str()))
            .collect();
        for call in sample(&all) {
            prepare();
            let failed = failed_at(&stage, words, call, error);
            // Calls before wnm's own code, or on a descriptor that is no file and cannot have this error.
            let is_no_fault = [
                "error while loading shared libraries",
                "failed to wake I/O driver",
            ];
            if is_no_fault.iter().any(|sign| failed.stderr.contains(sign)) {
                continue;
            }
            let failed = failed.plain();
            assert!(
                matches!(failed.code, Some(0..=3)),
                "{error} at {call:?} of `{step}`: {failed}"
            );
            *ends.entry(failed.code).or_default() += 1;
            ran.push(failed);
            is_well(
                &stage,
                &kept,
                &format!("{error} at {call:?} of `{step}`: {}", ran[ran.len() - 1]),
            );
        }
    }
    eprintln!("{error}: {} runs, ended with {ends:?}", ran.len());
    assert!(ends.len() > 1, "{error} was met: {ends:?}");
    Played::since(kept, stage, ran)
}

/// The creation of a colony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    Init,
    Import,
    Migration,
}

/// The first run of a colony has a failing call, the second has none and finishes the work of the first.
fn at_beginnings(beginning: Beginning) -> Option<Played> {
    if !is_traceable() {
        eprintln!("SKIPPED: {beginning:?} with calls that fail: strace is missing, or may not trace here");
        return None;
    }
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let kept = identities(&stage);
    let (colony, peers) = (stage.home().join("colony.kept"), stage.home().join("peers.db"));
    stage.tamper("PRAGMA wal_checkpoint(TRUNCATE)");
    fs::copy(stage.database(), &colony).expect("a copy");
    Connection::open(&peers)
        .and_then(|peer| peer.execute_batch(include_str!("../databases/e2f4a512d24c.sql")))
        .expect("a database of the Python wnm");
    let lay = |what: Option<&Path>| {
        for end in ["db", "db-wal", "db-shm"] {
            let _ = fs::remove_file(stage.database().with_extension(end));
        }
        if let Some(what) = what {
            fs::copy(what, stage.database()).expect("a copy");
        }
    };
    let founding = stage.init_arguments();
    let mut words: Vec<&str> = founding.iter().map(String::as_str).collect();
    let before = match beginning {
        Beginning::Init => None,
        Beginning::Import => {
            words.push("--import");
            None
        }
        Beginning::Migration => {
            words = vec!["--force_action", "wnm-db-migration", "--confirm"];
            Some(peers.as_path())
        }
    };
    lay(before);
    let names = [
        "write",
        "pwrite64",
        "fsync",
        "mkdir",
        "rename",
        "linkat",
        "ftruncate",
        "unlink",
        "openat",
    ];
    let all: Vec<_> = calls(&stage, &words)
        .into_iter()
        .filter(|call| names.contains(&call.name.as_str()))
        .collect();
    let most = if is_full() { all.len() } else { 2 * SAMPLE };
    let mut ran = Vec::new();
    for nth in 0..most.min(all.len()) {
        let call = &all[nth * all.len() / most];
        let error = ["ENOSPC", "EIO"][nth % 2];
        lay(before);
        let failed = failed_at(&stage, &words, call, error);
        if failed.stderr.contains("shared libraries") || failed.stderr.contains("failed to wake I/O driver") {
            continue;
        }
        let failed = failed.plain();
        let again = stage.wnm(&words);
        let is_there = again.code == Some(0) || again.stderr.contains("Machine already initialized");
        assert!(
            is_there,
            "{error} at {call:?} of {beginning:?}: {failed}\nthen {again}"
        );
        let is_done = failed.code == Some(0) || again.code == Some(0);
        assert!(
            is_done,
            "a colony that came to be without a word: {failed}\nthen {again}"
        );
        let sound: String = stage
            .look()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a verdict");
        assert_eq!(sound, "ok", "{error} at {call:?} of {beginning:?}");
        let rows = stage.figure("SELECT count(*) FROM node");
        match beginning {
            Beginning::Init => assert_eq!(rows, 0),
            Beginning::Import => assert_eq!(stage.ids(), [1], "{failed}\nthen {again}"),
            Beginning::Migration => assert!(rows > 0, "no row of the Python wnm's is lost"),
        }
        ran.push(failed);
    }
    assert!(ran.iter().any(|ran| ran.code != Some(0)), "{ran:?}");
    lay(Some(&colony));
    Played::since(kept, stage, ran)
}
