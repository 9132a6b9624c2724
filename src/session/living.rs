//! Which nodes have a process, whatever answers at their ports, and which processes are nodes without a row.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::colony::{Mode, Node, ProcessState, ProcessStatus};
use crate::manager::leftovers::number_of;
use crate::manager::process_scan::{AnsweringNode, PlainNodes, can_see_other_users};
use crate::settings::Settings;
use crate::store::UnreadableRow;

use super::Colony;

const UNCHECKED: &str = "the answers of nodes are not checked";

impl Colony {
    /// Whether each of `nodes` has a process: one that names its root, or one that its manager reports. None where the
    /// processes of its account cannot be seen.
    #[must_use]
    pub fn living(&self, nodes: &[(&Node, bool)]) -> Vec<Option<bool>> {
        let answering: Vec<AnsweringNode<'_>> = nodes
            .iter()
            .map(|(node, has_known_peer)| AnsweringNode {
                root: &node.home.root,
                has_known_peer: *has_known_peer,
            })
            .collect();
        let found = self.plain_nodes().map(|plain| plain.living(&answering));
        let found = match found {
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                tracing::warn!("{UNCHECKED}: cannot {error}");
                return vec![None; nodes.len()];
            }
            None => return vec![None; nodes.len()],
        };
        let missing: Vec<usize> = (0..nodes.len()).filter(|place| !found[*place]).collect();
        let mut living: Vec<Option<bool>> = found.into_iter().map(Some).collect();
        if missing.is_empty() {
            return living;
        }
        let without: Vec<Node> = missing.iter().map(|place| nodes[*place].0.clone()).collect();
        let sees_all = can_see_other_users();
        for (place, process) in missing.into_iter().zip(self.processes(&without)) {
            // An imported service may start its node in a way that no command line shows.
            let runs = process.is_some_and(|process| process.activity == ProcessState::Running);
            let is_visible = sees_all || nodes[place].0.manager.mode == Mode::User;
            living[place] = match (runs, is_visible) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            };
        }
        living
    }

    /// The processes of `nodes`, from their managers; None where the manager fails.
    pub fn processes(&self, nodes: &[Node]) -> Vec<Option<ProcessStatus>> {
        let mut kinds: Vec<_> = nodes.iter().map(|node| node.manager).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut processes = vec![None; nodes.len()];
        for kind in kinds {
            let places: Vec<usize> = (0..nodes.len())
                .filter(|place| nodes[*place].manager == kind)
                .collect();
            let theirs: Vec<Node> = places.iter().map(|place| nodes[*place].clone()).collect();
            match self
                .world
                .managers
                .of(kind)
                .and_then(|manager| manager.inspect(&theirs))
            {
                Ok(seen) => {
                    for (place, process) in places.into_iter().zip(seen) {
                        processes[place] = Some(process);
                    }
                }
                Err(error) => tracing::warn!("cannot list the processes of {kind}: {error}"),
            }
        }
        processes
    }

    /// The roots of nodes that run in the storage and that no row has: their rows were lost.
    #[must_use]
    pub fn unknown_nodes(&self) -> &[PathBuf] {
        self.unknown.get_or_init(|| {
            let known = (&self.nodes[..], &self.unread[..]);
            self.plain_nodes()
                .map(|plain| unknown_nodes(plain, &self.settings, known))
                .unwrap_or_default()
        })
    }

    /// Reads the processes of the machine once in a run. None if that fails.
    fn plain_nodes(&self) -> Option<&PlainNodes> {
        let read = || {
            let read = PlainNodes::read();
            read.map_err(|error| tracing::warn!("{UNCHECKED}: cannot {error}"))
                .ok()
        };
        self.processes.get_or_init(read).as_ref()
    }
}

/// The roots of nodes that run in the storage and that no row has.
#[must_use]
pub fn unknown_nodes(
    running: &PlainNodes,
    settings: &Settings,
    (nodes, unread): (&[Node], &[UnreadableRow]),
) -> Vec<PathBuf> {
    let roots: HashSet<&OsStr> = nodes.iter().map(|node| node.home.root.as_os_str()).collect();
    // An unreadable row counts as a node already.
    let is_unread = |root: &Path| {
        let number = root.file_name().and_then(|name| number_of(name.to_str()?));
        number.is_some() && unread.iter().any(|row| row.id == number)
    };
    running.unknown_below(&settings.node_storage, |root| {
        roots.contains(root.as_os_str()) || is_unread(root)
    })
}
