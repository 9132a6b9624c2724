//! Files and processes of a node without a service manager.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::Node;
use crate::manager::discovered_node::DiscoveredNode;
use crate::manager::process_scan::{NodeProcess, Processes};
use crate::program::detached::DetachedProgram;
use crate::program::user_account;

/// A hint for people; wnm never relies on it.
pub(super) fn pid_file(node: &Node) -> PathBuf {
    node.home.root.join("node.pid")
}

/// The node's service: the shell command that starts it.
pub(super) fn command_file(node: &Node) -> PathBuf {
    node.home.root.join("node.command")
}

/// The content of [`command_file`].
pub(super) fn shell_line(command: &DetachedProgram) -> String {
    let variables = command
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let words = command
        .words
        .iter()
        .map(|word| word.to_string_lossy().into_owned());
    let all = std::iter::once("env".to_owned()).chain(variables).chain(words);
    format!("{}\n", shell_words::join(all))
}

/// The file for a node's stdout and stderr, which only has startup messages and the reason of a crash.
pub(super) fn console(node: &Node) -> PathBuf {
    node.logs().join("console.log")
}

/// The account that owns a node's root; the node runs as that account.
pub(super) fn owner(root: &Path) -> Option<String> {
    let seen = fs::symlink_metadata(root).ok()?;
    user_account::of(seen.uid()).map(|account| account.name)
}

/// The directories of nodes, whoever made them.
pub(super) fn node_directories(storage: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(storage) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("antnode"))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// The processes of nodes below `storage`; warns of nodes elsewhere.
pub(super) fn inside_storage<'a>(running: &'a Processes, storage: &Path) -> Vec<&'a NodeProcess> {
    // Either path may contain a symlink.
    let real = fs::canonicalize(storage).ok();
    let is_below = |place: &Path| real.as_ref().is_some_and(|real| place.starts_with(real));
    let (inside, mut outside): (Vec<_>, Vec<_>) = running
        .all()
        .partition(|process| process.root.starts_with(storage) || is_below(process.real_root()));
    outside.retain(|process| !is_service(process.pid));
    if let Some(first) = outside.first() {
        tracing::warn!(
            "ignoring {} antnode processes outside `{}`, the first is {} in `{}`; \
             set `--node_storage` to import nodes from another directory",
            outside.len(),
            storage.display(),
            first.pid,
            first.root.display()
        );
    }
    inside
}

/// The node that a process runs; none if the process belongs to systemd, which has a manager of its own.
pub(super) fn service_of(process: &NodeProcess) -> Option<DiscoveredNode> {
    process.node().filter(|_| !is_service(process.pid))
}

/// Whether a process belongs to a systemd unit.
fn is_service(pid: u32) -> bool {
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    group.lines().any(|line| {
        let last = line.rsplit('/').next().unwrap_or_default();
        last.starts_with("antnode") && last.ends_with(".service")
    })
}
