//! The schema of the database: which one a file has, and its migration to the newest.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use refinery::{Migration, Target};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::colony::Timestamp;

use super::adopt_peer;
use super::error::{Fault, StoreError, said};
use super::migrate_in_transaction::InTransaction;
use super::open_file;

// The files of `migrations/`. A landed one is never edited: its checksum is in every database.
refinery::embed_migrations!();

/// The version of the schema that this program reads and writes.
#[must_use]
pub fn newest_version() -> i64 {
    let embedded = migrations::runner();
    let versions = embedded.get_migrations().iter().map(Migration::version);
    versions.max().map_or(0, i64::from)
}

/// refinery's table of the migrations it ran.
pub(super) const HISTORY: &str = "refinery_schema_history";

/// The result of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationResult {
    /// The schema before, such as ``the peer's schema `62bd2784638c` ``.
    pub from: String,
    /// The schema now.
    pub to: String,
    /// The backup; None if the schema was already the newest and nothing was done.
    pub backup: Option<PathBuf>,
}

/// Which schema a database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// A database without tables.
    Blank,
    /// The schema of this version of wnm.
    Current,
    /// The schema of an older wnm.
    Older(i64),
    /// The schema of a newer wnm.
    Newer(i64),
    /// The schema of the Python wnm, with its revision if it has one.
    Peer(Option<String>),
}

impl SchemaState {
    /// A description for messages.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            SchemaState::Blank => "an empty database".to_owned(),
            SchemaState::Current => format!("V{}", newest_version()),
            SchemaState::Older(version) | SchemaState::Newer(version) => format!("V{version}"),
            SchemaState::Peer(Some(revision)) => format!("the peer's schema `{revision}`"),
            SchemaState::Peer(None) => "the peer's schema (without a revision)".to_owned(),
        }
    }
}

/// The schema of the database at `path`, for a dry run of [`migrate`]. Changes nothing.
pub fn schema_state(path: &Path) -> Result<SchemaState, StoreError> {
    read_schema(path).map_err(|fault| fault.at(path))
}

/// Migrates the database at `path` to the newest schema: first makes and checks a backup beside it, then does everything
/// in one transaction, so that a run that is killed leaves the old schema or the new one.
///
/// The backup is `colony.db.YYYYmmdd-HHMMSS.bak` by the UTC time of `now`, or `…-2.bak` and so on if that exists. It has the
/// permissions of the original. A database with the newest schema is not changed.
pub fn migrate(path: &Path, now: Timestamp) -> Result<MigrationResult, StoreError> {
    migrate_file(path, now).map_err(|fault| fault.at(path))
}

/// The schema of the database at `path`. Changes nothing.
pub(super) fn read_schema(path: &Path) -> Result<SchemaState, Fault> {
    open_file::read_briefly(path, open_file::PATIENCE, recognise)
}

/// Rejects a database that needs a migration, an init or a newer wnm.
pub(super) fn check_schema(connection: &Connection) -> Result<(), Fault> {
    reject_views(connection)?;
    let state = recognise(connection)?;
    match state {
        SchemaState::Current if has_machine(connection)? => Ok(()),
        SchemaState::Current | SchemaState::Blank => Err(Fault::Uninitialised),
        SchemaState::Newer(version) => Err(Fault::Ahead(version)),
        SchemaState::Older(_) | SchemaState::Peer(_) => Err(Fault::Behind {
            from: state.words(),
            to: SchemaState::Current.words(),
        }),
    }
}

/// Creates the newest schema in an empty database. A database that has it and no machine is not changed.
pub(super) fn create_schema(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match recognise(&transaction)? {
        SchemaState::Blank => run(&transaction, Target::Latest)?,
        SchemaState::Current if !has_machine(&transaction)? => {}
        SchemaState::Newer(version) => return Err(Fault::Ahead(version)),
        _ => return Err(Fault::Exists),
    }
    Ok(transaction.commit()?)
}

fn recognise(connection: &Connection) -> Result<SchemaState, Fault> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )?;
    let tables = statement
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if tables.is_empty() {
        return Ok(SchemaState::Blank);
    }
    if has(HISTORY) {
        let version = connection
            .query_row(&format!("SELECT max(version) FROM {HISTORY}"), [], |row| {
                row.get::<_, Option<i64>>(0)
            })
            .map_err(|error| Fault::NotAColony(said(&error.to_string())))?;
        match version {
            Some(version) if version == newest_version() => return Ok(SchemaState::Current),
            Some(version) if version > newest_version() => return Ok(SchemaState::Newer(version)),
            Some(version) if version >= 1 => return Ok(SchemaState::Older(version)),
            // An empty history: no migration was run.
            _ => {}
        }
    }
    if !has("machine") || !has("node") {
        return Err(Fault::NotAColony(
            "the tables `machine` and `node` are missing".to_owned(),
        ));
    }
    if !has("alembic_version") {
        return Ok(SchemaState::Peer(None));
    }
    let revision = connection
        .query_row(
            "SELECT CAST(version_num AS TEXT) FROM alembic_version LIMIT 1",
            [],
            |row| row.get::<_, Option<String>>(0),
        )
        .optional()?;
    Ok(SchemaState::Peer(revision.flatten().map(|text| said(&text))))
}

