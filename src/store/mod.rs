//! The store: one SQLite file, `colony.db`, that holds all that must outlive a run.
//!
//! Rows in, values out: nothing here decides, and nothing here but `schema` changes the shape of a
//! database. Every method is one transaction; a killed run leaves it done or not begun.

mod adopt;
mod binary;
mod change;
mod error;
mod event;
mod file;
mod history;
mod intent;
mod machine;
mod node;
mod sample;
pub mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::colony::{ManagerKind, Mode};

pub use change::{Change, NodeChange};
pub use error::{Error, Fault};
pub use event::{Event, Outcome};
pub use intent::{Intent, IntentId};
pub use machine::Facts;
pub use sample::Sample;

use schema::Standing;

/// An open colony.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Makes the colony's database, for init alone; [`Store::initialise`] then says what it is of.
    ///
    /// `path` may be missing or empty, or what an init that was killed left behind. The file is for its
    /// owner's eyes, with +sudo also for its group's, before anything is written to it, and its whole
    /// schema comes in one transaction.
    pub fn create(path: &Path, mode: Mode) -> Result<Store, Error> {
        create(path, mode).map_err(|fault| fault.at(path))
    }

    /// Opens a colony to read and write it. Whatever is wrong with it, the file is left as it was.
    pub fn open(path: &Path) -> Result<Store, Error> {
        open(path).map_err(|fault| fault.at(path))
    }

    /// Opens a colony to read it, also while a cycle writes it. Nothing on disk changes.
    pub fn open_read_only(path: &Path) -> Result<Store, Error> {
        let read = || {
            let connection = file::read(path)?;
            schema::judge(&connection)?;
            Ok(connection)
        };
        read()
            .map(|connection| Store {
                connection,
                path: path.to_owned(),
            })
            .map_err(|fault: Fault| fault.at(path))
    }

    /// A colony in memory, gone with the value.
    pub fn in_memory() -> Result<Store, Error> {
        let path = PathBuf::from(":memory:");
        let make = || {
            let mut connection = Connection::open_in_memory()?;
            file::prepare(&connection)?;
            schema::lay(&mut connection)?;
            Ok(connection)
        };
        match make() {
            Ok(connection) => Ok(Store { connection, path }),
            Err(fault) => Err(Fault::at(fault, &path)),
        }
    }

    /// Where it lies; `:memory:` for one that lies nowhere.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does `work` in one transaction, which is taken back when it fails.
    fn transact<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        let run = || {
            // At once for writing: a transaction that begins by reading cannot wait for its turn to write.
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|fault: Fault| fault.at(&self.path))
    }

    /// Reads by `work`.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Error> {
        work(&self.connection).map_err(|fault| fault.at(&self.path))
    }
}

/// The process manager a colony says it has, whatever its schema; None for what cannot be read, and for
/// what is no colony. Makes and changes nothing.
#[must_use]
pub fn peek(path: &Path) -> Option<String> {
    // Asked before the lock is taken, so a database that somebody holds is not waited for.
    let patience = Duration::from_millis(500);
    let (word, storage) = file::glance(path, patience, |connection| {
        Ok(connection.query_row(
            "SELECT process_manager, node_storage FROM machine ORDER BY id LIMIT 1",
            [],
            |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?)),
        )?)
    })
    .ok()?;
    let word = word?;
    let mode = machine::mode_of_place(&storage.unwrap_or_default()).unwrap_or(Mode::User);
    Some(ManagerKind::from_stored(&word, mode).map_or(word, |kind| kind.to_string()))
}

fn create(path: &Path, mode: Mode) -> Result<Store, Fault> {
    match schema::look(path) {
        // What an init that was killed left behind holds no rows.
        Err(Fault::Absent | Fault::Uninitialised) | Ok(Standing::Blank) => {}
        Ok(Standing::Current)
            if file::glance(path, file::PATIENCE, schema::judge) == Err(Fault::Uninitialised) => {}
        Ok(Standing::Newer(version)) => return Err(Fault::Ahead(version)),
        Ok(Standing::Current | Standing::Older(_) | Standing::Peer(_)) => return Err(Fault::Exists),
        Err(fault) => return Err(fault),
    }
    let made = file::make(path, mode)?;
    let lay = || {
        let mut connection = Connection::open_with_flags(
            path,
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        file::prepare(&connection)?;
        schema::lay(&mut connection)?;
        write_ahead(&connection)?;
        Ok(connection)
    };
    let laid = lay();
    if laid.is_err() && made && std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        // An empty file is as good as none; it goes for tidiness, and what cannot go may stay.
        let _ = std::fs::remove_file(path);
    }
    laid.map(|connection| Store {
        connection,
        path: path.to_owned(),
    })
}

