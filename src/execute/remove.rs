//! Removes nodes: process, firewall rule, service, data and logs; the row last, when all of these are gone.

use std::collections::BTreeMap;

use crate::colony::{Node, NodeId, NodeState, ProcessState};
use crate::manager::{ManagerError, ProcessManager};
use crate::plan::{Action, Step};
use crate::store::{self, Change, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed, no_such_node};
use super::outcome::{StepEnd, StepOutcome};

/// Removes the nodes of a batch together.
pub(super) fn remove(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut outcomes = Vec::new();
    let mut steps: Vec<(Step, Node)> = Vec::with_capacity(batch.len());
    for step in batch {
        let Action::Remove(id) = step.action else {
            continue;
        };
        match nodes.get(&id) {
            Some(node) => steps.push((step.clone(), node.clone())),
            None => outcomes.push(no_such_node(step, id)),
        }
    }
    let act = |manager: &dyn ProcessManager, theirs: &[Node]| manager.remove_many(theirs);
    outcomes.extend(remove_all(steps, nodes, act, false, context)?);
    Ok(outcomes)
}

/// Removes one node, or what a killed run left of it.
pub(super) fn finish(
    step: &Step,
    begun: StartedStep,
    node: Node,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let removed = keep_identity(step, &begun, &node, context).and_then(|()| {
        let removed = context.manager(&node).and_then(|manager| manager.remove(&node));
        removed.map_err(|error| RemovalError::Manager(error.to_string()))
    });
    write(step, conclude(begun, node, removed, context), None, context)
}

/// Removes all nodes of `ids`, each with its own event.
pub(super) fn teardown(
    step: &Step,
    ids: &[NodeId],
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let single = |id: &NodeId| Step {
        action: Action::Remove(*id),
        ..step.clone()
    };
    if let Some(id) = ids.iter().find(|id| !nodes.contains_key(id)) {
        return Ok(vec![no_such_node(&single(id), *id)]);
    }
    let leaving = ids.iter().filter_map(|id| nodes.get(id));
    let steps = leaving.map(|node| (single(&node.id), node.clone())).collect();
    let act = |manager: &dyn ProcessManager, theirs: &[Node]| manager.teardown(theirs);
    remove_all(steps, nodes, act, true, context)
}

/// Removes nodes together, each with its own event; `are_all`: no node is left afterwards.
fn remove_all(
    steps: Vec<(Step, Node)>,
    nodes: &mut BTreeMap<NodeId, Node>,
    act: impl Fn(&dyn ProcessManager, &[Node]) -> Vec<(NodeId, ManagerError)>,
    are_all: bool,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let begun: Vec<(Step, StartedStep, Node)> = context.store.in_transaction(|| {
        let begin = |(step, node): (Step, Node)| {
            let begun = context.begin(&step, Some(node.id))?;
            Ok((step, begun, node))
        };
        steps.into_iter().map(begin).collect()
    })?;
    let mut failures: BTreeMap<NodeId, RemovalError> = BTreeMap::new();
    let mut by_manager: BTreeMap<_, Vec<Node>> = BTreeMap::new();
    for (step, begun, node) in &begun {
        match keep_identity(step, begun, node, context) {
            Ok(()) => by_manager.entry(node.manager).or_default().push(node.clone()),
            Err(error) => {
                failures.insert(node.id, error);
            }
        }
    }
    for (kind, theirs) in by_manager {
        match context.world.managers.of(kind) {
            Ok(manager) => {
                let left = act(manager, &theirs);
                let failed =
                    |(id, error): (NodeId, ManagerError)| (id, RemovalError::Manager(error.to_string()));
                failures.extend(left.into_iter().map(failed));
            }
            Err(error) => {
                let failed = |node: &Node| (node.id, RemovalError::Manager(error.to_string()));
                failures.extend(theirs.iter().map(failed));
            }
        }
    }
    let recount = (are_all && forgot_all(&begun, &failures, context)).then_some(0);
    let ended: Vec<_> = begun
        .into_iter()
        .map(|(step, begun, node)| {
            let removed = failures.remove(&node.id).map_or(Ok(()), Err);
            (step, conclude(begun, node, removed, context))
        })
        .collect();
    let ids: Vec<NodeId> = ended.iter().map(|(_, ended)| ended.node.id).collect();
    let outcomes: Vec<StepOutcome> = context.store.in_transaction(|| {
        ended
            .into_iter()
            .map(|(step, ended)| write(&step, ended, recount, context))
            .collect()
    })?;
    for (outcome, id) in outcomes.iter().zip(ids) {
        update_nodes(outcome, id, nodes);
    }
    Ok(outcomes)
}

