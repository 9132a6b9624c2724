//! Upgrades nodes to a newer antnode.

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
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    on_node(step, id, nodes, context, |begun, node, context| {
        finish(step, begun, node, Some(to), context)
    })
}

/// Finishes an upgrade that this run or a killed run began. It can be repeated safely.
pub(super) fn finish(
    step: &Step,
    mut begun: StartedStep,
    mut node: Node,
    to: Option<&Version>,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let mut held_back = None;
    // The binary that the node runs from now on; none if it was started with its old one.
    let upgraded = match context.binary {
        Some(binary) if to.is_none_or(|to| *to == binary.version) => {
            let manager = context.manager(&node);
            let upgraded = manager.and_then(|manager| match manager.upgrade(&node, binary) {
                // Root does not install an antnode that another account could replace. That account may still run the
                // old one, and an old node earns more than none.
                Err(why @ manager::ManagerError::Untrusted { .. })
                    if matches!(step.action, Action::Start(..)) =>
                {
                    held_back = Some(format!("`{}` is not upgraded: {why}", node.name.full()));
                    manager.start(&node).map(|()| None)
                }
                upgraded => upgraded.map(|()| Some(binary)),
            });
            upgraded.map_err(|error| error.to_string())
        }
        Some(binary) => Err(format!(
            "the antnode binary has changed to version {}",
            binary.version
        )),
        None => Err("no antnode binary to upgrade to".to_owned()),
    };
    let ending = match upgraded {
        Ok(binary) => {
            context.open_firewall(&node, &mut begun);
            begun.warnings.extend(held_back);
            match binary {
                Some(binary) => {
                    has_started(&mut node, NodeState::Upgrading, context);
                    // If antctl chose the newest version, the next survey reads which one that is.
                    node.version = Some(binary.version.clone()).filter(Version::is_readable);
                    node.memory.binary_key = None;
                }
                None => has_started(&mut node, NodeState::Restarting, context),
            }
            StepEnd::Done
        }
        Err(error) => {
            has_failed(&mut node, &error, context);
            StepEnd::Failed(error)
        }
    };
    context.end(begun, step, Some(&node), NodeChange::Update(&node), ending)
}
