//! What a node without a service manager leaves behind: files in its root, its console, its process.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::Node;
use crate::manager::discovered_node::DiscoveredNode;
use crate::manager::process_scan::{NodeProcess, Processes};
use crate::program::detached::DetachedProgram;
use crate::program::user_account;

/// A hint for people; never believed by itself.
pub(super) fn pid_file(node: &Node) -> PathBuf {
    node.home.root.join("node.pid")
}

/// The node's service: how it is started, as a line for a shell.
pub(super) fn command_file(node: &Node) -> PathBuf {
    node.home.root.join("node.command")
}

/// What stands in [`command_file`].
pub(super) fn line(command: &DetachedProgram) -> String {
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

/// Where a node's own stdout and stderr go: little, and what it dies of.
pub(super) fn console(node: &Node) -> PathBuf {
    node.logs().join("console.log")
}

/// Whose a node's folder is: it runs as that account.
pub(super) fn owner(root: &Path) -> Option<String> {
    let seen = fs::symlink_metadata(root).ok()?;
    user_account::of(seen.uid()).map(|account| account.name)
}

/// The folders of nodes, whoever made them.
pub(super) fn folders(storage: &Path) -> Vec<PathBuf> {
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

/// The processes of nodes below `storage`. That others run elsewhere is said.
pub(super) fn inside<'a>(running: &'a Processes, storage: &Path) -> Vec<&'a NodeProcess> {
    // Either may be named through a link.
    let real = fs::canonicalize(storage).ok();
    let is_below = |place: &Path| real.as_ref().is_some_and(|real| place.starts_with(real));
    let (inside, mut outside): (Vec<_>, Vec<_>) = running
        .all()
        .partition(|process| process.root.starts_with(storage) || is_below(process.place()));
    outside.retain(|process| !is_service(process.pid));
    if let Some(first) = outside.first() {
        tracing::warn!(
            "{} antnode processes outside of `{}` are left out, the first is {} in `{}`; \
             `--node_storage` says where to look",
            outside.len(),
            storage.display(),
            first.pid,
            first.root.display()
        );
    }
    inside
}

/// What a process tells of its node; none where it is a service, which has a manager of its own.
pub(super) fn told(process: &NodeProcess) -> Option<DiscoveredNode> {
    process.told().filter(|_| !is_service(process.pid))
}

/// Whether a process is a service of systemd's, which has a manager of its own.
fn is_service(pid: u32) -> bool {
    let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    group.lines().any(|line| {
        let last = line.rsplit('/').next().unwrap_or_default();
        last.starts_with("antnode") && last.ends_with(".service")
    })
}
