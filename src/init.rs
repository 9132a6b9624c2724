//! The first run: a colony is made, with its settings and, when asked, the nodes that are already there.

pub mod anm;
mod import;
pub mod prompts;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::clock::Clock;
use crate::colony::{MachineReadings, Mode, Plural};
use crate::error::ExitError;
use crate::lock::CycleLock;
use crate::manager::{self, files::Files, node_layout::NodeLayout};
use crate::program::user_account;
use crate::session::{Session, absent};
use crate::settings::Resolved;
use crate::store::{Fault, MachineFacts, Store};
use crate::survey::HttpProbe;
use crate::takeover::anm::Server;
use crate::takeover::python_wnm;
use crate::world::World;
use import::Import;

/// Makes the colony; a dry run says what it would be.
///
/// # Errors
/// When there is one already, or a setting cannot be: nothing is made.
pub fn init(session: &Session) -> Result<String, ExitError> {
    if session.run.migrate_anm {
        return anm::take_over(session, &Server::real(Box::new(HttpProbe::new())));
    }
    if !session.run.dry_run {
        session.refuse_weak_future()?;
    }
    refuse_second(session)?;
    let import = match session.run.import {
        true => Some(Import::look(session, None)?),
        false => None,
    };
    let resolved = match &import {
        Some(import) => import.resolved.clone(),
        None => session.resolve(None)?,
    };
    let world = session.world(&resolved.settings);
    let instruments = world
        .gauge
        .read(&resolved.settings.node_storage)
        .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
    supported(&world, &resolved)?;
    if session.run.dry_run {
        let what = format!("would make the colony {}", session.place);
        return Ok(import.map_or(what.clone(), |import| import.foreseen(session, &what)));
    }
    make_folders(session, &resolved)?;
    // What somebody put there meanwhile is his.
    session.refuse_weak_ground()?;
    let _lock = CycleLock::take(&session.place.lock_path, session.clock.now())?;
    // Once more, now that nobody else can be making one.
    refuse_second(session)?;
    write(
        session,
        &resolved,
        &instruments,
        world.gauge.device(&resolved.settings.node_storage),
        import.as_ref(),
    )?;
    tracing::info!("made the colony {}", session.place);
    if let Some(import) = &import {
        import.tell(session);
    }
    tracing::info!("Initialization complete");
    Ok(String::new())
}

/// Refuses while a run of the Python wnm is at work: it would go on with what it had read before.
///
/// Runs that begin later end by themselves, as they take the lock file that ours leaves for a run at work.
///
/// # Errors
/// When there is one, or processes cannot be looked at.
pub fn refuse_python(session: &Session) -> Result<(), ExitError> {
    let at_work = python_wnm::at_work(&session.place.operator.home)
        .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
    let Some(pid) = at_work else {
        return Ok(());
    };
    Err(ExitError::refused(format_args!(
        "the Python wnm is at work (process {pid}); nothing was changed"
    ))
    .hint("take its line out of cron, wait until it has ended, and call this again"))
}

/// Takes the nodes that are there into a colony that has none; a dry run says which.
///
/// # Errors
/// When there is no colony, it has nodes, or they cannot be looked at: nothing is changed.
pub fn import(session: &Session) -> Result<String, ExitError> {
    let dry = session.run.dry_run;
    let _lock = if dry { None } else { Some(session.lock()?) };
    let store = if dry {
        Store::open_read_only(&session.place.db_path)
    } else {
        Store::open(&session.place.db_path)
    };
    let store = store.map_err(|error| absent(session, error))?;
    // A row that cannot be read is a node that somebody has all the same.
    let roll = store.roll()?;
    let count = roll.nodes.len() + roll.unread.len();
    if count > 0 {
        return Err(ExitError::refused(format_args!(
            "the colony at `{}` has {} already: `--import` fills one that has none",
            session.place.db_path.display(),
            Plural(i64::try_from(count).unwrap_or(i64::MAX), "node")
        ))
        .hint("leave `--import` out; `wnm --force_action survey` looks at the nodes it has"));
    }
    let import = Import::look(session, Some(&store))?;
    if dry {
        let what = format!("would fill the colony {}", session.place);
        return Ok(import.foreseen(session, &what));
    }
    let mut columns = import.resolved.changes.clone();
    columns.push(("last_stopped_at", Some(session.clock.now().to_string())));
    store.import(&columns, &import.haul.nodes)?;
    import.tell(session);
    Ok(String::new())
}

fn supported(world: &World, resolved: &Resolved) -> Result<(), ExitError> {
    let kind = resolved.settings.process_manager;
    match world.managers.of(kind) {
        Ok(_) => Ok(()),
        Err(error) => Err(
            ExitError::mistaken(format_args!("`process_manager` cannot be `{kind}`: {error}"))
                .hint("nothing was changed; choose another of the choices that `wnm --help` lists"),
        ),
    }
}

fn refuse_second(session: &Session) -> Result<(), ExitError> {
    let path = &session.place.db_path;
    let Err(error) = Store::open_read_only(path) else {
        return Err(already(path));
    };
    match error.fault {
        // Tables without a machine are what a killed init leaves, or the peer's empty ones once migrated.
        Fault::Absent | Fault::Uninitialised | Fault::Interrupted => Ok(()),
        Fault::Behind { .. } => {
            Err(already(path)
                .hint("bring it up to date with `wnm --force_action wnm-db-migration --confirm`"))
        }
        Fault::Ahead(_) => Err(already(path)),
        _ => Err(error.into()),
    }
}

fn already(path: &Path) -> ExitError {
    ExitError::refused(format_args!("Machine already initialized: `{}`", path.display()))
        .hint("leave `--init` out; settings can be changed by any run")
}

fn cannot(error: manager::ManagerError) -> ExitError {
    ExitError::refused(format_args!("cannot {error}"))
}

/// The colony's own folders, before the lock in the first of them can be taken.
fn make_folders(session: &Session, resolved: &Resolved) -> Result<(), ExitError> {
    let files = Files::new(session.place.mode);
    let operator = user_account::own();
    let owner = match session.place.mode {
        Mode::Sudo => operator.as_ref(),
        Mode::User => None,
    };
    // A database without a folder in its name lies in the one that wnm was called in.
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
    // antctl makes the same folder, as root's own: the lock and the database are the operator's.
    let base = &session.place.base_dir;
    if owner.is_some_and(|owner| owner.uid != 0) && fs::metadata(base).is_ok_and(|seen| seen.uid() == 0) {
        files.make_dir(base, owner).map_err(cannot)?;
    }
    let storage = &resolved.settings.node_storage;
    if !storage.is_dir() {
        let premises = NodeLayout::new(session.place.mode, session.launch_policy(&resolved.settings));
        premises.refuse_weak(storage).map_err(cannot)?;
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
        // Nodes that were just taken over are not stopped for pressure before the delay is over.
        last_stopped_at: match import {
            Some(_) => session.clock.now().max(settings.last_stopped_at),
            None => settings.last_stopped_at,
        },
        highest_node_id_used: settings.highest_node_id_used,
    };
    let nodes = import.map_or(&[][..], |import| &import.haul.nodes);
    store.initialise(&resolved.changes, &facts, nodes)?;
    Ok(())
}
