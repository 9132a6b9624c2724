//! Which processes of this machine are nodes: those whose command line names a node's root.

mod command_line;
mod living_roots;
mod node_process;
mod proc_files;
mod ps;
mod same_folder;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::Node;

use super::ManagerError;
use super::binary_store::is_same_file;
use super::discovered_node::DiscoveredNode;
pub use living_roots::{AnsweringNode, PlainNodes};
pub use node_process::NodeProcess;
use node_process::resolve;

/// All nodes that run at one moment, by the real paths of their roots.
#[derive(Debug, Default)]
pub struct Processes(HashMap<PathBuf, Vec<NodeProcess>>);

impl Processes {
    /// Reads every process once.
    pub fn scan() -> Result<Processes, ManagerError> {
        let mut found: HashMap<PathBuf, Vec<NodeProcess>> = HashMap::new();
        for (pid, command) in all_commands()? {
            if let Some(process) = NodeProcess::new(pid, command) {
                found
                    .entry(process.real_root().to_owned())
                    .or_default()
                    .push(process);
            }
        }
        Ok(Processes(found))
    }

    /// The processes of the node in `root`, whatever symlinks their command lines contain: none, one, or more if
    /// somebody started the node twice.
    #[must_use]
    pub fn of(&self, root: &Path) -> &[NodeProcess] {
        let found = self.0.get(root).or_else(|| self.0.get(&resolve(root)));
        found.map_or(&[], Vec::as_slice)
    }

    /// Every node process.
    pub fn all(&self) -> impl Iterator<Item = &NodeProcess> {
        self.0.values().flatten()
    }
}

/// The command line of every process. It is empty for processes of the kernel and for those that have ended.
///
/// Without /proc it contains only the options that matter for a node.
pub fn all_commands() -> Result<Vec<(u32, Vec<OsString>)>, ManagerError> {
    let directory = Path::new("/proc");
    if !proc_files::is_mounted() && cfg!(target_os = "linux") {
        // Some versions of `ps` print an empty list then, as if there were no processes.
        return Err(ManagerError::Refused {
            doing: "look for nodes in",
            path: directory.to_owned(),
            why: "it is not mounted, and no process can be seen without it".to_owned(),
        });
    }
    if !proc_files::is_mounted() {
        return ps::commands(None);
    }
    let entries = fs::read_dir(directory).map_err(ManagerError::file("read", directory))?;
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(|pid| {
            let command = proc_files::command(pid).map_err(ManagerError::file("read", directory))?;
            Ok((pid, command))
        })
        .collect()
}

/// The command line of one process; none if it cannot be read.
fn command_of(pid: u32) -> Option<Vec<OsString>> {
    match proc_files::is_mounted() {
        true => proc_files::command(pid).ok(),
        false => Some(ps::commands(Some(pid)).ok()?.pop().unwrap_or_default().1),
    }
}

/// Whether the process `pid` is now the node in `root`; None if that cannot be seen. A process that has ended and
/// waits for its parent is not.
#[must_use]
pub fn is_node(pid: u32, root: &Path) -> Option<bool> {
    let process = NodeProcess::new(pid, command_of(pid)?);
    Some(process.is_some_and(|process| process.root == root || process.real_root() == resolve(root)))
}

/// The node that the process `pid` runs, if it runs one, with absolute paths.
#[must_use]
pub fn node(pid: u32) -> Option<DiscoveredNode> {
    NodeProcess::new(pid, command_of(pid)?)?.node()
}

/// Whether two paths lead to one directory.
#[must_use]
pub fn is_same_root(one: &Path, other: &Path) -> bool {
    one == other || resolve(one) == resolve(other)
}

/// An error if the node has a process. For a node whose `manager` does not answer: without a process it is stopped.
pub fn check_no_process(node: &Node, manager: &str) -> Result<(), ManagerError> {
    match Processes::scan()?.of(&node.home.root).first() {
        None => Ok(()),
        Some(process) => Err(ManagerError::not_stopped(
            node,
            format!(
                "process {} is alive, and there is no {manager} to stop it",
                process.pid
            ),
        )),
    }
}

/// Whether the process `pid` is in a PID namespace below ours, as those of a container are.
#[must_use]
pub fn is_in_container(pid: u32) -> bool {
    same_folder::is_in_other_pid_namespace(pid)
}

/// Whether the process `pid` runs the file that is at `path` now; None if that cannot be seen, as of another account.
#[must_use]
pub fn runs_file(pid: u32, path: &Path) -> Option<bool> {
    let executable = PathBuf::from(format!("/proc/{pid}/exe"));
    fs::metadata(&executable)
        .ok()
        .map(|_| is_same_file(&executable, path))
}

/// Whether processes of other users can be seen, which `hidepid` of /proc prevents.
#[must_use]
pub fn can_see_other_users() -> bool {
    !proc_files::is_mounted() || proc_files::command(1).is_ok_and(|command| !command.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_is_listed_and_no_node() {
        let own = std::process::id();
        let all = all_commands().unwrap();
        assert!(
            all.iter()
                .any(|(pid, command)| *pid == own && !command.is_empty())
        );
        assert_eq!(is_node(own, Path::new("/s/antnode0001")), Some(false));
        assert_eq!(node(own), None);
    }
}
