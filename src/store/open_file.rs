//! Opens the database file: to read it without changing the directory, to write it, to create it.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::colony::Mode;

use super::error::Fault;

/// How long to wait for the lock of another program.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A file that changes while it is read is read again this many times, and then counts as in use.
const TRIES: u32 = 5;

/// A connection that reads and writes an existing file. Nothing is written yet.
pub(super) fn connect(path: &Path) -> Result<Connection, Fault> {
    companions(&regular(path)?)?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&connection)?;
    // SQLite opens a file that cannot be written read-only, without an error.
    if connection.is_readonly("main")? {
        return Err(Fault::Denied("it cannot be written".to_owned()));
    }
    Ok(connection)
}

/// The options of every connection. wnm's schema has no triggers and no views, so none that the database contains is
/// ever run.
pub(super) fn harden(connection: &Connection) -> Result<(), Fault> {
    use DbConfig::{
        SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
        SQLITE_DBCONFIG_TRUSTED_SCHEMA,
    };
    connection.set_db_config(SQLITE_DBCONFIG_DEFENSIVE, true)?;
    for allowed in [
        SQLITE_DBCONFIG_ENABLE_TRIGGER,
        SQLITE_DBCONFIG_ENABLE_VIEW,
        SQLITE_DBCONFIG_TRUSTED_SCHEMA,
    ] {
        connection.set_db_config(allowed, false)?;
    }
    Ok(())
}

/// The options of every connection that writes.
pub(super) fn prepare(connection: &Connection) -> Result<(), Fault> {
    harden(connection)?;
    connection.busy_timeout(PATIENCE)?;
    connection
        .execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;")?;
    // A survey uses about twenty statements, and an unusual row may need another.
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Runs `look` on `path` without changing the directory: no `-wal` and no `-shm` file is created.
///
/// A database in WAL mode that no program has open is a single file, which is read without locks; if it changes
/// meanwhile, `look` runs again. If another program has it open, its `-wal` and `-shm` exist already, and the database is
/// read with them.
pub(super) fn read_briefly<T>(
    path: &Path,
    patience: Duration,
    read: impl Fn(&Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    match alone(path, &read)? {
        Some(seen) => Ok(seen),
        None => read(&shared(path, patience)?),
    }
}

/// A read-only connection that, as [`read_briefly`], changes nothing: to the file, or to a copy in memory.
pub(super) fn read(path: &Path) -> Result<Connection, Fault> {
    let copy = alone(path, &|source: &Connection| {
        let mut copy = Connection::open_in_memory()?;
        copy_all(source, &mut copy)?;
        Ok(copy)
    })?;
    let connection = match copy {
        Some(copy) => copy,
        None => shared(path, PATIENCE)?,
    };
    harden(&connection)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}

/// Copies a whole database into another one.
pub(super) fn copy_all(source: &Connection, target: &mut Connection) -> Result<(), Fault> {
    match Backup::new(source, target)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(Fault::Locked),
    }
}

/// The result of `look` on a database in WAL mode that no program has open; None if it is in use or in another mode.
fn alone<T>(path: &Path, read: &impl Fn(&Connection) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
    for _ in 0..TRIES {
        let real = regular(path)?;
        let before = stamp(&real)?;
        // Other modes can be read safely only with locks, and reading them leaves no files.
        if !is_still(&real) || !is_write_ahead(&real)? {
            return Ok(None);
        }
        let seen = immutable(&real).and_then(|connection| {
            is_whole(&connection, &real)?;
            read(&connection).map(Some)
        });
        if is_still(&real) && stamp(&real)? == before {
            return seen;
        }
    }
    Ok(None)
}

/// Rejects a file that is shorter than its header says. SQLite itself does not notice a missing last page.
fn is_whole(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let says = pragma("page_count")?
        .saturating_mul(pragma("page_size")?)
        .cast_unsigned();
    let length = fs::metadata(path)?.len();
    if length < says {
        return Err(Fault::Damaged(format!("it has {length} bytes instead of {says}")));
    }
    Ok(())
}

/// Whether the header of the file says WAL mode.
///
/// Only for files that this process has not open: closing a file releases all locks that the process has on it.
fn is_write_ahead(path: &Path) -> Result<bool, Fault> {
    let mut header = [0; 20];
    match fs::File::open(path)?.read_exact(&mut header) {
        Ok(()) => Ok(header.starts_with(b"SQLite format 3\0") && header[18..] == [2, 2]),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Fault::NotADatabase),
        Err(error) => Err(error.into()),
    }
}

