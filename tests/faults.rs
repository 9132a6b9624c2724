//! Faults: on a machine where something is broken, wnm reports the fault and what it affects, exits with
//! the right code and loses nothing; the next run on a repaired machine continues.
//!
//! Each fault is a row of docs/faults.md and a test; `UPDATE=1` writes the rows to the page.
//! `WNM_FAULT=word` runs only the faults with that word in the name.

mod antnode;
mod clock_and_proc;
mod database;
mod docs_page;
mod failing_calls;
mod full_disks;
mod many_nodes_down;
mod missing_disks;
pub mod mount_namespace;
mod process;
mod programs;

use std::sync::Mutex;

use crate::crashes::consistency::{Identities, identities};
use crate::stage::{Ran, Stage};

/// One row of the page, and its test.
pub struct Fault {
    /// What is broken, and what is done then.
    pub given: &'static str,
    /// The message of wnm, `…` for what varies between machines; empty where there is none.
    pub says: &'static str,
    /// The possible exit codes; the page shows the first.
    pub codes: &'static [i32],
    pub then: Then,
    pub play: fn() -> Option<Played>,
}

/// What the next run does.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// On a repaired machine everything is as if there had been no fault.
    GoesOn,
    /// It first finishes what was started.
    Finishes,
    /// The fault does not stop it.
    Bears,
}

impl Then {
    fn words(self) -> &'static str {
        match self {
            Then::GoesOn => "works as before, once the fault is fixed",
            Then::Finishes => "finishes or undoes the interrupted action, and continues",
            Then::Bears => "works as this run did",
        }
    }
}

/// The result of a test: the repaired machine, the runs with the fault, and the identities from before.
pub struct Played {
    pub stage: Stage,
    pub ran: Vec<Ran>,
    pub before: Identities,
}

impl Played {
    /// The identities are the present ones: the fault destroyed none.
    pub fn of(stage: Stage, ran: Vec<Ran>) -> Option<Played> {
        let before = identities(&stage);
        Some(Played { stage, ran, before })
    }

    /// The identities are those from before the fault.
    pub fn since(before: Identities, stage: Stage, ran: Vec<Ran>) -> Option<Played> {
        Some(Played { stage, ran, before })
    }
}

/// Runs the test of each fault and compares the result with its row; several at a time.
pub fn play(faults: &[Fault]) {
    let wanted = std::env::var("WNM_FAULT").unwrap_or_default();
    let queue = Mutex::new(faults.iter().filter(|fault| fault.given.contains(&wanted)));
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("a queue").next();
                    let Some(fault) = next else { return };
                    let held = std::panic::catch_unwind(|| fault.hold());
                    if held.is_err() {
                        failed.lock().expect("a list").push(fault.given);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("a list");
    assert!(
        failed.is_empty(),
        "of {} faults failed: {failed:#?}",
        faults.len()
    );
}

impl Fault {
    fn hold(&self) {
        let Some(Played { stage, ran, before }) = (self.play)() else {
            return;
        };
        for ran in ran {
            let ran = ran.plain();
            let code = ran.code.unwrap_or(-1);
            assert!(
                self.codes.contains(&code),
                "{}: one of the codes {:?} of {ran}",
                self.given,
                self.codes
            );
            let mut rest = ran.stderr.replace('`', "");
            for part in self.says.split('…') {
                let part = part.trim().replace('`', "");
                let place = rest
                    .find(&part)
                    .unwrap_or_else(|| panic!("{}: `{part}` on the stderr of {ran}", self.given));
                rest = rest.split_off(place + part.len());
            }
            let errors = ran
                .stderr
                .lines()
                .filter(|line| line.starts_with("error:"))
                .count();
            assert!(errors <= 1, "{}: one error in {ran}", self.given);
            assert!(
                code == 0 || !ran.stderr.trim().is_empty(),
                "{}: a word on the stderr of {ran}",
                self.given
            );
        }
        is_well(&stage, &before, self.given);
    }
}

/// A clean run succeeds, rows, processes, files and database match, and no identity is lost.
pub fn is_well(stage: &Stage, before: &Identities, given: &str) {
    let ran = stage.pass(&[]);
    assert_eq!(
        ran.code,
        Some(0),
        "{given}: the next run: {ran}\n{}",
        stage.describe()
    );
    stage.check_consistency(false);
    let check: String = stage
        .look()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a verdict");
    assert_eq!(check, "ok", "{given}");
    let now = identities(stage);
    for (folder, key) in before {
        assert_eq!(
            now.get(folder),
            Some(key),
            "{given}: the identity in {} is lost\n{}",
            folder.display(),
            stage.describe()
        );
    }
}
