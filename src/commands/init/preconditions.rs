//! Conditions that hold before a colony is created or filled with nodes.

use std::path::Path;

use crate::error::ExitError;
use crate::session::Session;
use crate::settings::Resolved;
use crate::store::{Fault, Store};
use crate::takeover::python_wnm;
use crate::world::World;

/// Refuses while a run of the Python wnm is active, because it would act on what it read earlier.
///
/// Runs that begin later end by themselves, because they take our lock file for that of an active run.
///
/// # Errors
/// When there is one, or processes cannot be read.
pub fn refuse_python(session: &Session) -> Result<(), ExitError> {
    let active = python_wnm::at_work(&session.place.operator.home)
        .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
    let Some(pid) = active else {
        return Ok(());
    };
    Err(ExitError::refused(format_args!(
        "the Python wnm is at work (process {pid}); nothing was changed"
    ))
    .hint("take its line out of cron, wait until it has ended, and call this again"))
}

/// Refuses a process manager that this machine does not have.
pub(super) fn supported(world: &World, resolved: &Resolved) -> Result<(), ExitError> {
    let kind = resolved.settings.process_manager;
    match world.managers.of(kind) {
        Ok(_) => Ok(()),
        Err(error) => Err(
            ExitError::mistaken(format_args!("`process_manager` cannot be `{kind}`: {error}"))
                .hint("nothing was changed; choose another of the choices that `wnm --help` lists"),
        ),
    }
}

/// Refuses to create a second colony in the place of one.
pub(super) fn refuse_second(session: &Session) -> Result<(), ExitError> {
    let path = &session.place.db_path;
    let Err(error) = Store::open_read_only(path) else {
        return Err(already(path));
    };
    match error.fault {
        // A killed init, or a migration of the peer's empty database, leaves tables without a machine.
        Fault::Absent | Fault::Uninitialised | Fault::Interrupted => Ok(()),
        Fault::Behind { .. } => {
            Err(already(path)
                .hint("bring it up to date with `wnm --force_action wnm-db-migration --confirm`"))
        }
        Fault::Ahead(_) => Err(already(path)),
        _ => Err(error.into()),
    }
}

/// The error for a colony that exists already.
pub(super) fn already(path: &Path) -> ExitError {
    ExitError::refused(format_args!("Machine already initialized: `{}`", path.display()))
        .hint("omit `--init`; every run can change settings")
}
