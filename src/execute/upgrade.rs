//! Upgrades nodes to a newer antnode.

use std::collections::BTreeMap;

use crate::colony::{Binary, Node, NodeId, NodeState, Version};
use crate::manager;
use crate::plan::{Action, Step};
use crate::store::{self, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed, has_started, no_such_node, on_node};
use super::outcome::{StepEnd, StepOutcome};
use super::together::by_manager;

/// Upgrades the running nodes of a batch together, and leaves them running.
pub(super) fn upgrade(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut present: Vec<(&Step, Node)> = Vec::with_capacity(batch.len());
    for step in batch {
        match &step.action {
            Action::Upgrade(id, to) if is_available(to, context) => match nodes.get(id) {
                Some(node) => present.push((step, node.clone())),
                None => outcomes.push(no_such_node(step, *id)),
            },
            Action::Upgrade(id, to) => outcomes.push(upgrade_one(step, *id, to, nodes, context)?),
            _ => {}
        }
    }
    let Some(binary) = context.binary else {
        return Ok(outcomes);
    };
    let begun: Vec<(&Step, StartedStep, Node)> = context.store.in_transaction(|| {
        let begin = |(step, node): (_, Node)| Ok((step, context.begin(step, Some(node.id))?, node));
        present.into_iter().map(begin).collect()
    })?;
    let ready: Vec<&Node> = begun.iter().map(|(_, _, node)| node).collect();
    let upgraded = by_manager(&ready, context, |manager, theirs| {
        manager.upgrade_many(theirs, binary)
    });
    let mut ended = Vec::with_capacity(begun.len());
    for ((step, mut begun, mut node), upgraded) in begun.into_iter().zip(upgraded) {
        let ending = conclude(upgraded.map(|()| Some(binary)), &mut begun, &mut node, context);
        nodes.insert(node.id, node.clone());
        ended.push((step, begun, node, ending));
    }
    outcomes.extend(context.store.in_transaction(|| {
        let end = |(step, begun, node, ending): (_, _, Node, _)| {
            context.end(begun, step, Some(&node), NodeChange::Update(&node), ending)
        };
        ended.into_iter().map(end).collect::<Result<Vec<_>, _>>()
    })?);
    Ok(outcomes)
}

/// Whether the binary has this version.
fn is_available(to: &Version, context: &ExecuteContext<'_>) -> bool {
    context.binary.is_some_and(|binary| *to == binary.version)
}

/// Upgrades a node, running or stopped, and leaves it running.
pub(super) fn upgrade_one(
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
    if upgraded.is_ok() {
        begun.warnings.extend(held_back);
    }
    let ending = conclude(upgraded, &mut begun, &mut node, context);
    context.end(begun, step, Some(&node), NodeChange::Update(&node), ending)
}

/// Records the result of an upgrade on the node: the binary that it runs from now on, none if it was started with its old
/// one.
fn conclude(
    upgraded: Result<Option<&Binary>, String>,
    begun: &mut StartedStep,
    node: &mut Node,
    context: &ExecuteContext<'_>,
) -> StepEnd {
    match upgraded {
        Ok(Some(binary)) => {
            context.open_firewall(node, begun);
            has_started(node, NodeState::Upgrading, context);
            // If antctl chose the newest version, the next survey reads which one that is.
            node.version = Some(binary.version.clone()).filter(Version::is_readable);
            node.memory.binary_key = None;
            StepEnd::Done
        }
        Ok(None) => {
            context.open_firewall(node, begun);
            has_started(node, NodeState::Restarting, context);
            StepEnd::Done
        }
        Err(error) => {
            has_failed(node, &error, context);
            StepEnd::Failed(error)
        }
    }
}
