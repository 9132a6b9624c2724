//! The steps of an upgrade: afterwards the node runs the new binary, or the old one again.

use crate::colony::{Binary, Node};

use super::ManagerError;
use super::node_layout::{NodeLayout, ServicePaths};

/// What a manager does in an upgrade.
pub(super) struct UpgradeSteps<'a> {
    /// Whether the node runs its binary as it is now on disk; the argument is whether that is known to have changed.
    pub(super) runs_current: &'a dyn Fn(bool) -> Result<bool, ManagerError>,
    pub(super) restart: &'a dyn Fn() -> Result<(), ManagerError>,
    /// Starts the node again with the old binary after `restart` failed.
    pub(super) start_again: &'a dyn Fn() -> Result<(), ManagerError>,
}

/// Replaces the binary and restarts the node. If it does not start, puts the old binary back and starts it again.
/// `service` is what the node's service says of its paths.
pub(super) fn run(
    layout: &NodeLayout,
    node: &Node,
    new: &Binary,
    service: Option<&ServicePaths>,
    steps: &UpgradeSteps<'_>,
) -> Result<(), ManagerError> {
    // A run that was killed between replacement and restart left the old binary behind.
    let was_interrupted = layout.has_old_binary(node);
    let is_replaced = layout.replace_binary(node, new, service)? || was_interrupted;
    if (steps.runs_current)(is_replaced)? {
        layout.delete_old_binary(node);
        return Ok(());
    }
    match (steps.restart)() {
        Ok(()) => {
            layout.delete_old_binary(node);
            Ok(())
        }
        Err(error) if !is_replaced => Err(error),
        Err(error) => {
            let restored = layout
                .restore_old_binary(node)
                .and_then(|()| (steps.start_again)());
            Err(ManagerError::NotUpgraded {
                node: node.name.full(),
                why: Box::new(error),
                rollback: restored.err().map(Box::new),
            })
        }
    }
}
