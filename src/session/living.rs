//! Which nodes have a process, whatever answers at their ports.

use std::path::Path;

use crate::colony::{Mode, Node, ProcessState};
use crate::manager::process_scan::{can_see_other_users, living_roots};

use super::Colony;

impl Colony {
    /// Whether each of `nodes` has a process: one that names its root, or one that its manager reports. None where the
    /// processes of its account cannot be seen.
    #[must_use]
    pub fn living(&self, nodes: &[&Node]) -> Vec<Option<bool>> {
        let roots: Vec<&Path> = nodes.iter().map(|node| node.home.root.as_path()).collect();
        let found = match living_roots(&roots) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!("the answers of nodes are not checked: cannot {error}");
                return vec![None; nodes.len()];
            }
        };
        let missing: Vec<usize> = (0..nodes.len()).filter(|place| !found[*place]).collect();
        let mut living: Vec<Option<bool>> = found.into_iter().map(Some).collect();
        if missing.is_empty() {
            return living;
        }
        let without: Vec<Node> = missing.iter().map(|place| nodes[*place].clone()).collect();
        let sees_all = can_see_other_users();
        for (place, process) in missing.into_iter().zip(self.processes(&without)) {
            // An imported service may start its node in a way that no command line shows.
            let runs = process.is_some_and(|process| process.activity == ProcessState::Running);
            let is_visible = sees_all || nodes[place].manager.mode == Mode::User;
            living[place] = match (runs, is_visible) {
                (true, _) => Some(true),
                (false, true) => Some(false),
                (false, false) => None,
            };
        }
        living
    }
}
