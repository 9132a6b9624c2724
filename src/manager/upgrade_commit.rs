//! The end of an upgrade: the new binary runs, or the old one is back.

use crate::colony::Node;

use super::ManagerError;
use super::node_layout::NodeLayout;

/// What became of a node whose binary was `swapped` and that was started with it. Where it did not start the old
/// binary is put back and started `again`; one that was not swapped has none to put back.
pub(super) fn conclude(
    premises: &NodeLayout,
    node: &Node,
    swapped: bool,
    started: Result<(), ManagerError>,
    again: impl FnOnce() -> Result<(), ManagerError>,
) -> Result<(), ManagerError> {
    match started {
        Ok(()) => {
            premises.forget_old(node);
            Ok(())
        }
        Err(error) if !swapped => Err(error),
        Err(error) => {
            let back = premises.swap_back(node).and_then(|()| again());
            Err(ManagerError::NotUpgraded {
                node: node.name.full(),
                why: Box::new(error),
                back: back.err().map(Box::new),
            })
        }
    }
}
