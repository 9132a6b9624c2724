//! `--force_action update_config`: saves the given settings, and does nothing else.

use super::RunResult;
use crate::error::ExitError;
use crate::session::{Colony, Session};

/// Saves the given settings.
///
/// # Errors
/// As [`Colony::open`], which saves them.
pub(super) fn update_config(session: &Session) -> Result<RunResult, ExitError> {
    Colony::open(session).map(|_| RunResult::default())
}
