//! Spawns a node's process and checks that it stays alive.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Instant;

use crate::bounded_read::words_in;
use crate::colony::Node;
use crate::manager::ManagerError;
use crate::manager::process_scan::{Processes, is_node};
use crate::manager::timeouts::{PROCESS_CHECK_INTERVAL, SPAWN_TIMEOUT, STARTUP_WATCH};
use crate::program::detached::{DetachedProgram, SpawnedProcess};
use crate::program::send_signal::send;
use crate::program::signal::Signal;

/// A spawned process that may still fail.
#[derive(Debug)]
pub(super) struct SpawnedNode {
    process: SpawnedProcess,
    command: DetachedProgram,
    name: String,
    root: PathBuf,
    /// The file that receives its error messages; none in sudo mode, where the node could replace it by a symlink to
    /// a file that only root may read.
    console: Option<PathBuf>,
    /// The size of the console file before.
    console_size: u64,
}

impl SpawnedNode {
    pub(super) fn spawn(node: &Node, command: DetachedProgram) -> Result<SpawnedNode, ManagerError> {
        let console = command.console.clone();
        let seen = console.as_deref().and_then(|console| fs::metadata(console).ok());
        Ok(SpawnedNode {
            process: command.spawn()?,
            command,
            name: node.name.full(),
            root: node.home.root.clone(),
            console,
            console_size: seen.map_or(0, |seen| seen.len()),
        })
    }

    /// Whether the process is not yet the node's program and has not ended.
    fn is_starting(&mut self) -> bool {
        self.process.exit_reason().is_none()
            && match self.process.pid() {
                Some(pid) => is_node(pid, &self.root) != Some(true),
                None => self.process.is_in_sudo(),
            }
    }

    /// The PID of the node if it is still alive; a process that sudo started is looked up in `after`.
    pub(super) fn result(&mut self, after: &Processes) -> Result<u32, ManagerError> {
        let fail = |why: String| {
            Err(ManagerError::NotStarted {
                node: self.name.clone(),
                why,
            })
        };
        if let Some(reason) = self.process.exit_reason() {
            self.command.is_allowed()?;
            let console = self.console.as_deref();
            let message = console.map_or_else(String::new, |console| last_line(console, self.console_size));
            return fail(format!("it ended at once, {reason}{message}"));
        }
        match self.process.pid() {
            Some(pid) if is_node(pid, &self.root) == Some(true) => Ok(pid),
            Some(pid) => {
                // Later runs would not recognise it and could not stop it.
                send(pid, Signal::Kill, self.command.account.as_ref())?;
                fail("its process does not name its root".to_owned())
            }
            None => match after.of(&self.root).first() {
                Some(process) => Ok(process.pid),
                None => fail("it ended at once: no process names its root".to_owned()),
            },
        }
    }
}

/// Waits until all are nodes, and then long enough to see them fail; shorter if all have failed.
pub(super) fn watch(spawned: &mut [&mut SpawnedNode]) {
    let until = Instant::now() + SPAWN_TIMEOUT;
    while Instant::now() < until && spawned.iter_mut().any(|node| node.is_starting()) {
        sleep(PROCESS_CHECK_INTERVAL);
    }
    let until = Instant::now() + STARTUP_WATCH;
    while Instant::now() < until
        && spawned
            .iter_mut()
            .any(|node| node.process.exit_reason().is_none())
    {
        sleep(PROCESS_CHECK_INTERVAL);
    }
}

/// The last line that a node wrote to its console after the first `size` bytes, with `: ` before it.
fn last_line(console: &Path, size: u64) -> String {
    let text = words_in(console).unwrap_or_default().into_bytes();
    let old = usize::try_from(size).unwrap_or(usize::MAX);
    // A file that is shorter than before was started anew.
    let text = String::from_utf8_lossy(text.get(old..).unwrap_or(&text));
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim()),
        None => String::new(),
    }
}
