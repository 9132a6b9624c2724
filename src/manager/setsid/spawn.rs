//! A node from being let loose to being known to live.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::bounded_read::words_in;
use crate::colony::Node;
use crate::manager::ManagerError;
use crate::manager::process_scan::{Processes, is_node};
use crate::program::detached::{DetachedProgram, SpawnedProcess};
use crate::program::send_signal::{self, Signal};

/// A process that lives so long has found its files and its ports; antnode gives up sooner where it cannot.
const PROVEN: Duration = Duration::from_millis(300);

/// For a busy machine to get from fork to the node's own program.
const BORN: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// A node that was let loose and may yet fail.
#[derive(Debug)]
pub(super) struct SpawnedNode {
    loose: SpawnedProcess,
    command: DetachedProgram,
    name: String,
    root: PathBuf,
    /// Where it says what it dies of; none in sudo mode, where the folder is the node's, and what lies there may
    /// be a link to what only root reads.
    console: Option<PathBuf>,
    /// How much its console held before.
    said_before: u64,
}

impl SpawnedNode {
    /// Lets a node loose.
    pub(super) fn begin(node: &Node, command: DetachedProgram) -> Result<SpawnedNode, ManagerError> {
        let console = command.console.clone();
        let seen = console.as_deref().and_then(|console| fs::metadata(console).ok());
        let said_before = seen.map_or(0, |seen| seen.len());
        Ok(SpawnedNode {
            loose: command.spawn()?,
            command,
            name: node.name.full(),
            root: node.home.root.clone(),
            console,
            said_before,
        })
    }

    /// Whether nothing can be said of it yet: what was let loose is not yet the node.
    fn is_under_way(&mut self) -> bool {
        self.loose.ended().is_none()
            && match self.loose.pid() {
                Some(pid) => is_node(pid, &self.root) != Some(true),
                None => self.loose.is_carried(),
            }
    }

    /// Whether it lives after it had time to fail, and by which pid; `after` is looked at for those sudo carried.
    pub(super) fn outcome(&mut self, after: &Processes) -> Result<u32, ManagerError> {
        let fail = |why: String| {
            Err(ManagerError::NotStarted {
                node: self.name.clone(),
                why,
            })
        };
        if let Some(how) = self.loose.ended() {
            self.command.is_allowed()?;
            return fail(format!(
                "it ended at once, {how}{}",
                self.console
                    .as_deref()
                    .map_or_else(String::new, |console| last_line(console, self.said_before))
            ));
        }
        match self.loose.pid() {
            Some(pid) if is_node(pid, &self.root) == Some(true) => Ok(pid),
            Some(pid) => {
                // Not to be recognised, so not to be stopped later either.
                send_signal::send(pid, Signal::Kill, self.command.account.as_ref())?;
                fail("its process does not name its root".to_owned())
            }
            None => match after.of(&self.root).first() {
                Some(process) => Ok(process.pid),
                None => fail("it ended at once: no process names its root".to_owned()),
            },
        }
    }
}

/// Waits until all are nodes, and then until they had time to fail; shorter if all have failed.
pub(super) fn watch(births: &mut [&mut SpawnedNode]) {
    let until = Instant::now() + BORN;
    while Instant::now() < until && births.iter_mut().any(|birth| birth.is_under_way()) {
        sleep(LOOK);
    }
    let until = Instant::now() + PROVEN;
    while Instant::now() < until && births.iter_mut().any(|birth| birth.loose.ended().is_none()) {
        sleep(LOOK);
    }
}

/// The last thing a node said since its console held `before` bytes, to be put after how it ended.
fn last_line(console: &Path, before: u64) -> String {
    let text = words_in(console).unwrap_or_default().into_bytes();
    let old = usize::try_from(before).unwrap_or(usize::MAX);
    // Shorter than before: it was begun anew.
    let text = String::from_utf8_lossy(text.get(old..).unwrap_or(&text));
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim()),
        None => String::new(),
    }
}
