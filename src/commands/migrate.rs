//! `--force_action wnm-db-migration`: brings the database up to date, after a backup of it.

use super::{RunResult, init};
use crate::clock::Clock;
use crate::error::ExitError;

use crate::session::Session;
use crate::store::schema::{self, SchemaState};

/// Migrates the database. A dry run prints from which version to which.
///
/// # Errors
/// Without `--confirm`, while another run is active, or when the migration fails: the database stays as it was.
pub(super) fn migrate(session: &Session) -> Result<RunResult, ExitError> {
    if !session.run.confirm {
        return Err(ExitError::refused("a database migration needs `--confirm`")
            .hint("run `wnm --force_action wnm-db-migration --confirm`"));
    }
    let path = &session.place.db_path;
    if session.run.dry_run {
        return Ok(RunResult::success(schema::schema_state(path)?.words()));
    }
    let _lock = session.lock()?;
    if matches!(schema::schema_state(path)?, SchemaState::Peer(_)) {
        init::refuse_python(session)?;
    }
    let migrated = schema::migrate(path, session.clock.now())?;
    match migrated.backup {
        Some(backup) => tracing::info!(
            "migrated from {} to {}; backup of the old database: `{}`",
            migrated.from,
            migrated.to,
            backup.display()
        ),
        None => tracing::info!("the database is up to date: {}", migrated.to),
    }
    Ok(RunResult::default())
}
