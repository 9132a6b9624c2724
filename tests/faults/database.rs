//! A database that is locked, damaged, or no database.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::{Fault, Played, Then, play};
use crate::stage::{Ran, Stage};

pub const FAULTS: &[Fault] = &[
    Fault {
        given: "another program locks the database for more than 5 s",
        says: "error: `…colony.db` is locked by another program … hint: end that program",
        codes: &[1],
        then: Then::GoesOn,
        play: locked,
    },
    Fault {
        given: "the database file is truncated",
        says: "error: `…colony.db` is damaged or cut short … hint: put a backup in its place",
        codes: &[1],
        then: Then::GoesOn,
        play: || {
            spoilt(|path| {
                let whole = fs::read(path).expect("it is there");
                fs::write(path, &whole[..whole.len() / 2]).expect("it is cut");
            })
        },
    },
    Fault {
        given: "the file contains something other than a database",
        says: "error: `…colony.db` is not an SQLite database … hint: put a backup in its place",
        codes: &[1],
        then: Then::GoesOn,
        play: || spoilt(|path| fs::write(path, "garbage ".repeat(4096)).expect("it is written")),
    },
    Fault {
        given: "pages of the database are overwritten",
        says: "error: `…colony.db` … hint: put a backup in its place",
        codes: &[1],
        then: Then::GoesOn,
        play: || {
            spoilt(|path| {
                let mut whole = fs::read(path).expect("it is there");
                whole[100..].iter_mut().for_each(|byte| *byte = 0xa5);
                fs::write(path, whole).expect("it is written");
            })
        },
    },
    Fault {
        given: "the database file is empty",
        says: "error: there is no colony at `…colony.db`",
        codes: &[1],
        then: Then::GoesOn,
        play: || spoilt(|path| fs::write(path, "").expect("it is written")),
    },
    Fault {
        given: "the database file is missing",
        says: "error: there is no colony at `…colony.db`",
        codes: &[1],
        then: Then::GoesOn,
        play: || spoilt(|path| fs::remove_file(path).expect("it goes")),
    },
    Fault {
        given: "the path of the database is a directory",
        says: "error: `…colony.db` is not a file",
        codes: &[1],
        then: Then::GoesOn,
        play: || {
            spoilt(|path| {
                fs::remove_file(path).expect("it goes");
                fs::create_dir(path).expect("a folder");
            })
        },
    },
    Fault {
        given: "a newer wnm created the database",
        says: "error: `…colony.db` belongs to a newer wnm … hint: use that wnm",
        codes: &[1],
        then: Then::GoesOn,
        play: || {
            spoilt(|path| {
                let newer = "INSERT INTO refinery_schema_history SELECT version + 90, name, applied_on, checksum
                         FROM refinery_schema_history ORDER BY version DESC LIMIT 1; PRAGMA wal_checkpoint(TRUNCATE)";
                Connection::open(path)
                    .and_then(|database| database.execute_batch(newer))
                    .expect("it is changed");
            })
        },
    },
    Fault {
        given: "an older wnm, or the Python wnm, created the database",
        says: "error: `…colony.db` must be migrated from … run `wnm --force_action wnm-db-migration --confirm`",
        codes: &[1],
        then: Then::GoesOn,
        play: || {
            spoilt(|path| {
                let older =
                    "DELETE FROM refinery_schema_history WHERE version > 1; PRAGMA wal_checkpoint(TRUNCATE)";
                Connection::open(path)
                    .and_then(|database| database.execute_batch(older))
                    .expect("it is changed");
            })
        },
    },
];

#[test]
fn unusable_database() {
    play(FAULTS);
}

/// Damages the database of a stopped colony; cycles, actions and reports all fail and leave it unchanged.
fn spoilt(spoil: fn(&Path)) -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let (path, kept) = (stage.database(), stage.home().join("kept.db"));
    stage.tamper("PRAGMA wal_checkpoint(TRUNCATE)");
    fs::copy(&path, &kept).expect("a copy");
    spoil(&path);
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(path.with_extension(format!("db{end}")));
    }
    let left = fs::read(&path).ok();
    let ran: Vec<Ran> = [
        &[][..],
        &["--force_action", "add"],
        &["--force_action", "remove"],
        &["--report", "node-status"],
        &["--dry_run"],
    ]
    .iter()
    .map(|words| stage.wnm(words).prints_nothing())
    .collect();
    assert_eq!(fs::read(&path).ok(), left, "it was left as it lies");
    assert_eq!(stage.processes().len(), 1, "the node runs on");
    let _ = fs::remove_dir(&path);
    fs::copy(&kept, &path).expect("the copy is put back");
    Played::of(stage, ran)
}

fn locked() -> Option<Played> {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let holder = Connection::open(stage.database()).expect("it opens");
    holder.execute_batch("BEGIN IMMEDIATE").expect("it is held");
    let ran = vec![stage.wnm(&[]), stage.force("add")];
    // Reading waits for nobody.
    stage.wnm(&["--report", "node-status"]).done();
    holder.execute_batch("ROLLBACK").expect("it is let go");
    Played::of(stage, ran)
}
