//! Killed while it adopts a database of the Python wnm, at each system call and at random moments: the
//! database is then unchanged or completely adopted, and the same command finishes the adoption.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use wnm::store::schema;

use super::all_or_nothing::{self, Repeatable};
use super::is_full;
use crate::stage::Stage;

const WORDS: [&str; 3] = ["--force_action", "wnm-db-migration", "--confirm"];

/// The content of a database, by table.
type Contents = Vec<String>;

/// A home with a database of the Python wnm.
struct Heir {
    stage: Stage,
    theirs: Vec<u8>,
    /// The contents before the adoption, and after a complete one.
    before: Contents,
    after: Contents,
}

impl Heir {
    fn new() -> Heir {
        let stage = Stage::new();
        let path = stage.database();
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/databases/e2f4a512d24c.sql");
        let peer = Connection::open(&path).expect("a new database");
        peer.execute_batch(&fs::read_to_string(dump).expect("a dump"))
            .expect("it is filled");
        drop(peer);
        let theirs = fs::read(&path).expect("it is there");
        let before = contents(&path);
        stage.wnm(&WORDS).done();
        let after = contents(&path);
        assert_ne!(before, after);
        let heir = Heir {
            stage,
            theirs,
            before,
            after,
        };
        heir.put_back();
        heir
    }

    /// The database and all files with names that start with its name.
    fn beside(&self) -> BTreeSet<PathBuf> {
        let database = self.stage.database();
        let stem = database.display().to_string();
        fs::read_dir(database.parent().expect("a folder"))
            .expect("it is there")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.display().to_string().starts_with(&stem))
            .collect()
    }
}

impl Repeatable for Heir {
    fn stage(&self) -> &Stage {
        &self.stage
    }

    fn words(&self) -> &[&str] {
        &WORDS
    }

    /// Restores the database of the Python wnm, without other files.
    fn put_back(&self) {
        for file in self.beside() {
            fs::remove_file(file).expect("it goes");
        }
        fs::write(self.stage.database(), &self.theirs).expect("it is written");
    }

    /// Checks what the killed run left and that the next run finishes it; returns whether that run had to
    /// start from the beginning.
    fn is_mended(&self, how: &str) -> bool {
        let path = self.stage.database();
        // A run killed while writing leaves a journal, and SQLite rolls back.
        let left = contents(&path);
        let is_as_before = left == self.before;
        assert!(is_as_before || left == self.after, "{how}: {left:#?}");
        self.stage.wnm(&WORDS).done();
        assert_eq!(contents(&path), self.after, "{how}");
        let copies: Vec<PathBuf> = self
            .beside()
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "bak"))
            .collect();
        assert!(!copies.is_empty(), "{how}: adopted, and no copy of what it was");
        for copy in copies {
            assert_eq!(contents(&copy), self.before, "{how}: {}", copy.display());
        }
        let halves: Vec<PathBuf> = self
            .beside()
            .into_iter()
            .filter(|path| path.display().to_string().contains(".part"))
            .collect();
        assert!(halves.is_empty() || !is_as_before, "{how}: {halves:?} is left");
        is_as_before
    }
}

/// All rows of all tables and the schema; the database must pass its integrity check.
fn contents(path: &Path) -> Contents {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("it opens");
    let sound: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it is looked at");
    assert_eq!(sound, "ok", "{}", path.display());
    let tables: Vec<(String, String)> = database
        .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
        .expect("a schema")
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("its tables")
        .map(|table| table.expect("a table"))
        .collect();
    let mut all = Contents::new();
    for (name, sql) in tables {
        all.push(sql);
        // The times of migrations differ.
        if name == "refinery_schema_history" {
            continue;
        }
        let mut statement = database
            .prepare(&format!("SELECT * FROM {name} ORDER BY 1"))
            .expect("a table");
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                (0..columns)
                    .map(|column| Ok(format!("{:?}", row.get::<_, rusqlite::types::Value>(column)?)))
                    .collect::<Result<Vec<_>, _>>()
            })
            .expect("its rows");
        all.extend(rows.map(|row| format!("{name}: {}", row.expect("a row").join(", "))));
    }
    all
}

#[test]
fn adoption_killed_at_any_call_is_undone_or_complete() {
    all_or_nothing::at_every_call("an adoption", &Heir::new(), None);
}

#[test]
fn adoption_killed_at_any_moment_is_undone_or_complete() {
    let moments = if is_full() { 300 } else { 20 };
    all_or_nothing::at_any_moment("an adoption", &Heir::new(), moments);
}

#[test]
fn two_adoptions_in_one_second_make_two_copies() {
    let heir = Heir::new();
    let now = wnm::colony::Timestamp(1_795_464_000);
    let path = heir.stage.database();
    let mut copies = BTreeSet::new();
    for _ in 0..3 {
        fs::write(&path, &heir.theirs).expect("it is written");
        let migrated = schema::migrate(&path, now).expect("it is adopted");
        copies.insert(migrated.backup.expect("a copy"));
    }
    let names: Vec<String> = copies
        .iter()
        .map(|copy| copy.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "colony.db.20261123-200000-2.bak",
            "colony.db.20261123-200000-3.bak",
            "colony.db.20261123-200000.bak"
        ]
    );
    for copy in &copies {
        assert_eq!(contents(copy), heir.before);
    }
}
