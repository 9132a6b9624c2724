//! How far a takeover has come: a small file in its backup, written before each step and after the last, so that one
//! that was killed can be called again, or undone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::run_options::Collector;

use super::fs_ops::{FileOps, FileOwner};
use super::manifest::Manifest;
use super::paths::KEPT;
use super::{Server, TakeoverError};

/// What the backups of takeovers are called, before their time.
const BACKUP: &str = "anm-takeover-";

/// The file in the backup that says how far it has come.
const STATE: &str = "state.json";

/// The file in the backup that says what is in it.
const MANIFEST: &str = "manifest.json";

/// The file in the backup with the report.
const REPORT: &str = "report.txt";

/// Readable and writable for root alone.
const ROOTS: FileOwner = FileOwner {
    uid: 0,
    gid: 0,
    bits: 0o600,
};

/// How far a takeover has come. Each step is written down before what it names is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalStep {
    /// The backup is being made; nothing of anm was changed.
    BackingUp,
    /// The cron file of anm is being taken away, and its last run waited for.
    Silencing,
    /// anm cannot run; the nodes are being imported. Whether they are, the colony tells.
    Importing,
    /// The nodes are the colony's: NTracking and the schedule of wnm are being set up.
    Settling,
    /// All is done.
    Done,
    /// anm is being given back its machine.
    GivingBack,
    /// anm has its machine as before; what came of the takeover lies in the backup.
    GivenBack,
}

impl JournalStep {
    /// Whether nothing is left to be done or undone.
    #[must_use]
    pub fn is_rest(self) -> bool {
        matches!(self, JournalStep::Done | JournalStep::GivenBack)
    }
}

/// What is known of a takeover from its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalState {
    pub step: JournalStep,
    /// The colony that takes the nodes.
    pub database: PathBuf,
    /// Whose crontab entry ran anm.
    pub operator: String,
    pub collector: Collector,
    /// Whether anm's cron file was there at the beginning.
    pub had_cron: bool,
    /// Whether a block of a run long gone was there, in whose place ours came.
    pub had_stale_block: bool,
}

/// A takeover, by its backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Where the backup lies on the machine.
    pub backup: PathBuf,
    pub state: JournalState,
}

impl Journal {
    /// Begins a backup in a new folder that is root's alone.
    pub(super) fn begin(server: &Server, state: JournalState) -> Result<Journal, TakeoverError> {
        let hands = FileOps::of(server);
        let moment = server.clock.now().utc();
        let kept = Path::new(KEPT);
        if !server.path(kept).is_dir() {
            hands.make_folder(&server.path(kept), 0o755)?;
        }
        // Two in one second: the second gets a name of its own, so that no backup is written over.
        let plain = moment.replace([':', '-'], "");
        let names = std::iter::once(String::new()).chain((2..).map(|nth| format!("-{nth}")));
        let mut paths = names.map(|ending| kept.join(format!("{BACKUP}{plain}{ending}")));
        let backup = paths
            .find(|path| !server.path(path).exists())
            .unwrap_or_else(|| kept.join(BACKUP));
        hands.make_folder(&server.path(&backup), 0o700)?;
        hands.sync(&[server.path(kept)])?;
        let journal = Journal { backup, state };
        journal.write(server)?;
        Ok(journal)
    }

    /// Writes down that `step` is being done.
    pub fn reach(&mut self, server: &Server, step: JournalStep) -> Result<(), TakeoverError> {
        self.state.step = step;
        self.write(server)
    }

    /// Writes down what is known.
    pub(super) fn write(&self, server: &Server) -> Result<(), TakeoverError> {
        let text = serde_json::to_string_pretty(&self.state).unwrap_or_default() + "\n";
        FileOps::of(server).write(&server.path(self.backup.join(STATE)), &text, ROOTS)
    }

    /// Where the copy of a file of the machine lies in the backup.
    #[must_use]
    pub fn copy_of(&self, path: &Path) -> PathBuf {
        self.backup
            .join("files")
            .join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a file as it was backed up; None: it was not there.
    pub fn kept_text(&self, server: &Server, path: &str) -> Result<Option<String>, TakeoverError> {
        let wanted = Path::new(path);
        match self.manifest(server)?.entry(wanted) {
            None => Ok(None),
            Some(_) => server.read(self.copy_of(wanted)),
        }
    }

    /// What the backup holds.
    pub fn manifest(&self, server: &Server) -> Result<Manifest, TakeoverError> {
        let path = self.backup.join(MANIFEST);
        match server.read(&path)? {
            Some(text) => Manifest::parse(&text, &path),
            None => Err(TakeoverError::unreadable(path, "not found")),
        }
    }

    /// What the operator was, or will be, told.
    pub(super) fn report(&self, server: &Server) -> Result<String, TakeoverError> {
        let path = self.backup.join(REPORT);
        let text = server.read(&path)?;
        text.ok_or_else(|| TakeoverError::unreadable(path, "not found"))
    }

    /// Keeps what the operator is to be told when all is done, whoever brings it to its end.
    pub(super) fn keep_report(&self, server: &Server, text: &str) -> Result<(), TakeoverError> {
        FileOps::of(server).write(&server.path(self.backup.join(REPORT)), text, ROOTS)
    }

    pub(super) fn keep_manifest(&self, server: &Server, manifest: &Manifest) -> Result<(), TakeoverError> {
        let path = server.path(self.backup.join(MANIFEST));
        FileOps::of(server).write(&path, &manifest.text(), ROOTS)
    }
}

/// All takeovers of this machine, the oldest first. One that was killed before it had written a word is none.
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

/// The last takeover; None: there was none, it was given back, or it was killed before it had changed anything.
pub fn last(server: &Server) -> Result<Option<Journal>, TakeoverError> {
    let last = all(server)?.pop();
    Ok(last.filter(|journal| {
        !matches!(
            journal.state.step,
            JournalStep::BackingUp | JournalStep::GivenBack
        )
    }))
}

/// The takeover that was begun and neither ended nor undone.
pub fn unfinished(server: &Server) -> Result<Option<Journal>, TakeoverError> {
    Ok(last(server)?.filter(|journal| !journal.state.step.is_rest()))
}
