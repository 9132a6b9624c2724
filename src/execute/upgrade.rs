//! Putting a newer antnode in the place of a node's own.

use std::collections::BTreeMap;

use crate::colony::{Node, NodeId, NodeState, Version};
use crate::manager;
use crate::plan::{Action, Step};
use crate::store::{self, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed, has_started, on_node};
use super::outcome::{StepEnd, StepOutcome};

/// Upgrades a node, running or stopped, and leaves it running.
pub(super) fn upgrade(
    step: &Step,
    id: NodeId,
    to: &Version,
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    on_node(step, id, nodes, means, |begun, node, means| {
        finish(step, begun, node, Some(to), means)
    })
}

/// Does the step that was begun, or begun by a run that was killed: doing it twice is doing it once.
pub(super) fn finish(
    step: &Step,
    mut begun: StartedStep,
    mut node: Node,
    to: Option<&Version>,
    means: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let mut held_back = None;
    // The binary it runs from now on; none where it was started as it is.
    let upgraded = match means.binary {
        Some(binary) if to.is_none_or(|to| *to == binary.version) => {
            let manager = means.manager(&node);
            let upgraded = manager.and_then(|manager| match manager.upgrade(&node, binary) {
                // Root does not touch an antnode that somebody else could exchange; that account may run it, and an
                // old node earns more than none.
                Err(why @ manager::ManagerError::Weak { .. }) if matches!(step.action, Action::Start(..)) => {
                    held_back = Some(format!("`{}` is not upgraded: {why}", node.name.full()));
                    manager.start(&node).map(|()| None)
                }
                upgraded => upgraded.map(|()| Some(binary)),
            });
            upgraded.map_err(|error| error.to_string())
        }
        Some(binary) => Err(format!("the antnode to upgrade to is {} by now", binary.version)),
        None => Err("no antnode binary to upgrade to".to_owned()),
    };
    let ending = match upgraded {
        Ok(binary) => {
            means.open_firewall(&node, &mut begun);
            begun.warnings.extend(held_back);
            match binary {
                Some(binary) => {
                    has_started(&mut node, NodeState::Upgrading, means);
                    // Of the newest one that antctl found the next survey tells the version.
                    node.version = Some(binary.version.clone()).filter(Version::is_readable);
                    node.memory.binary_key = None;
                }
                None => has_started(&mut node, NodeState::Restarting, means),
            }
            StepEnd::Done
        }
        Err(error) => {
            has_failed(&mut node, &error, means);
            StepEnd::Failed(error)
        }
    };
    means.end(begun, step, Some(&node), NodeChange::Update(&node), ending)
}
