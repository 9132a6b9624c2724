//! Killed while it imports nodes, at each system call and at random moments: there is then no colony, one
//! without nodes, or a complete one, and the same command finishes it. The nodes are not affected.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rusqlite::types::Value;

use super::all_or_nothing::{self, Repeatable};
use super::is_full;
use super::system_calls::Whom;
use crate::import::{IMPORT, lasting, lose_database, pids};
use crate::stage::Stage;

/// Running nodes and a stopped one, whose database is lost.
struct Found {
    stage: Stage,
    words: Vec<&'static str>,
    /// The database before the import; None where the import creates it.
    empty: Option<Vec<u8>>,
    running: BTreeMap<PathBuf, i32>,
    rows: Vec<BTreeMap<String, Value>>,
}

impl Found {
    /// An import that creates the colony, or one that fills it.
    fn new(makes: bool) -> Found {
        let stage = Stage::running(3, &[]);
        stage.force("stop --service_name antnode0002").done();
        lose_database(&stage);
        let mut words: Vec<&str> = IMPORT[..27].iter().copied().chain(["setsid+user"]).collect();
        let mut empty = None;
        if !makes {
            stage.init(&[]).done();
            empty = Some(fs::read(stage.database()).expect("a colony"));
            words = vec!["--import"];
        }
        let running = pids(&stage);
        assert_eq!(running.len(), 2);
        stage.wnm(&words).done();
        let rows = lasting(&stage);
        let found = Found {
            stage,
            words,
            empty,
            running,
            rows,
        };
        found.put_back();
        found
    }
}

impl Repeatable for Found {
    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn words(&self) -> &[&str] {
        &self.words
    }

    fn put_back(&self) {
        lose_database(&self.stage);
        if let Some(empty) = &self.empty {
            fs::write(self.stage.database(), empty).expect("it is written");
        }
    }

    /// Runs the command again and checks the colony; returns whether the killed run had left nothing.
    fn is_mended(&self, how: &str) -> bool {
        let ran = self.stage.wnm(&self.words);
        let begins_again = ran.code == Some(0);
        if !begins_again {
            let ran = ran.code(1);
            let is_refused =
                ran.stderr.contains("already initialized") || ran.stderr.contains("already has 3 nodes");
            assert!(is_refused, "{how}: {ran}");
        }
        assert_eq!(lasting(&self.stage), self.rows, "{how}");
        assert_eq!(pids(&self.stage), self.running, "{how}");
        begins_again
    }
}

#[test]
fn import_killed_at_any_call_is_undone_or_complete() {
    for makes in [true, false] {
        all_or_nothing::at_every_call("an import", &Found::new(makes), Some(Whom::Alone));
    }
}

#[test]
fn import_killed_at_any_moment_is_undone_or_complete() {
    let moments = if is_full() { 200 } else { 12 };
    all_or_nothing::at_any_moment("an import", &Found::new(true), moments);
}