/// Whether antctl knows no nodes any more, so that ids and ports may be used again.
fn forgot_all(
    begun: &[(Step, StartedStep, Node)],
    failures: &BTreeMap<NodeId, RemovalError>,
    context: &ExecuteContext<'_>,
) -> bool {
    let mut antctls = begun
        .iter()
        .map(|(_, _, node)| node.manager)
        .filter(|kind| kind.numbers_its_nodes())
        .peekable();
    let keeps_none = |kind| {
        let manager = context.world.managers.of(kind);
        manager
            .and_then(|manager| manager.reserved_ports())
            .is_ok_and(|ports| ports.is_empty())
    };
    failures.is_empty() && antctls.peek().is_some() && antctls.all(keeps_none)
}

/// Why a node was not removed.
enum RemovalError {
    /// The node was not touched, because its identity could not be kept.
    Identity(String),
    Manager(String),
}

/// Keeps the identity of a node before anything of the node is deleted.
fn keep_identity(
    step: &Step,
    begun: &StartedStep,
    node: &Node,
    context: &ExecuteContext<'_>,
) -> Result<(), RemovalError> {
    let kept = context.removed.keep(node, begun.at, &step.reason.to_string());
    kept.map_err(|error| {
        RemovalError::Identity(format!(
            "{} is not removed, because its identity could not be kept: {error}; to remove nodes without keeping \
             their identities: `--keep_removed 0`",
            node.name.full()
        ))
    })
}

/// A removal that ended, and its result.
struct FinishedRemoval {
    begun: StartedStep,
    node: Node,
    ending: StepEnd,
}

/// Ends a removal after the manager removed the node, or failed to.
fn conclude(
    mut begun: StartedStep,
    mut node: Node,
    removed: Result<(), RemovalError>,
    context: &ExecuteContext<'_>,
) -> FinishedRemoval {
    let ending = match removed {
        Ok(()) => {
            context.close_firewall(&node, &mut begun);
            StepEnd::Done
        }
        Err(RemovalError::Identity(error)) => {
            if node.state == NodeState::Dead {
                has_failed(&mut node, &error, context);
            }
            node.memory.last_error = Some(error.clone());
            StepEnd::Failed(error)
        }
        Err(RemovalError::Manager(error)) => {
            // A half removed node becomes REMOVING, so that a later run repeats this step. A node that still runs was
            // not changed and keeps its state.
            if !still_runs(&node, context) {
                node.state = NodeState::Removing;
                node.since = context.world.clock.now();
            }
            if node.state == NodeState::Dead {
                has_failed(&mut node, &error, context);
            }
            node.memory.last_error = Some(error.clone());
            StepEnd::Failed(error)
        }
    };
    FinishedRemoval { begun, node, ending }
}

/// Deletes the row of a removed node; a node whose removal failed keeps its row. `recount` is the new highest id
/// used, if that changes.
fn write(
    step: &Step,
    ended: FinishedRemoval,
    recount: Option<u32>,
    context: &ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let FinishedRemoval { begun, node, ending } = ended;
    let change = Change {
        node: match ending {
            StepEnd::Done => NodeChange::Delete(node.id),
            StepEnd::Failed(_) | StepEnd::Skipped => NodeChange::Update(&node),
        },
        highest_node_id_used: recount,
        ..Change::default()
    };
    context.end(begun, step, Some(&node), change, ending)
}

fn still_runs(node: &Node, context: &ExecuteContext<'_>) -> bool {
    let processes = context
        .manager(node)
        .and_then(|manager| manager.inspect(std::slice::from_ref(node)));
    // If the processes cannot be listed, the node counts as running and its state stays.
    processes.map_or(true, |all| {
        all.iter()
            .any(|process| process.activity == ProcessState::Running)
    })
}

fn update_nodes(outcome: &StepOutcome, id: NodeId, nodes: &mut BTreeMap<NodeId, Node>) {
    match (&outcome.ending, &outcome.node) {
        (StepEnd::Done, _) => {
            nodes.remove(&id);
        }
        (_, Some(node)) => {
            nodes.insert(id, node.clone());
        }
        (_, None) => {}
    }
}
