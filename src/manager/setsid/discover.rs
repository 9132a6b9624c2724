//! Nodes as their processes, and the files in their folders, tell of them.

use std::collections::HashSet;
use std::path::Path;

use crate::bounded_read::words_in;
use crate::colony::{ManagerKind, Node};
use crate::manager::LaunchPolicy;
use crate::manager::discovered_node::{self, DiscoveredNode};
use crate::manager::process_scan::{Processes, is_same_root};

use super::node_files::{folders, inside, told};

/// Those that run. What runs is the node; its file is only asked for what a command line does not hold.
pub(super) fn running(running: &Processes, kind: ManagerKind, policy: &LaunchPolicy) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut twice = HashSet::new();
    for process in inside(running, &policy.storage) {
        let Some(found) = told(process) else { continue };
        let root = found.root.clone();
        if let Some(why) = found.crooked(&found.binary) {
            tracing::warn!(
                "process {} in `{}` is left alone: {why}",
                process.pid,
                root.display()
            );
            continue;
        }
        let all = running.of(&root);
        if all.len() > 1 {
            let first = all.iter().find(|other| told(other).is_some());
            if twice.insert(first.map_or(process.pid, |first| first.pid)) {
                let pids: Vec<String> = all.iter().map(|process| process.pid.to_string()).collect();
                tracing::warn!(
                    "`{}` is the root of processes {}: one node is made of them; end all but one",
                    root.display(),
                    pids.join(" and ")
                );
            }
            if first.is_some_and(|first| first.pid != process.pid) {
                continue;
            }
        }
        let file = written(&root);
        if let Some(file) = &file
            && (file.port, file.metrics_port) != (found.port, found.metrics_port)
        {
            tracing::warn!(
                "process {} of `{}` runs with {}, and its `node.command` says {}: it is taken as it runs, and \
                 wnm starts it so; edit the file to say the same",
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

/// Those that do not run, by their files.
pub(super) fn down(
    running: &Processes,
    known: &[Node],
    kind: ManagerKind,
    policy: &LaunchPolicy,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    for root in folders(&policy.storage) {
        let is_known = |node: &Node| is_same_root(&node.home.root, &root);
        if !running.of(&root).is_empty() && known.iter().any(is_known) {
            continue;
        }
        let found = written(&root).filter(|found| found.crooked(&found.binary).is_none());
        match found {
            Some(mut found) => {
                let environment = found.environment_text();
                found.root.clone_from(&root);
                let mut node = found.into_node(kind, policy);
                node.environment = Some(environment);
                nodes.push(node);
            }
            None if root.join("secret-key").exists() => tracing::warn!(
                "`{}` holds a node that neither runs nor tells its ports: it is not taken over",
                root.display()
            ),
            None => {}
        }
    }
    nodes
}

/// What the file in a root says of the node that lives there.
fn written(root: &Path) -> Option<DiscoveredNode> {
    let found = discovered_node::from_line(&words_in(&root.join("node.command"))?)?;
    is_same_root(&found.root, root).then_some(found)
}