/// Rejects a view in the place of a table of wnm.
fn reject_views(connection: &Connection) -> Result<(), Fault> {
    let migrations: String = migrations::runner()
        .get_migrations()
        .iter()
        .filter_map(Migration::sql)
        .collect();
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'view'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if name == HISTORY || migrations.contains(&format!("CREATE TABLE {name} (")) {
            return Err(Fault::NotAColony(format!(
                "`{}` is a view in place of a table",
                said(&name)
            )));
        }
    }
    Ok(())
}

fn has_machine(connection: &Connection) -> Result<bool, Fault> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM machine)", [], |row| row.get(0))?)
}

/// Runs the migrations that were not run yet; with [`Target::FakeVersion`] only records them as run.
fn run(transaction: &Transaction<'_>, target: Target) -> Result<(), Fault> {
    migrations::runner()
        .set_grouped(true)
        .set_target(target)
        .run(&mut InTransaction(transaction))
        .map(|_| ())
        .map_err(|error| {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            Fault::NotAColony(said(&cause.to_string()))
        })
}

fn migrate_file(path: &Path, now: Timestamp) -> Result<MigrationResult, Fault> {
    let mut connection = open_file::connect(path)?;
    // Locked before the backup is made, so that nobody writes between the backup and the change.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let state = recognise(&transaction)?;
    let (from, to) = (state.words(), SchemaState::Current.words());
    match state {
        SchemaState::Blank => return Err(Fault::Uninitialised),
        SchemaState::Newer(version) => return Err(Fault::Ahead(version)),
        SchemaState::Current => {
            return Ok(MigrationResult {
                from,
                to,
                backup: None,
            });
        }
        SchemaState::Older(_) | SchemaState::Peer(_) => {}
    }
    let backup = copy(path, now, &transaction)?;
    migrate_to_current(&transaction, &state)?;
    transaction.commit()?;
    open_file::write_ahead(&connection)?;
    Ok(MigrationResult {
        from,
        to,
        backup: Some(backup),
    })
}

/// Migrates a database of schema `standing` to the newest schema.
pub(super) fn migrate_to_current(transaction: &Transaction<'_>, state: &SchemaState) -> Result<(), Fault> {
    if matches!(state, SchemaState::Peer(_)) {
        let runner = migrations::runner();
        let v1 = runner.get_migrations().iter().find(|one| one.version() == 1);
        adopt_peer::adopt(transaction, v1.and_then(Migration::sql).unwrap_or_default())?;
        run(transaction, Target::FakeVersion(1))?;
    }
    run(transaction, Target::Latest)
}

/// Limit of backups with the same second; each extra one is of a run that was killed before it changed anything.
const COPIES_A_SECOND: u32 = 100;

/// Makes and checks a backup of the database at `path`, beside it. A complete backup is renamed to its final name.
fn copy(path: &Path, now: Timestamp, held: &Transaction<'_>) -> Result<PathBuf, Fault> {
    let time: String = held.query_row(
        "SELECT strftime('%Y%m%d-%H%M%S', ?1, 'unixepoch')",
        [now.0],
        |row| row.get(0),
    )?;
    // The database is locked, so no other run makes a backup now: a free name stays free.
    let Some(finished) = (1..=COPIES_A_SECOND)
        .map(|nth| match nth {
            1 => beside(path, &format!(".{time}.bak")),
            _ => beside(path, &format!(".{time}-{nth}.bak")),
        })
        .find(|name| name.symlink_metadata().is_err())
    else {
        let first = beside(path, &format!(".{time}.bak"));
        return Err(Fault::Io(format!(
            "its backup `{}` exists already, and so do {} more of the same second",
            first.display(),
            COPIES_A_SECOND - 1
        )));
    };
    // Always the same name, so that the next backup overwrites what a killed run left.
    let unfinished = beside(path, ".part");
    let made = clear(&unfinished)
        .and_then(|()| write_copy(path, &unfinished))
        .and_then(|()| Ok(fs::rename(&unfinished, &finished)?))
        .and_then(|()| sync_folder(&finished));
    match made {
        Ok(()) => Ok(finished),
        Err(fault) => {
            // An incomplete backup is useless. If it cannot be deleted, its name shows what it is.
            let _ = clear(&unfinished);
            Err(match fault {
                Fault::Full => Fault::Full,
                other => Fault::Io(format!("cannot create a backup: {}", other.at(&unfinished))),
            })
        }
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Deletes an unfinished backup and SQLite's files beside it: SQLite would apply a journal that stays to the next one.
fn clear(unfinished: &Path) -> Result<(), Fault> {
    for end in ["", "-journal", "-wal", "-shm"] {
        match fs::remove_file(beside(unfinished, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Writes the folder's entry of a file to the disk.
fn sync_folder(file: &Path) -> Result<(), Fault> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
}

fn write_copy(path: &Path, target: &Path) -> Result<(), Fault> {
    // The permissions of the original, but only the owner can write the backup.
    let bits = fs::metadata(path)?.mode() & 0o755;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target)?;
    file.set_permissions(Permissions::from_mode(bits))?;
    let source = open_file::reader(path, open_file::PATIENCE)?;
    let mut copy = Connection::open(target)?;
    open_file::copy_all(&source, &mut copy)?;
    // Not WAL mode, so that the backup is a single file.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    let mut check = copy.prepare("PRAGMA integrity_check(1)")?;
    let verdict: String = check.query_row([], |row| row.get(0))?;
    drop(check);
    copy.close().map_err(|(_, error)| error)?;
    if verdict != "ok" {
        return Err(Fault::Damaged(said(&verdict)));
    }
    file.sync_all()?;
    Ok(())
}
