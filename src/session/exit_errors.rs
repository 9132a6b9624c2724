//! Errors of the settings, the store, the lock and a takeover, as errors for the operator with a hint.

use crate::error::ExitError;
use crate::takeover::anm;
use crate::{lock, settings, store};

impl From<settings::SettingsError> for ExitError {
    fn from(error: settings::SettingsError) -> ExitError {
        let fixed = error.is_refusal();
        let error = if fixed {
            ExitError::refused(error)
        } else {
            ExitError::mistaken(error)
        };
        error.hint("nothing was changed")
    }
}

impl From<store::StoreError> for ExitError {
    fn from(error: store::StoreError) -> ExitError {
        use store::Fault;
        let error = match error.fault {
            Fault::Locked => store::StoreError {
                fault: if lock::has_no_locks(&error.path) {
                    Fault::NoLocks
                } else {
                    Fault::Locked
                },
                ..error
            },
            _ => error,
        };
        let refused = ExitError::refused(&error);
        match error.fault {
            Fault::NotADatabase | Fault::Damaged(_) => refused.hint(
                "put a backup in its place; without one move it away, and `wnm --init --import` finds the nodes again",
            ),
            Fault::Ahead(_) => refused.hint("use that wnm, or the copy that was made before its migration"),
            Fault::Locked => refused.hint("end that program: `sudo find /proc/[0-9]*/fd -lname PATH` names it"),
            Fault::Denied(_) => refused.hint("run wnm as the user whose colony it is"),
            Fault::Full => refused.hint("make room on its disk; the next run goes on"),
            Fault::Quota => refused.hint("delete files of this account, or have its quota raised"),
            Fault::NoLocks => refused.hint("keep the database on a disk of this machine: `--dbpath`"),
            _ => refused,
        }
    }
}

impl From<anm::TakeoverError> for ExitError {
    fn from(error: anm::TakeoverError) -> ExitError {
        let exit_error = ExitError::refused(&error);
        match error.hint() {
            Some(hint) => exit_error.hint(hint),
            None => exit_error,
        }
    }
}

impl From<lock::LockError> for ExitError {
    fn from(error: lock::LockError) -> ExitError {
        let refused = ExitError::refused(&error);
        match error {
            lock::LockError::Held => refused.hint("another run is at work; this one has nothing to do"),
            lock::LockError::Unusable { .. } => refused,
        }
    }
}
