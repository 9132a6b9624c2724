//! The backup: every file that a takeover can change, and the state that shows later that nothing else changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fs_ops::FileOps;
use super::journal::{Journal, JournalState};
use super::manifest::{BackedUpFile, Manifest, StateBefore};
use super::paths::{COLLECTOR, COLLECTOR_CRON, CRON, SCRIPT, STATE};
use super::{NodeUnit, Server, TakeoverError};

/// Files to back up besides the units and anm's directory.
const OTHERS: [&str; 7] = [
    CRON,
    SCRIPT,
    COLLECTOR_CRON,
    COLLECTOR,
    "/etc/ufw/user.rules",
    "/etc/ufw/user6.rules",
    super::schedule::CRON_FILE,
];

/// Makes the backup in a new directory. When it returns, the backup is complete and on the disk.
///
/// # Errors
/// When a file cannot be copied. Nothing but the new directory was created.
pub fn make(server: &Server, units: &[NodeUnit], state: JournalState) -> Result<Journal, TakeoverError> {
    let journal = Journal::begin(server, state)?;
    let mut manifest = Manifest {
        made: server.clock.now().utc(),
        files: Vec::new(),
        standing: StateBefore::of(server, units)?,
    };
    copy(server, &journal, wanted(server, units)?, &mut manifest)?;
    journal.keep_manifest(server, &manifest)?;
    check(units, &manifest)?;
    Ok(journal)
}

/// Reads the state after anm's last run, and copies the units that this run created or changed.
///
/// # Errors
/// When a file cannot be copied.
pub fn renew(server: &Server, journal: &Journal, units: &[NodeUnit]) -> Result<StateBefore, TakeoverError> {
    let mut manifest = journal.manifest(server)?;
    let standing = StateBefore::of(server, units)?;
    let changes = manifest.standing.differences(&standing);
    if changes.is_empty() {
        return Ok(standing);
    }
    for change in &changes {
        tracing::warn!("changed since the backup: {change}");
    }
    let is_kept = |unit: &&NodeUnit| {
        let stood = standing.units.get(&unit.service).map(|stood| &stood.sha256);
        manifest.entry(&unit.path).map(|entry| &entry.sha256) == stood
    };
    let changed = units.iter().filter(|unit| !is_kept(unit));
    let paths = changed.map(|unit| unit.path.clone()).collect();
    manifest.standing = standing.clone();
    copy(server, journal, paths, &mut manifest)?;
    journal.keep_manifest(server, &manifest)?;
    Ok(standing)
}

/// Copies files into the backup and adds them to the manifest.
fn copy(
    server: &Server,
    journal: &Journal,
    paths: Vec<PathBuf>,
    manifest: &mut Manifest,
) -> Result<(), TakeoverError> {
    let files = FileOps::of(server);
    let mut by_folder: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        let folder = path.parent().unwrap_or(&path).to_owned();
        by_folder.entry(folder).or_default().push(path);
    }
    let mut written = vec![server.path(&journal.backup)];
    for (folder, paths) in by_folder {
        let into = server.path(journal.copy_of(&folder));
        files.make_folder(&into, 0o700)?;
        let sources: Vec<PathBuf> = paths.iter().map(|path| server.path(path)).collect();
        files.copy_into(&sources, &into)?;
        written.push(into);
        keep(server, journal, &paths, manifest, &mut written)?;
    }
    files.sync(&written)
}

/// Adds the copied files of `paths` to the manifest.
fn keep(
    server: &Server,
    journal: &Journal,
    paths: &[PathBuf],
    manifest: &mut Manifest,
    written: &mut Vec<PathBuf>,
) -> Result<(), TakeoverError> {
    let files = FileOps::of(server);
    // A run of anm can create and delete files at any time: only the copies show what existed.
    let names = files.names_in(&server.path(journal.copy_of(paths[0].parent().unwrap_or(&paths[0]))))?;
    let copied: Vec<&PathBuf> = paths
        .iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| names.iter().any(|n| **n == *name))
        })
        .collect();
    let copies: Vec<PathBuf> = copied
        .iter()
        .map(|path| server.path(journal.copy_of(path)))
        .collect();
    let digests = files.digests(&copies)?;
    for (path, sha256) in copied.into_iter().zip(digests) {
        let copy = journal.copy_of(path);
        manifest.files.retain(|entry| entry.path != *path);
        let below = copy.strip_prefix(&journal.backup).unwrap_or(&copy).to_owned();
        manifest
            .files
            .extend(BackedUpFile::of(server, path, below, sha256));
    }
    written.extend(copies);
    Ok(())
}

/// Checks that the copies of the units match the recorded state.
fn check(units: &[NodeUnit], manifest: &Manifest) -> Result<(), TakeoverError> {
    for unit in units {
        let stood = manifest
            .standing
            .units
            .get(&unit.service)
            .map(|stood| &stood.sha256);
        let kept = manifest.entry(&unit.path);
        if kept.map(|entry| &entry.sha256) != stood {
            return Err(TakeoverError::Differs {
                path: unit.path.clone(),
                copy: kept.map(|entry| entry.copy.clone()).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// All existing files to back up.
fn wanted(server: &Server, units: &[NodeUnit]) -> Result<Vec<PathBuf>, TakeoverError> {
    let mut all: Vec<PathBuf> = OTHERS.iter().map(PathBuf::from).collect();
    for unit in units {
        all.push(unit.path.clone());
        all.extend(unit.drop_ins.iter().cloned());
    }
    all.extend(
        server
            .names(STATE)?
            .iter()
            .map(|name| Path::new(STATE).join(name)),
    );
    all.retain(|path| server.path(path).is_file() && !is_ours(path));
    Ok(all)
}

/// Whether a file in anm's directory is wnm's own: the lock or the database.
fn is_ours(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    path.parent() == Some(Path::new(STATE)) && (name == "wnm_active" || name.starts_with("colony.db"))
}
