//! `--remove_lockfile`: removes the lock file that a killed run left.

use super::RunResult;
use crate::clock::Clock;
use crate::error::ExitError;
use crate::lock::CycleLock;
use crate::session::Session;

/// Removes the lock file.
///
/// # Errors
/// When a run holds the lock, or others can write to the folder.
pub(super) fn unlock(session: &Session) -> Result<RunResult, ExitError> {
    session.require_trusted_paths()?;
    let path = &session.place.lock_path;
    if CycleLock::remove_leftover(path, session.clock.now())? {
        tracing::info!("Lock file removed: {}", path.display());
    } else {
        tracing::info!("Lock file does not exist: {}", path.display());
    }
    Ok(RunResult::default())
}
