//! Why a takeover from anm does not begin, or does not end.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{manager, program, settings, store};

/// What stands in the way.
#[derive(Debug)]
pub enum TakeoverError {
    /// It must not be done as things stand. Nothing was changed.
    Refused {
        /// What is in the way, as a fragment.
        what: String,
        /// What the operator can do.
        hint: String,
    },
    /// A file of the server's that cannot be read; `why` is the system's word for it.
    Unreadable { path: PathBuf, why: String },
    /// A file, folder or service that did not let itself be handled.
    Handling(manager::ManagerError),
    /// The colony's database.
    Store(store::StoreError),
    /// A setting that cannot be.
    Setting(settings::SettingsError),
    /// What was taken over differs from what was read; the import was taken back.
    Unlike(Vec<String>),
    /// Two files that must be the same are not.
    Differs { path: PathBuf, copy: PathBuf },
    /// anm was still at work, or something looked like it, when the time was over.
    StillBusy { what: String, limit: Duration },
    /// anm has been told to destroy all nodes: it must not run again.
    Teardown { why: String },
    /// It went wrong, and then anm could not be given back what was taken.
    NotUndone {
        first: Box<TakeoverError>,
        then: String,
        hint: String,
    },
    /// A signal came.
    Interrupted,
}

impl TakeoverError {
    /// A refusal: what is in the way, and what to do about it.
    pub fn refused(what: impl fmt::Display, hint: impl fmt::Display) -> TakeoverError {
        TakeoverError::Refused {
            what: what.to_string(),
            hint: hint.to_string(),
        }
    }

    /// What the operator can do, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            TakeoverError::Refused { hint, .. } => Some(hint),
            TakeoverError::NotUndone { hint, .. } => Some(hint),
            TakeoverError::StillBusy { .. } => Some(
                "anm has its cron file again, and nothing was imported; give it longer with `--anm_wait SECONDS`",
            ),
            TakeoverError::Differs { .. } => {
                Some("anm is as it was; call it again when nobody else works on this machine")
            }
            TakeoverError::Interrupted => Some("call it again; it goes on where it stopped, or begins anew"),
            _ => None,
        }
    }
}

impl fmt::Display for TakeoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TakeoverError::Refused { what, .. } => f.write_str(what),
            TakeoverError::Unreadable { path, why } => write!(f, "cannot read `{}`: {why}", path.display()),
            TakeoverError::Handling(error) => write!(f, "cannot {error}"),
            TakeoverError::Store(error) => error.fmt(f),
            TakeoverError::Setting(error) => error.fmt(f),
            TakeoverError::Unlike(differences) => {
                write!(f, "the import was taken back: {}", differences.join("; "))
            }
            TakeoverError::Differs { path, copy } => write!(
                f,
                "`{}` is no longer what was backed up as `{}`: somebody changed it meanwhile",
                path.display(),
                copy.display()
            ),
            TakeoverError::StillBusy { what, limit } => {
                write!(f, "gave up after {} s: {what}", limit.as_secs())
            }
            TakeoverError::Teardown { why } => write!(f, "{why}; its cron file stays out of `/etc/cron.d`"),
            TakeoverError::NotUndone { first, then, .. } => {
                write!(f, "{first}; and anm is not back as it was: {then}")
            }
            TakeoverError::Interrupted => f.write_str("ended by a signal"),
        }
    }
}

impl std::error::Error for TakeoverError {}

impl From<manager::ManagerError> for TakeoverError {
    fn from(error: manager::ManagerError) -> TakeoverError {
        TakeoverError::Handling(error)
    }
}

impl From<program::ProgramError> for TakeoverError {
    fn from(error: program::ProgramError) -> TakeoverError {
        TakeoverError::Handling(error.into())
    }
}

impl From<store::StoreError> for TakeoverError {
    fn from(error: store::StoreError) -> TakeoverError {
        TakeoverError::Store(error)
    }
}

impl From<settings::SettingsError> for TakeoverError {
    fn from(error: settings::SettingsError) -> TakeoverError {
        TakeoverError::Setting(error)
    }
}
