//! How nodes are ended: asked first, each in its owner's name, and then made to.

use std::collections::HashMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::colony::{Mode, Node};
use crate::manager::ManagerError;
use crate::manager::node_layout::NodeLayout;
use crate::manager::process_scan::{Processes, is_node};
use crate::program::send_signal::{self, Signal};
use crate::program::user_account::Account;
use crate::signals;

use super::node_files::pid_file;

/// From asking a node to end to ending it; a real one takes under 0.1 s.
const GRACE: Duration = Duration::from_secs(10);

/// For the kernel to take away what was killed.
const LAST: Duration = Duration::from_secs(3);

/// Between two looks at processes that are ending.
const LOOK: Duration = Duration::from_millis(10);

/// Ends all of `nodes` that are among `running`, and gives them their grace together; each has its own outcome.
pub(super) fn end(
    nodes: &[&Node],
    running: &Processes,
    premises: &NodeLayout,
) -> Vec<Result<(), ManagerError>> {
    let mut living: Vec<(u32, &Path)> = Vec::new();
    let mut troubles: Vec<(&Path, String)> = Vec::new();
    let mut strangers: Vec<(&Path, String)> = Vec::new();
    let mut owners: HashMap<&Path, Account> = HashMap::new();
    for node in nodes {
        let root = node.home.root.as_path();
        // A process that says it is this node, in a place that is no node's of ours, is somebody else's.
        if let Err(error) = premises.check_root(node) {
            strangers.push((root, error.to_string()));
            continue;
        }
        living.extend(running.of(root).iter().map(|process| (process.pid, root)));
        match premises.account(node) {
            Ok(Some(owner)) => drop(owners.insert(root, owner)),
            Ok(None) => {}
            Err(error) => troubles.push((root, error.to_string())),
        }
    }
    for (what, grace) in [(Signal::Terminate, GRACE), (Signal::Kill, LAST)] {
        // Looked at again each time: between two looks a number may have gone to somebody else.
        living.retain(|(pid, root)| is_node(*pid, root) != Some(false));
        for (pid, root) in &living {
            // Who has no right owner is signalled in nobody's name.
            let is_owned = premises.mode() == Mode::User || owners.contains_key(root);
            if !is_owned || is_node(*pid, root) != Some(true) {
                continue;
            }
            if let Err(error) = send_signal::send(*pid, what, owners.get(root)) {
                troubles.push((root, error.to_string()));
            }
        }
        let until = Instant::now() + grace;
        loop {
            living.retain(|(pid, root)| is_node(*pid, root) != Some(false));
            // One that could not be signalled will not go by waiting.
            let is_awaited = |root: &Path| !troubles.iter().any(|(troubled, _)| *troubled == root);
            // Asked to end ourselves, we have no time for a node that takes its own.
            let is_over = Instant::now() >= until || (what == Signal::Terminate && signals::asked_to_end());
            if !living.iter().any(|(_, root)| is_awaited(root)) || is_over {
                break;
            }
            sleep(LOOK);
        }
    }
    nodes
        .iter()
        .map(|node| {
            let root = node.home.root.as_path();
            if let Some((_, why)) = strangers.iter().find(|(stranger, _)| *stranger == root) {
                // What does not run need not be stopped, whatever the row says.
                return if running.of(root).is_empty() {
                    Ok(())
                } else {
                    Err(ManagerError::NotStopped {
                        node: node.name.full(),
                        why: why.clone(),
                    })
                };
            }
            if let Some((pid, _)) = living.iter().find(|(_, living)| *living == root) {
                let trouble = troubles.iter().find(|(troubled, _)| *troubled == root);
                let why =
                    trouble.map_or_else(|| "it outlived its killing".to_owned(), |(_, why)| why.clone());
                return Err(ManagerError::NotStopped {
                    node: node.name.full(),
                    why: format!("process {pid} lives: {why}"),
                });
            }
            if let Err(error) = premises.files.forget(&pid_file(node)) {
                tracing::debug!("{error}");
            }
            Ok(())
        })
        .collect()
}
