//! `--init`: creates a colony with its settings and, with `--import`, existing nodes.

pub mod anm;
pub(super) mod import;
mod other_colonies;
mod preconditions;
pub mod prompts;

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::order_answer;
use crate::clock::Clock;
use crate::colony::{MachineReadings, Mode};
use crate::error::ExitError;
use crate::lock::RunLock;
use crate::manager::{self, files::Files, node_layout::NodeLayout};
use crate::program::user_account;
use crate::session::Session;
use crate::settings::Resolved;
use crate::store::{MachineFacts, Store};
use crate::survey::{self, HttpProbe};
use crate::takeover::anm::Server;
use import::Import;
pub use preconditions::refuse_python;
use preconditions::{refuse_second, supported};

/// Creates the colony; a dry run only prints what it would create.
///
/// # Errors
/// When a colony exists or a setting is invalid: nothing is created.
pub fn init(session: &Session) -> Result<String, ExitError> {
    if session.run.migrate_anm {
        return anm::take_over(session, &Server::real(Box::new(HttpProbe::new())));
    }
    if !session.run.dry_run {
        session.require_trusted_new_paths()?;
    }
    refuse_second(session)?;
    let import = match session.run.import {
        true => Some(Import::find(session, None, &[])?),
        false => None,
    };
    let resolved = match &import {
        Some(import) => import.resolved.clone(),
        None => session.resolve(None)?,
    };
    let world = session.world(&resolved.settings);
    let instruments = world
        .machine_reader
        .read(&resolved.settings.node_storage)
        .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
    supported(&world, &resolved)?;
    if session.run.dry_run {
        let what = format!("would create the colony {}", session.place);
        return Ok(import.map_or(what.clone(), |import| import.preview(session, &what)));
    }
    make_folders(session, &resolved)?;
    // Another account may have created one of the directories meanwhile.
    session.require_trusted_paths()?;
    let _lock = RunLock::take(
        &session.place.lock_path,
        &session.place.db_path,
        session.clock.now(),
    )?;
    // Checked again under the lock, which keeps other runs of init out.
    refuse_second(session)?;
    write(
        session,
        &resolved,
        &instruments,
        world.machine_reader.device(&resolved.settings.node_storage),
        import.as_ref(),
    )?;
    tracing::info!("created the colony {}", session.place);
    if let Some(import) = &import {
        import.log_result(session);
    }
    tracing::info!("Initialization complete");
    if survey::find_antnode(&*world.machine_reader, session.lookup(&resolved.settings), &[]).is_err() {
        tracing::warn!(
            "there is no antnode at `{}` or on PATH, so no node can be added; Autonomi's installer is antup: {ANTUP}",
            resolved.settings.antnode_path.display()
        );
    }
    Ok(match order_answer::is_for_person(session) {
        true => NEXT_STEPS.to_owned(),
        false => String::new(),
    })
}

/// Where an antnode comes from.
const ANTUP: &str = "https://github.com/maidsafe/antup";

/// What an operator does after `--init`.
const NEXT_STEPS: &str = "The colony is ready. Next:
  wnm --dry_run           show what the first run would do
  wnm schedule install    let cron or systemd run wnm once a minute
  wnm status              see the nodes
  wnm doctor              check what can keep it from working";

fn cannot(error: manager::ManagerError) -> ExitError {
    ExitError::refused(format_args!("cannot {error}"))
}

/// Creates the directories of the colony, of which the first will contain the lock.
fn make_folders(session: &Session, resolved: &Resolved) -> Result<(), ExitError> {
    let files = Files::new(session.place.mode);
    let operator = user_account::own();
    let owner = match session.place.mode {
        Mode::Sudo => operator.as_ref(),
        Mode::User => None,
    };
    // A path without a directory belongs to the working directory.
    let parent = session.place.db_path.parent();
    let parent = parent.filter(|folder| !folder.as_os_str().is_empty());
    for folder in [Some(session.place.base_dir.as_path()), parent]
        .into_iter()
        .flatten()
    {
        if !folder.is_dir() {
            files.make_dir(folder, owner).map_err(cannot)?;
        }
    }
    // antctl creates the same directory as root, but the lock and the database belong to the operator.
    let base = &session.place.base_dir;
    if owner.is_some_and(|owner| owner.uid != 0) && fs::metadata(base).is_ok_and(|seen| seen.uid() == 0) {
        files.make_dir(base, owner).map_err(cannot)?;
    }
    let storage = &resolved.settings.node_storage;
    if !storage.is_dir() {
        let layout = NodeLayout::new(session.place.mode, session.launch_policy(&resolved.settings));
        layout.paths.require_trusted(storage).map_err(cannot)?;
        files.make_dir(storage, None).map_err(cannot)?;
    }
    Ok(())
}

fn write(
    session: &Session,
    resolved: &Resolved,
    instruments: &MachineReadings,
    device: Option<u64>,
    import: Option<&Import>,
) -> Result<(), ExitError> {
    let settings = &resolved.settings;
    let store = Store::create(&session.place.db_path, session.place.mode)?;
    let facts = MachineFacts {
        boot_time: Some(instruments.boot),
        storage_device: device,
        cpu_count: instruments.cpus,
        // Imported nodes are not stopped because of pressure before the delay has passed.
        last_stopped_at: match import {
            Some(_) => session.clock.now().max(settings.last_stopped_at),
            None => settings.last_stopped_at,
        },
        highest_node_id_used: settings.highest_node_id_used,
    };
    let nodes = import.map_or(&[][..], |import| &import.batch.nodes);
    store.initialise(&resolved.changes, &facts, nodes)?;
    Ok(())
}
