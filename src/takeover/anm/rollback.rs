//! Returns the nodes to anm in their current state, without restarting any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lock::{self, CycleLock};
use crate::signals;
use crate::store::Store;

use super::config::teardown_reason;
use super::fs_ops::{FileOps, FileOwner};
use super::journal::{self, Journal, JournalStep};
use super::node_details_file::{self, NodeDetail};
use super::paths::{CONFIG, CRON, NODE_DETAILS, SHUNNED, STATE, SYSTEM};
use super::script::Script;
use super::units::{self, NodeUnit};
use super::{Server, TakeoverError, disable, inspect, ntracking, schedule};

/// How many seconds to wait for a running cycle of wnm.
const LOCK_WAIT_S: i64 = 300;

/// What the command line asks of a rollback.
#[derive(Clone, Copy, Debug)]
pub struct RollbackOptions<'a> {
    /// The lock of the colony.
    pub lock: &'a Path,
    /// `--confirm`: whether to return the nodes although anm would act on wrong ones.
    pub forced: bool,
    /// Whether to print only what would be done.
    pub dry: bool,
}

/// Returns the nodes to anm. The result is what was done, and warnings, one line each.
///
/// # Errors
/// When there is no takeover to undo, anm would act on wrong nodes, or a file cannot be changed. An interrupted rollback
/// can be run again.
pub fn rollback(server: &Server, options: &RollbackOptions<'_>) -> Result<Vec<String>, TakeoverError> {
    let Some(mut journal) = journal::last(server)? else {
        return Err(TakeoverError::refused(
            "there is no takeover from anm to undo",
            "`--rollback_anm` undoes what `wnm --init --migrate_anm` did on this machine",
        ));
    };
    let units = of_anm(server)?;
    let objections = objections(server, &journal, &units)?;
    if !objections.is_empty() && !options.forced {
        return Err(TakeoverError::refused(
            format_args!("anm would act on wrong nodes: {}", objections.join("; ")),
            "nothing was changed; to return them anyway: `wnm --rollback_anm --confirm`",
        ));
    }
    let mut lines_below: Vec<String> = objections.iter().map(|why| format!("warning: {why}")).collect();
    lines_below.extend(changes(
        &journal
            .manifest(server)?
            .standing
            .units
            .into_keys()
            .collect::<Vec<_>>(),
        &units,
    ));
    if options.dry {
        let mut lines = vec![format!("would return {} nodes to anm", units.len())];
        lines.extend(lines_below);
        return Ok(lines);
    }
    let _lock = lock(server, options.lock)?;
    // A stale block file must not stop anm, which is to run again.
    journal.state.had_stale_block = false;
    journal.reach(server, JournalStep::GivingBack)?;
    schedule::remove(server, &journal)?;
    let files = FileOps::of(server);
    // An old order: anm would delete that node in its first run.
    files.remove(&server.path(SHUNNED))?;
    write_node_details(server, &journal, &units)?;
    ntracking::restore(server, &journal)?;
    let kept = move_colony_to_backup(server, &journal)?;
    disable::enable(server, &mut journal)?;
    let mut lines = vec![format!(
        "{} nodes are anm's again; none was restarted",
        units.len()
    )];
    lines.extend(kept.map(|path| format!("the colony was moved to {}", path.display())));
    if !journal.state.had_cron {
        lines.push(format!(
            "`{CRON}` did not exist before the takeover and is not made: anm does not run"
        ));
    }
    lines.extend(lines_below);
    Ok(lines)
}

/// The units that anm considers its own.
fn of_anm(server: &Server) -> Result<Vec<NodeUnit>, TakeoverError> {
    let registered = inspect::registered(server)?;
    let mut units = units::all(server)?;
    units.retain(|unit| !unit.digits.is_empty() && !unit.is_antctls(&registered));
    Ok(units)
}

/// Why anm would act on wrong nodes. An error if `--confirm` cannot override it.
fn objections(server: &Server, journal: &Journal, units: &[NodeUnit]) -> Result<Vec<String>, TakeoverError> {
    let missing = [CONFIG, SYSTEM]
        .into_iter()
        .find(|path| !server.path(path).is_file());
    if let Some(path) = missing {
        return Err(TakeoverError::refused(
            format_args!(
                "`{path}` is missing: the next run of anm would delete all nodes, or set up the machine again"
            ),
            format_args!(
                "restore it first: `sudo cp -p {} {path}`",
                journal.copy_of(Path::new(path)).display()
            ),
        ));
    }
    if let Some(why) = teardown_reason(server)? {
        return Err(TakeoverError::refused(
            why,
            "remove this order, and run this again",
        ));
    }
    let mut all = Vec::new();
    let manifest = journal.manifest(server)?;
    let paths = [CONFIG, SYSTEM].map(|path| server.path(path));
    for (path, sha256) in [CONFIG, SYSTEM].iter().zip(FileOps::of(server).digests(&paths)?) {
        if manifest
            .entry(Path::new(path))
            .is_none_or(|entry| entry.sha256 != sha256)
        {
            all.push(format!("`{path}` is not what it was before the takeover"));
        }
    }
    match Script::of(server)? {
        Some(script) => all.extend(script.objections(units)),
        None => all.push(format!("its script `{}` is gone", super::paths::SCRIPT)),
    }
    Ok(all)
}

