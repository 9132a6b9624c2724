//! Checks before a colony is created or nodes are imported.

use std::path::Path;

use crate::error::ExitError;
use crate::session::Session;
use crate::settings::Resolved;
use crate::store::{Fault, Store};
use crate::takeover::python_wnm;
use crate::world::World;

/// Fails while a run of the Python wnm is active, because it would act on outdated data.
///
/// Later runs of it exit by themselves, because they find our lock file.
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
        "the Python wnm is running (process {pid}); nothing was changed"
    ))
    .hint("remove it from the crontab, wait until it exits, and run this command again"))
}

/// Fails if this machine does not support the process manager.
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

/// Fails if a colony exists at this path.
pub(super) fn refuse_second(session: &Session) -> Result<(), ExitError> {
    let path = &session.place.db_path;
    let Err(error) = Store::open_read_only(path) else {
        return Err(already(path));
    };
    match error.fault {
        // A killed init, or a migration of the peer's empty database, leaves tables without a machine.
        Fault::Absent | Fault::Uninitialised | Fault::Interrupted => Ok(()),
        Fault::Behind { .. } => {
            Err(already(path).hint("to migrate it: `wnm --force_action wnm-db-migration --confirm`"))
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
