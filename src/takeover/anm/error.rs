//! Why a takeover from anm does not start, or fails.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{manager, program, settings, store};

/// Why a takeover or a rollback failed.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// A precondition is not met. Nothing was changed.
    #[error("{what}")]
    Refused {
        what: String,
        /// What the operator can do.
        hint: String,
    },
    /// A file of the server cannot be read or parsed.
    #[error("cannot read `{}`: {why}", .path.display())]
    Unreadable { path: PathBuf, why: String },
    /// A file, directory or service cannot be changed.
    #[error("cannot {0}")]
    Handling(#[from] manager::ManagerError),
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(transparent)]
    Setting(#[from] settings::SettingsError),
    /// The rows, units or processes differ from what was read before. The database transaction was rolled back.
    #[error("the import was rolled back: {}", .0.join("; "))]
    Unlike(Vec<String>),
    /// A file differs from its copy in the backup.
    #[error("`{}` differs from its backup `{}`: another program changed it during the takeover", .path.display(), .copy.display())]
    Differs { path: PathBuf, copy: PathBuf },
    /// anm, or a process that looks like it, still ran when the time was over.
    #[error("timed out after {} s: {what}", .limit.as_secs())]
    StillBusy { what: String, limit: Duration },
    /// The next run of anm would delete all nodes.
    #[error("{why}; its cron file was not put back into `/etc/cron.d`")]
    Teardown { why: String },
    /// The takeover failed, and then anm could not be restored.
    #[error("{first}; and anm was not restored: {then}")]
    NotUndone {
        first: Box<TakeoverError>,
        then: String,
        hint: String,
    },
    /// SIGTERM or SIGINT.
    #[error("ended by a signal")]
    Interrupted,
}

impl TakeoverError {
    /// A precondition that is not met, and what to do.
    pub fn refused(what: impl fmt::Display, hint: impl fmt::Display) -> TakeoverError {
        TakeoverError::Refused {
            what: what.to_string(),
            hint: hint.to_string(),
        }
    }

    /// For a file that cannot be read or parsed.
    pub(super) fn unreadable(path: impl Into<PathBuf>, why: impl fmt::Display) -> TakeoverError {
        TakeoverError::Unreadable {
            path: path.into(),
            why: why.to_string(),
        }
    }

    /// What the operator can do, if known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            TakeoverError::Refused { hint, .. } | TakeoverError::NotUndone { hint, .. } => Some(hint),
            TakeoverError::StillBusy { .. } => Some(
                "anm's cron file was put back, and nothing was imported; wait longer with `--anm_wait SECONDS`",
            ),
            TakeoverError::Differs { .. } => {
                Some("anm was not changed; run this again when nobody else works on this machine")
            }
            TakeoverError::Interrupted => Some("run this again; it resumes, or starts from the beginning"),
            _ => None,
        }
    }
}

impl From<program::ProgramError> for TakeoverError {
    fn from(error: program::ProgramError) -> TakeoverError {
        TakeoverError::Handling(error.into())
    }
}
