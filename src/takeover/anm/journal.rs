//! The state of a takeover, in a file in its backup. It is written before each step and after the last one, so that a
//! takeover that was killed can be resumed or undone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::run_options::Collector;

use super::fs_ops::{FileOps, FileOwner};
use super::manifest::Manifest;
use super::paths::KEPT;
use super::{Server, TakeoverError};

/// The start of the name of a backup; its time follows.
const BACKUP: &str = "anm-takeover-";

/// The file in the backup with the state of the takeover.
const STATE: &str = "state.json";

/// The file in the backup that lists its contents.
const MANIFEST: &str = "manifest.json";

/// The file in the backup with the report.
const REPORT: &str = "report.txt";

/// Only root can read and write it.
const ROOTS: FileOwner = FileOwner {
    uid: 0,
    gid: 0,
    bits: 0o600,
};

/// The step of a takeover. It is recorded before the step starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalStep {
    /// Making the backup; anm was not changed.
    BackingUp,
    /// Removing anm's cron file, and waiting for its last run.
    Silencing,
    /// anm is disabled; importing the nodes. They are imported if the colony exists.
    Importing,
    /// The colony has the nodes; setting up NTracking and wnm's schedule.
    Settling,
    /// Complete.
    Done,
    /// Returning the nodes to anm.
    GivingBack,
    /// anm was restored; the colony is in the backup.
    GivenBack,
}

impl JournalStep {
    /// Whether no step remains.
    #[must_use]
    pub fn is_rest(self) -> bool {
        matches!(self, JournalStep::Done | JournalStep::GivenBack)
    }
}

/// The recorded state of a takeover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalState {
    pub step: JournalStep,
    /// The database of the colony.
    pub database: PathBuf,
    /// The account that ran anm.
    pub operator: String,
    pub collector: Collector,
    /// Whether anm's cron file existed before the takeover.
    pub had_cron: bool,
    /// Whether wnm replaced the block file of a run that was killed.
    pub had_stale_block: bool,
}

/// A takeover and its backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The directory of the backup, as a path on the server.
    pub backup: PathBuf,
    pub state: JournalState,
}

impl Journal {
    /// Starts a backup in a new directory that only root can read.
    pub(super) fn begin(server: &Server, state: JournalState) -> Result<Journal, TakeoverError> {
        let files = FileOps::of(server);
        let moment = server.clock.now().utc();
        let kept = Path::new(KEPT);
        if !server.path(kept).is_dir() {
            files.make_folder(&server.path(kept), 0o755)?;
        }
        // A second backup within one second gets another name.
        let plain = moment.replace([':', '-'], "");
        let names = std::iter::once(String::new()).chain((2..).map(|nth| format!("-{nth}")));
        let mut paths = names.map(|ending| kept.join(format!("{BACKUP}{plain}{ending}")));
        let backup = paths
            .find(|path| !server.path(path).exists())
            .unwrap_or_else(|| kept.join(BACKUP));
        files.make_folder(&server.path(&backup), 0o700)?;
        files.sync(&[server.path(kept)])?;
        let journal = Journal { backup, state };
        journal.write(server)?;
        Ok(journal)
    }

    /// Records that `step` starts.
    pub fn reach(&mut self, server: &Server, step: JournalStep) -> Result<(), TakeoverError> {
        self.state.step = step;
        self.write(server)
    }

    /// Records the state.
    pub(super) fn write(&self, server: &Server) -> Result<(), TakeoverError> {
        let text = serde_json::to_string_pretty(&self.state).unwrap_or_default() + "\n";
        FileOps::of(server).write(&server.path(self.backup.join(STATE)), &text, ROOTS)
    }

    /// The path of the copy of a file in the backup.
    #[must_use]
    pub fn copy_of(&self, path: &Path) -> PathBuf {
        self.backup
            .join("files")
            .join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a file in the backup; `None`: it did not exist.
    pub fn kept_text(&self, server: &Server, path: &str) -> Result<Option<String>, TakeoverError> {
        let wanted = Path::new(path);
        match self.manifest(server)?.entry(wanted) {
            None => Ok(None),
            Some(_) => server.read(self.copy_of(wanted)),
        }
    }

    /// The list of the files in the backup.
    pub fn manifest(&self, server: &Server) -> Result<Manifest, TakeoverError> {
        let path = self.backup.join(MANIFEST);
        match server.read(&path)? {
            Some(text) => Manifest::parse(&text, &path),
            None => Err(TakeoverError::unreadable(path, "not found")),
        }
    }

    /// The report for the operator.
    pub(super) fn report(&self, server: &Server) -> Result<String, TakeoverError> {
        let path = self.backup.join(REPORT);
        let text = server.read(&path)?;
        text.ok_or_else(|| TakeoverError::unreadable(path, "not found"))
    }

    /// Stores the report, also for a takeover that is resumed later.
    pub(super) fn keep_report(&self, server: &Server, text: &str) -> Result<(), TakeoverError> {
        FileOps::of(server).write(&server.path(self.backup.join(REPORT)), text, ROOTS)
    }

    pub(super) fn keep_manifest(&self, server: &Server, manifest: &Manifest) -> Result<(), TakeoverError> {
        let path = server.path(self.backup.join(MANIFEST));
        FileOps::of(server).write(&path, &manifest.text(), ROOTS)
    }
}

/// All takeovers of this machine, the oldest first, except those that were killed before the first step.
pub fn all(server: &Server) -> Result<Vec<Journal>, TakeoverError> {
    let mut found = Vec::new();
    for name in server.names(KEPT)? {
        if !name.starts_with(BACKUP) {
            continue;
        }
        let backup = Path::new(KEPT).join(name);
        let path = backup.join(STATE);
        let Some(text) = server.read(&path)? else {
            continue;
        };
        let state = serde_json::from_str(&text)
            .map_err(|error| TakeoverError::unreadable(server.path(path), error))?;
        found.push(Journal { backup, state });
    }
    Ok(found)
}

/// The last takeover; `None`: there was none, it was undone, or it was killed before it changed anything.
pub fn last(server: &Server) -> Result<Option<Journal>, TakeoverError> {
    let last = all(server)?.pop();
    Ok(last.filter(|journal| {
        !matches!(
            journal.state.step,
            JournalStep::BackingUp | JournalStep::GivenBack
        )
    }))
}

/// The takeover that was neither completed nor undone.
pub fn unfinished(server: &Server) -> Result<Option<Journal>, TakeoverError> {
    Ok(last(server)?.filter(|journal| !journal.state.step.is_rest()))
}
