//! Errors of the store.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::colony::sanitize::excerpt;

/// An error and the database it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreError {
    /// The database; `:memory:` for one that has no file.
    pub path: PathBuf,
    pub fault: Fault,
}

/// What is wrong with a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file does not exist.
    Absent,
    /// The file is empty, or init was interrupted.
    Uninitialised,
    /// Init found an existing colony.
    Exists,
    /// A directory, a device, a pipe.
    NotAFile,
    /// Not an SQLite database.
    NotADatabase,
    /// A database of another program, and what shows it.
    NotAColony(String),
    /// The schema of an older wnm or of the Python wnm: it needs a migration.
    Behind { from: String, to: String },
    /// The schema of a newer wnm, and its version.
    Ahead(i64),
    /// Truncated or overwritten, and SQLite's message.
    Damaged(String),
    /// Another program has locked it.
    Locked,
    /// A program was killed while it wrote; opening the database to write rolls this back.
    Interrupted,
    /// No permission to read or write it.
    Denied(String),
    /// The disk is full.
    Full,
    /// The quota of this account or directory is used up.
    Quota,
    /// SQLite cannot lock it, because its filesystem has no locks, as NFS and CIFS without them.
    NoLocks,
    /// A value that is invalid for its column.
    Value {
        table: &'static str,
        /// The ID of the row.
        row: String,
        column: String,
        why: String,
    },
    /// A node to be changed has no row.
    NoSuchNode(u32),
    /// Any other error of the filesystem.
    Io(String),
    /// Any other error of SQLite.
    Sql(String),
}

impl Fault {
    /// This fault, of the database at `path`.
    pub(super) fn at(self, path: &Path) -> StoreError {
        StoreError {
            path: path.to_owned(),
            fault: self,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            Fault::Absent => write!(f, "there is no colony at `{path}`: not initialised"),
            Fault::Uninitialised => write!(f, "`{path}` contains no colony yet: not initialised"),
            Fault::Exists => write!(f, "`{path}` already contains a colony"),
            Fault::NotAFile => write!(f, "`{path}` is not a file"),
            Fault::NotADatabase => write!(f, "`{path}` is not an SQLite database"),
            Fault::NotAColony(why) => write!(f, "`{path}` is not a colony: {why}"),
            Fault::Behind { from, to } => write!(
                f,
                "`{path}` must be migrated from {from} to {to}: run `wnm --force_action wnm-db-migration --confirm`"
            ),
            Fault::Ahead(version) => {
                write!(f, "`{path}` belongs to a newer wnm (its schema is V{version})")
            }
            Fault::Damaged(why) => write!(f, "`{path}` is damaged or cut short: {why}"),
            Fault::Locked => write!(f, "`{path}` is locked by another program"),
            Fault::Interrupted => write!(
                f,
                "a program was killed while it wrote `{path}`: run `wnm --force_action wnm-db-migration --confirm`"
            ),
            Fault::Denied(why) => write!(f, "no permission for `{path}`: {why}"),
            Fault::Full => write!(f, "cannot write `{path}`: the disk is full"),
            Fault::Quota => write!(f, "cannot write `{path}`: the disk quota is used up"),
            Fault::NoLocks => write!(
                f,
                "cannot lock `{path}`: its filesystem has no locks (NFS or CIFS without them)"
            ),
            Fault::Value {
                table,
                row,
                column,
                why,
            } => write!(
                f,
                "`{path}`: table `{table}`, row {row}, column `{column}`: {why}"
            ),
            Fault::NoSuchNode(id) => write!(f, "`{path}` has no node {id}"),
            Fault::Io(why) => write!(f, "cannot use `{path}`: {why}"),
            Fault::Sql(why) => write!(f, "`{path}`: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::NotFound => Fault::Absent,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Fault::Denied(said(&error.to_string()))
            }
            io::ErrorKind::StorageFull => Fault::Full,
            io::ErrorKind::QuotaExceeded => Fault::Quota,
            // For example a path through a file, or a name that is too long.
            _ => Fault::Io(said(&error.to_string())),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        /// SQLite's code for a journal that only a writer can roll back.
        const READONLY_ROLLBACK: i32 = 776;
        let why = said(&error.to_string());
        if error.sqlite_error().map(|error| error.extended_code) == Some(READONLY_ROLLBACK) {
            return Fault::Interrupted;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Locked,
            Some(ErrorCode::NotADatabase) => Fault::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => Fault::Damaged(why),
            Some(ErrorCode::DiskFull) => Fault::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Fault::Denied(why),
            // The file exists; SQLite does not report the cause.
            Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => Fault::Io(why),
            _ => Fault::Sql(why),
        }
    }
}

/// A row that was read; None if it contains a value of the wrong type. Other errors are returned.
pub(super) fn readable<T>(row: Result<T, rusqlite::Error>) -> Result<Option<T>, Fault> {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    match row {
        Ok(row) => Ok(Some(row)),
        Err(
            FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..),
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The text of another program as one line of limited length.
pub(super) fn said(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = excerpt(text, 200).chars().map(plain).collect();
    line.trim_end().to_owned()
}

/// A value for an error message.
pub(super) fn quoted(text: &str) -> String {
    let short = excerpt(text, 60);
    format!("`{}`", short.escape_debug())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Fault, quoted, said};

    #[test]
    fn errors_name_the_file_and_the_command() {
        let behind = Fault::Behind {
            from: "the peer's schema `62bd2784638c`".to_owned(),
            to: "V2".to_owned(),
        };
        assert_eq!(
            behind.at(Path::new("/x/colony.db")).to_string(),
            "`/x/colony.db` must be migrated from the peer's schema `62bd2784638c` to V2: \
             run `wnm --force_action wnm-db-migration --confirm`"
        );
        assert_eq!(
            Fault::Locked.at(Path::new("/x/colony.db")).to_string(),
            "`/x/colony.db` is locked by another program"
        );
    }

    #[test]
    fn other_text_becomes_one_line() {
        assert_eq!(said("one\ntwo\n"), "one two");
        assert!(said(&"x".repeat(1_000_000)).chars().count() < 210);
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert!(quoted(&"y".repeat(1_000_000)).chars().count() < 70);
    }
}