fn open(path: &Path) -> Result<Store, Fault> {
    file::glance(path, file::PATIENCE, schema::judge)?;
    let connection = file::connect(path)?;
    write_ahead(&connection)?;
    // A writer that will not go is better known now than at the first step.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK;")?;
    Ok(Store {
        connection,
        path: path.to_owned(),
    })
}

/// Lets reports read while a cycle writes.
fn write_ahead(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        Ok(())
    } else {
        Err(Fault::Io(format!(
            "it cannot be put into WAL mode (it is in `{mode}`)"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use crate::colony::{Mode, Timestamp};

    use super::machine::tests::{facts, settings};
    use super::node::tests::node;
    use super::{Fault, Store, peek};

    fn colony(path: &Path) -> Store {
        let store = Store::create(path, Mode::User).unwrap();
        store.initialise(&settings(), &facts()).unwrap();
        store
    }

    /// Every file beside `path` with its content and its time.
    fn directory(path: &Path) -> BTreeMap<String, (u64, std::time::Duration)> {
        fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let meta = entry.metadata().unwrap();
                let changed = meta.modified().unwrap();
                let since = changed.duration_since(std::time::UNIX_EPOCH).unwrap();
                let mut content = DefaultHasher::new();
                fs::read(entry.path()).unwrap_or_default().hash(&mut content);
                (
                    entry.file_name().into_string().unwrap(),
                    (content.finish(), since),
                )
            })
            .collect()
    }

    #[test]
    fn a_colony_is_for_its_owners_eyes() {
        let place = TempDir::new().unwrap();
        for (mode, bits) in [(Mode::User, 0o600), (Mode::Sudo, 0o640)] {
            let path = place.path().join(format!("{bits:o}.db"));
            drop(Store::create(&path, mode).unwrap());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, bits);
            let empty = place.path().join(format!("empty-{bits:o}.db"));
            fs::write(&empty, "").unwrap();
            drop(Store::create(&empty, mode).unwrap());
            assert_eq!(fs::metadata(&empty).unwrap().permissions().mode() & 0o777, bits);
        }
    }

    #[test]
    fn a_colony_is_made_once() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        assert_eq!(Store::open(&path).unwrap_err().fault, Fault::Absent);
        assert!(!path.exists());
        drop(colony(&path));
        let before = directory(&path);
        assert_eq!(Store::create(&path, Mode::User).unwrap_err().fault, Fault::Exists);
        assert_eq!(directory(&path), before);
        let store = Store::open(&path).unwrap();
        assert_eq!(
            store.initialise(&settings(), &facts()).unwrap_err().fault,
            Fault::Exists
        );
        drop(store);
        assert_eq!(directory(&path), before);
    }

    #[test]
    fn an_init_that_was_killed_is_begun_again() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        // Before the schema, and after it.
        fs::write(&path, "").unwrap();
        assert_eq!(Store::open(&path).unwrap_err().fault, Fault::Uninitialised);
        assert_eq!(
            Store::open_read_only(&path).unwrap_err().fault,
            Fault::Uninitialised
        );
        drop(Store::create(&path, Mode::User).unwrap());
        assert_eq!(Store::open(&path).unwrap_err().fault, Fault::Uninitialised);
        drop(colony(&path));
        Store::open(&path).unwrap();
    }

    #[test]
    fn what_is_no_colony_is_refused_and_left_alone() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let refused = |fault: &dyn Fn(&Fault) -> bool| {
            let before = directory(&path);
            for error in [
                Store::open(&path).unwrap_err(),
                Store::open_read_only(&path).unwrap_err(),
                Store::create(&path, Mode::User).unwrap_err(),
                super::schema::migrate(&path, Timestamp(0)).unwrap_err(),
            ] {
                assert!(fault(&error.fault), "{error}");
            }
            assert_eq!(peek(&path), None);
            assert_eq!(directory(&path), before);
        };
        fs::write(&path, "node_cap = 3\n").unwrap();
        refused(&|fault| *fault == Fault::NotADatabase);
        fs::write(&path, vec![0; 100_000]).unwrap();
        refused(&|fault| *fault == Fault::NotADatabase);
        fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE recipe (id INTEGER)").unwrap();
        drop(other);
        refused(&|fault| matches!(fault, Fault::NotAColony(_)));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused(&|fault| *fault == Fault::NotAFile);
    }

    #[test]
    fn a_colony_cut_short_is_refused() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let store = colony(&path);
        store.take_in(&(1..=500).map(node).collect::<Vec<_>>()).unwrap();
        drop(store);
        let whole = fs::read(&path).unwrap();
        for length in [10, 99, 600, 4096, 10_000, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let before = directory(&path);
            for error in [
                Store::open(&path).unwrap_err(),
                Store::open_read_only(&path).unwrap_err(),
            ] {
                assert!(
                    matches!(error.fault, Fault::Damaged(_) | Fault::NotADatabase),
                    "{length}: {error}"
                );
            }
            assert_eq!(directory(&path), before);
        }
    }

    #[test]
    fn a_newer_colony_is_left_alone() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let store = colony(&path);
        store
            .connection
            .execute(
                "INSERT INTO refinery_schema_history VALUES (99, 'x', 'y', 'z')",
                [],
            )
            .unwrap();
        drop(store);
        let before = directory(&path);
        for error in [
            Store::open(&path).unwrap_err(),
            Store::open_read_only(&path).unwrap_err(),
            Store::create(&path, Mode::User).unwrap_err(),
            super::schema::migrate(&path, Timestamp(0)).unwrap_err(),
        ] {
            assert!(error.to_string().contains("made by a newer wnm"), "{error}");
        }
        assert_eq!(directory(&path), before);
    }

    #[test]
    fn reading_leaves_the_directory_as_it_was() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        colony(&path).take_in(&[node(1)]).unwrap();
        let before = directory(&path);
        assert_eq!(before.len(), 1);
        let reader = Store::open_read_only(&path).unwrap();
        assert_eq!(reader.nodes().unwrap(), vec![node(1)]);
        assert!(reader.keep(&[("node_cap", Some("9".to_owned()))]).is_err());
        assert_eq!(peek(&path).as_deref(), Some("systemd+user"));
        drop(reader);
        assert_eq!(directory(&path), before);
    }

    #[test]
    fn reading_works_while_a_cycle_writes() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let writer = colony(&path);
        writer.take_in(&[node(1)]).unwrap();
        writer
            .connection
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM node;")
            .unwrap();
        let reader = Store::open_read_only(&path).unwrap();
        assert_eq!(reader.nodes().unwrap(), vec![node(1)]);
        assert_eq!(peek(&path).as_deref(), Some("systemd+user"));
        writer.connection.execute_batch("COMMIT").unwrap();
        assert_eq!(reader.nodes().unwrap(), Vec::new());
    }

    #[test]
    fn what_a_killed_run_had_written_is_there() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let store = colony(&path);
        store.take_in(&[node(1)]).unwrap();
        // As a killed process leaves it: the log stays, and nobody holds a lock.
        let left = place.path().join("left");
        fs::create_dir(&left).unwrap();
        for end in ["", "-wal", "-shm"] {
            let name = format!("colony.db{end}");
            fs::copy(place.path().join(&name), left.join(&name)).unwrap();
        }
        let left = left.join("colony.db");
        assert_eq!(
            Store::open_read_only(&left).unwrap().nodes().unwrap(),
            vec![node(1)]
        );
        let store = Store::open(&left).unwrap();
        assert_eq!(store.nodes().unwrap(), vec![node(1)]);
        drop(store);
        assert_eq!(directory(&left).len(), 1);
    }

    #[test]
    fn a_colony_that_another_holds_is_not_waited_for_for_ever() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("colony.db");
        let holder = colony(&path);
        holder.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = Store::open(&path).unwrap_err();
        assert_eq!(error.fault, Fault::Locked);
        assert_eq!(
            error.to_string(),
            format!("`{}` is locked by another program", path.display())
        );
    }
}