/// The nodes that were added and removed since the takeover.
fn changes(before: &[String], units: &[NodeUnit]) -> Vec<String> {
    let name = |service: &str| service.trim_end_matches(".service").to_owned();
    let came = units.iter().filter(|unit| !before.contains(&unit.service));
    let came: Vec<String> = came.map(|unit| unit.name().to_owned()).collect();
    let is_there = |service: &&String| units.iter().any(|unit| unit.service == **service);
    let went: Vec<String> = before
        .iter()
        .filter(|service| units::digits_in(service).is_some() && !is_there(service))
        .map(|service| name(service))
        .collect();
    let mut lines = Vec::new();
    for (verb, names) in [("added", came), ("removed", went)] {
        if !names.is_empty() {
            lines.push(format!(
                "wnm {verb} {} since; anm does not know their order",
                names.join(", ")
            ));
        }
    }
    lines
}

/// Takes the colony's lock; waits for a running cycle.
fn lock(server: &Server, path: &Path) -> Result<Option<CycleLock>, TakeoverError> {
    if path.parent().is_none_or(|folder| !folder.is_dir()) {
        return Ok(None);
    }
    let until = server.clock.now().plus(LOCK_WAIT_S);
    loop {
        match CycleLock::take(path, server.clock.now()) {
            Ok(lock) => return Ok(Some(lock)),
            Err(lock::LockError::Held) if server.clock.now() < until && !signals::asked_to_end() => {
                tracing::info!("waiting for another run of wnm");
                server.clock.sleep(Duration::from_secs(1));
            }
            Err(error) => {
                return Err(TakeoverError::refused(
                    error,
                    "nothing was changed; run this again when the other run has ended",
                ));
            }
        }
    }
}

/// Writes `NodeDetails` for anm: which nodes run, by the names of their units.
fn write_node_details(server: &Server, journal: &Journal, units: &[NodeUnit]) -> Result<(), TakeoverError> {
    let rows = match Store::open_read_only(&server.path(&journal.state.database)) {
        Ok(store) => store.nodes().unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let believed = node_details_file::read(&journal.kept_text(server, NODE_DETAILS)?.unwrap_or_default());
    let detail = |unit: &NodeUnit| {
        let row = rows.iter().find(|row| row.service.0 == unit.service);
        let old = believed.iter().find(|old| old.name == unit.name());
        let peer_id = row
            .and_then(|row| row.peer_id.clone())
            .or_else(|| old.map(|old| old.peer_id.clone()));
        let version = row.and_then(|row| row.version.as_ref().map(ToString::to_string));
        NodeDetail {
            key: unit.digits.clone(),
            name: unit.name().to_owned(),
            peer_id: peer_id.unwrap_or_default(),
            version: version
                .or_else(|| old.map(|old| old.version.clone()))
                .unwrap_or_default(),
            is_running: unit.is_active(),
        }
    };
    let text = node_details_file::write(&units.iter().map(detail).collect::<Vec<_>>());
    let path = server.path(NODE_DETAILS);
    let owned = FileOwner::of(&path).or_else(|| {
        FileOwner::of(&server.path(STATE)).map(|folder| FileOwner {
            bits: 0o644,
            ..folder
        })
    });
    match owned {
        Some(owned) => FileOps::of(server).write(&path, &text, owned),
        None => Err(TakeoverError::unreadable(STATE, "not found")),
    }
}

/// Moves the colony into the backup, so that wnm has no nodes on this machine.
fn move_colony_to_backup(server: &Server, journal: &Journal) -> Result<Option<PathBuf>, TakeoverError> {
    let files = FileOps::of(server);
    let mut kept = None;
    // The database goes first: without its log it would lack the last changes.
    for ending in ["", "-wal", "-shm"] {
        let named = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let from = server.path(named(&journal.state.database));
        let to = named(&journal.backup.join("colony.db"));
        if from.exists() {
            files.move_to(&from, &server.path(&to))?;
            if ending.is_empty() {
                kept = Some(to);
            }
        }
    }
    Ok(kept)
}
