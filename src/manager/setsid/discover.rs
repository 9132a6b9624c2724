//! Finds nodes by their processes and by the files in their directories.

use std::collections::HashSet;
use std::path::Path;

use crate::bounded_read::words_in;
use crate::colony::{ManagerKind, Node};
use crate::manager::LaunchPolicy;
use crate::manager::discovered_node::{self, DiscoveredNode};
use crate::manager::process_scan::{Processes, is_same_root};

use super::node_files::{inside_storage, node_directories, service_of};

/// The nodes that run. Their command lines count; `node.command` only adds the environment variables.
pub(super) fn running(running: &Processes, kind: ManagerKind, policy: &LaunchPolicy) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut repeated = HashSet::new();
    for process in inside_storage(running, &policy.storage) {
        let Some(found) = service_of(process) else {
            continue;
        };
        let root = found.root.clone();
        if let Some(why) = found.invalid_path(&found.binary) {
            tracing::warn!("ignoring process {} in `{}`: {why}", process.pid, root.display());
            continue;
        }
        let all = running.of(&root);
        if all.len() > 1 {
            let first = all.iter().find(|other| service_of(other).is_some());
            if repeated.insert(first.map_or(process.pid, |first| first.pid)) {
                let pids: Vec<String> = all.iter().map(|process| process.pid.to_string()).collect();
                tracing::warn!(
                    "`{}` is the root of processes {}: they count as one node; end all but one of them",
                    root.display(),
                    pids.join(" and ")
                );
            }
            if first.is_some_and(|first| first.pid != process.pid) {
                continue;
            }
        }
        let file = read_command(&root);
        if let Some(file) = &file
            && (file.port, file.metrics_port) != (found.port, found.metrics_port)
        {
            tracing::warn!(
                "process {} of `{}` runs with {}, but its `node.command` has {}: wnm takes over the ports of the \
                 process; correct the file",
                process.pid,
                root.display(),
                found.ports_text(),
                file.ports_text()
            );
        }
        let mut node = found.into_node(kind, policy);
        if let Some(file) = file {
            node.environment = Some(file.environment_text());
        }
        nodes.push(node);
    }
    nodes
}

/// The nodes that do not run.
pub(super) fn stopped(
    running: &Processes,
    known: &[Node],
    kind: ManagerKind,
    policy: &LaunchPolicy,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for root in node_directories(&policy.storage) {
        let is_known = |node: &Node| is_same_root(&node.home.root, &root);
        if !running.of(&root).is_empty() && known.iter().any(is_known) {
            continue;
        }
        let found = read_command(&root).filter(|found| found.invalid_path(&found.binary).is_none());
        match found {
            Some(mut found) => {
                let environment = found.environment_text();
                found.root.clone_from(&root);
                let mut node = found.into_node(kind, policy);
                node.environment = Some(environment);
                nodes.push(node);
            }
            None if root.join("secret-key").exists() => tracing::warn!(
                "`{}` contains a node whose ports are unknown, as it does not run and has no `node.command`: it is not imported",
                root.display()
            ),
            None => {}
        }
    }
    nodes
}

/// The node that `node.command` in a root starts, if its root is this one.
fn read_command(root: &Path) -> Option<DiscoveredNode> {
    let found = discovered_node::from_line(&words_in(&root.join("node.command"))?)?;
    is_same_root(&found.root, root).then_some(found)
}
