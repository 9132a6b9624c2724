//! The first run: a colony is made, with its settings and, when asked, the nodes that are already there.

use std::path::Path;

use crate::clock::Clock;
use crate::colony::{Instruments, Mode, Node};
use crate::error::Error;
use crate::lock::CycleLock;
use crate::manager::files::Files;
use crate::program::account;
use crate::session::Session;
use crate::settings::Resolved;
use crate::store::{Facts, Fault, Store};

/// Makes the colony; a dry run says what it would be.
///
/// # Errors
/// When there is one already, or a setting cannot be: nothing is made.
pub fn init(session: &Session) -> Result<String, Error> {
    if session.run.migrate_anm {
        return Err(Error::mistaken("`--migrate_anm` is not in this version of wnm")
            .hint("its nodes can be taken over with `--init --import` once anm is stopped"));
    }
    refuse_second(session)?;
    let resolved = session.resolve(None)?;
    let world = session.world(&resolved.settings);
    let instruments = world
        .gauge
        .read(&resolved.settings.node_storage)
        .map_err(|error| Error::refused(format_args!("cannot {error}")))?;
    let kind = resolved.settings.process_manager;
    if let Err(error) = world.managers.of(kind) {
        return Err(
            Error::mistaken(format_args!("`process_manager` cannot be `{kind}`: {error}"))
                .hint("nothing was changed; choose systemd+user, systemd+sudo, setsid+user or setsid+sudo"),
        );
    }
    let found = if session.run.import {
        discover(&world, &resolved)?
    } else {
        Vec::new()
    };
    if session.run.dry_run {
        let mut lines = vec![format!("would make the colony {}", session.place)];
        lines.extend(found.iter().map(|node| {
            format!(
                "would import {} from `{}`, port {}",
                node.service,
                node.home.root.display(),
                node.ports.node
            )
        }));
        return Ok(lines.join("\n"));
    }
    make_folders(session, &resolved)?;
    let _lock = CycleLock::take(&session.place.lock_path, session.clock.now())?;
    // Once more, now that nobody else can be making one.
    refuse_second(session)?;
    write(
        session,
        &resolved,
        &instruments,
        world.gauge.device(&resolved.settings.node_storage),
        &found,
    )?;
    tracing::info!("made the colony {}", session.place);
    if session.run.import {
        tracing::info!("imported {} nodes", found.len());
    }
    tracing::info!("Initialization complete");
    Ok(String::new())
}

fn refuse_second(session: &Session) -> Result<(), Error> {
    let path = &session.place.db_path;
    let Err(error) = Store::open_read_only(path) else {
        return Err(already(path));
    };
    match error.fault {
        // Tables without a machine are what a killed init leaves, or the peer's empty ones once migrated.
        Fault::Absent | Fault::Uninitialised | Fault::Interrupted => Ok(()),
        Fault::Behind { .. } | Fault::Ahead(_) => Err(already(path)),
        _ => Err(error.into()),
    }
}

fn already(path: &Path) -> Error {
    Error::refused(format_args!("Machine already initialized: `{}`", path.display()))
        .hint("leave `--init` out; settings can be changed by any run")
}

fn discover(world: &crate::world::World, resolved: &Resolved) -> Result<Vec<Node>, Error> {
    let found = world
        .managers
        .of(resolved.settings.process_manager)
        .and_then(|manager| manager.discover())
        .map_err(Error::refused)?;
    Ok(found)
}

/// The colony's own folders, before the lock in the first of them can be taken.
fn make_folders(session: &Session, resolved: &Resolved) -> Result<(), Error> {
    let files = Files::new(session.place.mode);
    let operator = account::own();
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
            files.make_dir(folder, owner).map_err(Error::refused)?;
        }
    }
    let storage = &resolved.settings.node_storage;
    if !storage.is_dir() {
        files.make_dir(storage, None).map_err(Error::refused)?;
    }
    Ok(())
}

fn write(
    session: &Session,
    resolved: &Resolved,
    instruments: &Instruments,
    device: Option<u64>,
    found: &[Node],
) -> Result<(), Error> {
    let settings = &resolved.settings;
    let store = Store::create(&session.place.db_path, session.place.mode)?;
    let facts = Facts {
        boot_time: Some(instruments.boot),
        storage_device: device,
        cpu_count: instruments.cpus,
        last_stopped_at: settings.last_stopped_at,
        highest_node_id_used: settings.highest_node_id_used,
    };
    store.initialise_with(&resolved.changes, &facts, found)?;
    Ok(())
}
