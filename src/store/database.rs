//! The open database: made, opened to write, opened to read, and its transactions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::colony::{ManagerKind, Mode, StoredPlace};

use super::error::{Fault, StoreError};
use super::schema::SchemaState;
use super::stored_manager::mode_of_path;
use super::{open_file, schema};

/// An open `colony.db`.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Store {
    /// Creates the database of a colony; only init does. [`Store::initialise`] then writes the first rows.
    ///
    /// `path` may be missing, empty, or left by an init that was killed. Only the owner can read the file, with +sudo
    /// also the group, before anything is written to it. The whole schema is created in one transaction.
    pub fn create(path: &Path, mode: Mode) -> Result<Store, StoreError> {
        create(path, mode).map_err(|fault| fault.at(path))
    }

    /// Opens a colony to read and write it. If this fails, the file is unchanged.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        open(path).map_err(|fault| fault.at(path))
    }

    /// Opens a colony to read it, even while a cycle writes it. Nothing on disk changes.
    pub fn open_read_only(path: &Path) -> Result<Store, StoreError> {
        let read = || {
            let connection = open_file::read(path)?;
            schema::check_schema(&connection)?;
            Ok(connection)
        };
        read()
            .map(|connection| Store {
                connection,
                path: path.to_owned(),
            })
            .map_err(|fault: Fault| fault.at(path))
    }

    /// A colony in memory.
    #[cfg(test)]
    pub fn in_memory() -> Result<Store, StoreError> {
        let path = PathBuf::from(":memory:");
        let make = || {
            let mut connection = Connection::open_in_memory()?;
            open_file::prepare(&connection)?;
            schema::create_schema(&mut connection)?;
            Ok(connection)
        };
        match make() {
            Ok(connection) => Ok(Store { connection, path }),
            Err(fault) => Err(Fault::at(fault, &path)),
        }
    }

    /// The errors that SQLite's checks of pages and foreign keys find; none if the database is intact. Reads all of it.
    pub fn flaws(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut flaws = Vec::new();
            let mut check = connection.prepare("PRAGMA integrity_check(20)")?;
            for line in check.query_map([], |row| row.get::<_, String>(0))? {
                flaws.push(line?);
            }
            flaws.retain(|line| line != "ok");
            let mut links = connection.prepare("PRAGMA foreign_key_check")?;
            let torn = links.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?)))?;
            for one in torn {
                let (table, parent) = one?;
                flaws.push(format!(
                    "a row of `{table}` belongs to a row of `{parent}` that is not there"
                ));
            }
            Ok(flaws)
        })
    }

    /// The tables, indexes, views and triggers in the database that wnm did not create: `view x`.
    pub fn foreign_objects(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut ours = Connection::open_in_memory()?;
            schema::create_schema(&mut ours)?;
            let mut known = objects(&ours)?;
            // The table that the Python wnm creates.
            known.push("table alembic_version".to_owned());
            let mut all = objects(connection)?;
            all.retain(|object| !known.contains(object));
            Ok(all)
        })
    }

    /// Runs `work` in one transaction, which is rolled back if it fails, so that wnm waits for the disk only once.
    /// Whatever else `work` does must be short, and a later run must be able to repeat it after a kill.
    ///
    /// # Errors
    /// Those of `work`, and those of beginning and committing the transaction.
    pub fn in_transaction<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let at = |error: rusqlite::Error| Fault::from(error).at(&self.path);
        let transaction =
            Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate).map_err(at)?;
        let done = work()?;
        transaction.commit().map_err(at)?;
        Ok(done)
    }

    /// Runs `work` in one transaction, which is rolled back if it fails. Within [`Store::in_transaction`], only what `work`
    /// itself wrote is rolled back.
    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let run = || {
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("SAVEPOINT part")?;
                let done = work(&self.connection);
                let end = match done {
                    Ok(_) => "RELEASE part",
                    Err(_) => "ROLLBACK TO part; RELEASE part",
                };
                self.connection.execute_batch(end)?;
                return done;
            }
            // Immediate: a transaction that begins with a read fails instead of waiting for another writer.
            let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|fault: Fault| fault.at(&self.path))
    }

    /// Runs `work`, which only reads.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        work(&self.connection).map_err(|fault| fault.at(&self.path))
    }
}

fn objects(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare(
        "SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1",
    )?;
    let objects = statement.query_map([], |row| row.get(0))?;
    Ok(objects.collect::<Result<_, _>>()?)
}

/// Deletes a database without a machine, which a failed init left. Any other database is kept.
pub fn discard(path: &Path) {
    if open_file::read_briefly(path, open_file::PATIENCE, schema::check_schema) != Err(Fault::Uninitialised) {
        return;
    }
    for ending in ["-wal", "-shm", ""] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        // A file that cannot be deleted contains nothing, and the next init uses it.
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

/// The process manager that is stored in a colony of any schema. Creates and changes nothing.
#[must_use]
pub fn peek(path: &Path) -> StoredPlace {
    // This runs before the lock is taken, so it does not wait long for a locked database.
    let patience = Duration::from_millis(500);
    let seen = open_file::read_briefly(path, patience, |connection| {
        Ok(connection.query_row(
            "SELECT process_manager, node_storage FROM machine ORDER BY id LIMIT 1",
            [],
            |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?)),
        )?)
    });
    match seen {
        Ok((Some(word), storage)) => {
            let mode = mode_of_path(&storage.unwrap_or_default()).unwrap_or(Mode::User);
            let kind = ManagerKind::from_stored(&word, mode);
            StoredPlace::Manager(kind.map_or(word, |kind| kind.to_string()))
        }
        Ok((None, _)) => StoredPlace::Nothing,
        Err(Fault::NotADatabase | Fault::Damaged(_) | Fault::NotAFile | Fault::Locked) => {
            StoredPlace::Unreadable
        }
        Err(_) => StoredPlace::Nothing,
    }
}

fn create(path: &Path, mode: Mode) -> Result<Store, Fault> {
    match schema::read_schema(path) {
        // An init that was killed left no rows.
        Err(Fault::Absent | Fault::Uninitialised | Fault::Interrupted) | Ok(SchemaState::Blank) => {}
        Ok(SchemaState::Current)
            if open_file::read_briefly(path, open_file::PATIENCE, schema::check_schema)
                == Err(Fault::Uninitialised) => {}
        Ok(SchemaState::Newer(version)) => return Err(Fault::Ahead(version)),
        Ok(SchemaState::Current | SchemaState::Older(_) | SchemaState::Peer(_)) => return Err(Fault::Exists),
        Err(fault) => return Err(fault),
    }
    let made = open_file::make(path, mode)?;
    let create_schema = || {
        let mut connection = Connection::open_with_flags(
            path,
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        open_file::prepare(&connection)?;
        schema::create_schema(&mut connection)?;
        open_file::write_ahead(&connection)?;
        Ok(connection)
    };
    let laid = create_schema();
    if laid.is_err() && made && std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        // An empty file does no harm if it cannot be deleted.
        let _ = std::fs::remove_file(path);
    }
    laid.map(|connection| Store {
        connection,
        path: path.to_owned(),
    })
}

fn open(path: &Path) -> Result<Store, Fault> {
    open_file::read_briefly(path, open_file::PATIENCE, schema::check_schema)?;
    let connection = open_file::connect(path)?;
    open_file::write_ahead(&connection)?;
    // Fail now and not at the first step if another program keeps writing.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK;")?;
    Ok(Store {
        connection,
        path: path.to_owned(),
    })
}