fn immutable(real: &Path) -> Result<Connection, Fault> {
    let mut uri = "file:".to_owned();
    for byte in real.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    harden(&connection)?;
    Ok(connection)
}

/// A read-only connection that respects the locks of other programs.
fn shared(path: &Path, patience: Duration) -> Result<Connection, Fault> {
    let real = regular(path)?;
    let is_one_file = is_still(&real) && !is_write_ahead(&real)?;
    let connection = reader(path, patience)?;
    // In WAL mode, a part of the database can be in the log.
    if is_one_file {
        is_whole(&connection, &real)?;
    }
    Ok(connection)
}

/// As [`shared`], for a file that this process may have open already.
pub(super) fn reader(path: &Path, patience: Duration) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    harden(&connection)?;
    connection.busy_timeout(patience)?;
    Ok(connection)
}

/// Whether the write-ahead log is empty or missing. Other programs write there first, so until then the database file
/// does not change.
fn is_still(real: &Path) -> bool {
    let beside = |end: &str| {
        let mut name = real.as_os_str().to_owned();
        name.push(end);
        fs::symlink_metadata(PathBuf::from(name)).ok()
    };
    match beside("-wal") {
        None => true,
        // An empty log with an index: a program has just opened the database.
        Some(log) => log.len() == 0 && beside("-shm").is_none(),
    }
}

/// Values that show whether a file has changed.
fn stamp(real: &Path) -> Result<(u64, u64, i64, i64), Fault> {
    let file = fs::metadata(real)?;
    Ok((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

/// The real path of an existing file that is not empty.
fn regular(path: &Path) -> Result<PathBuf, Fault> {
    let file = fs::metadata(path)?;
    if !file.is_file() {
        return Err(Fault::NotAFile);
    }
    if file.len() == 0 {
        return Err(Fault::Uninitialised);
    }
    Ok(fs::canonicalize(path)?)
}

/// Rejects a symlink or hard link in place of a file that SQLite writes or deletes beside the database.
fn companions(real: &Path) -> Result<(), Fault> {
    for end in ["-journal", "-wal", "-shm"] {
        let mut name = real.as_os_str().to_owned();
        name.push(end);
        if let Ok(seen) = fs::symlink_metadata(&name)
            && (!seen.is_file() || seen.nlink() > 1)
        {
            let name = PathBuf::from(name);
            return Err(Fault::Io(format!(
                "`{}` beside it is a link, or no file; move it away",
                name.display()
            )));
        }
    }
    Ok(())
}

/// Creates an empty file that only its owner can read, with +sudo also its group, unless the file exists.
/// Returns whether it created the file.
pub(super) fn make(path: &Path, mode: Mode) -> Result<bool, Fault> {
    let bits = match mode {
        Mode::User => 0o600,
        Mode::Sudo => 0o640,
    };
    let made = match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(bits)
        .open(path)
    {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Fault::Io("its directory does not exist".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    let file = fs::metadata(path)?;
    if !file.is_file() {
        return Err(Fault::NotAFile);
    }
    if file.len() == 0 && file.nlink() > 1 {
        return Err(Fault::Io(
            "it is a hard link of another file; move it away".to_owned(),
        ));
    }
    if file.len() == 0 {
        fs::set_permissions(path, Permissions::from_mode(bits))?;
    }
    Ok(made)
}

/// Sets WAL mode, so that reports can read while a cycle writes.
pub(super) fn write_ahead(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        Ok(())
    } else {
        Err(Fault::Io(format!(
            "it cannot be switched to WAL mode (its mode is `{mode}`)"
        )))
    }
}
