//! Starts and stops nodes.

use std::collections::BTreeMap;

use crate::colony::{ManagerKind, Node, NodeId, NodeState, ProcessState};
use crate::plan::{Action, Reason, Step, StopReason, Task};
use crate::store::{self, Change, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed, has_started, no_such_node, on_node};
use super::outcome::{StepEnd, StepOutcome};
use super::upgrade;

/// Starts the nodes of a batch, together if no binary has to be installed first.
pub(super) fn start(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut plain: Vec<(&Step, Node)> = Vec::with_capacity(batch.len());
    let mut outcomes = Vec::with_capacity(batch.len());
    for step in batch {
        let Action::Start(id, to) = &step.action else {
            continue;
        };
        let Some(node) = nodes.get(id) else {
            outcomes.push(no_such_node(step, *id));
            continue;
        };
        if let Some(error) = busy_port(node, context) {
            outcomes.push(on_node(step, *id, nodes, context, |begun, mut node, context| {
                has_failed(&mut node, &error, context);
                context.end(
                    begun,
                    step,
                    Some(&node),
                    NodeChange::Update(&node),
                    StepEnd::Failed(error),
                )
            })?);
            continue;
        }
        match to {
            Some(to) => outcomes.push(upgrade::upgrade(step, *id, to, nodes, context)?),
            None => plain.push((step, node.clone())),
        }
    }
    let begun: Vec<(&Step, StartedStep, Node)> = context.store.in_transaction(|| {
        plain
            .into_iter()
            .map(|(step, node)| Ok((step, context.begin(step, Some(node.id))?, node)))
            .collect()
    })?;
    let ready: Vec<&Node> = begun.iter().map(|(_, _, node)| node).collect();
    let started = start_all(&ready, context);
    let mut ended = Vec::with_capacity(begun.len());
    for ((step, mut begun, mut node), started) in begun.into_iter().zip(started) {
        let ending = match started {
            Ok(()) => {
                context.open_firewall(&node, &mut begun);
                has_started(&mut node, NodeState::Restarting, context);
                StepEnd::Done
            }
            Err(error) => {
                has_failed(&mut node, &error, context);
                StepEnd::Failed(error)
            }
        };
        nodes.insert(node.id, node.clone());
        ended.push((step, begun, node, ending));
    }
    outcomes.extend(context.store.in_transaction(|| {
        ended
            .into_iter()
            .map(|(step, begun, node, ending)| {
                context.end(begun, step, Some(&node), NodeChange::Update(&node), ending)
            })
            .collect::<Result<Vec<_>, _>>()
    })?);
    Ok(outcomes)
}

/// The error of a start for which another program uses a port of the node. A process of the node itself may use it.
fn busy_port(node: &Node, context: &ExecuteContext<'_>) -> Option<String> {
    let busy = context.world.machine_reader.busy_port(&node.ports)?;
    let own = context
        .manager(node)
        .and_then(|manager| manager.inspect(std::slice::from_ref(node)));
    let is_own = own.is_ok_and(|seen| {
        let mut seen = seen.iter();
        seen.any(|process| process.activity == ProcessState::Running)
    });
    (!is_own).then(|| format!("port {busy} is in use by another program: `ss -lntup` shows the program"))
}

/// Stops one node and sets its state as `rest` says. A node whose stop failed keeps its state.
pub(super) fn stop(
    step: &Step,
    id: NodeId,
    rest: StopReason,
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    on_node(step, id, nodes, context, |begun, node, context| {
        finish_stop(step, begun, node, rest, context)
    })
}

pub(super) fn finish_stop(
    step: &Step,
    mut begun: StartedStep,
    mut node: Node,
    rest: StopReason,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let mut last_stopped_at = None;
    let stopped = context
        .manager(&node)
        .and_then(|manager| {
            // A node that cannot be removed continues to run.
            if rest.state() == NodeState::Removing {
                manager.check_removal(&node)?;
            }
            manager.stop(&node)
        })
        .map_err(|error| error.to_string())
        .and_then(|()| check_port_is_mute(&node, context));
    let ending = match stopped {
        Ok(()) => {
            context.close_firewall(&node, &mut begun);
            // The retry time of a running node belongs to its upgrade or its stop.
            if node.state == NodeState::Running {
                node.memory.retry_at = None;
            }
            node.state = rest.state();
            node.since = context.world.clock.now();
            node.memory.last_error = None;
            if is_for_pressure(step) {
                node.memory.note_pressure_stop(node.since);
            }
            // Only for a stop because of pressure: the next stop waits until the effect of this one is measured.
            last_stopped_at = (rest == StopReason::Stopped && !context.forced).then_some(node.since);
            StepEnd::Done
        }
        Err(error) => {
            // An operator may retry at once; the engine stops another node meanwhile.
            if context.forced {
                node.memory.last_error = Some(error.clone());
            } else {
                has_failed(&mut node, &error, context);
            }
            StepEnd::Failed(error)
        }
    };
    let change = Change {
        node: NodeChange::Update(&node),
        last_stopped_at,
        ..Change::default()
    };
    context.end(begun, step, Some(&node), change, ending)
}

/// An error if the metrics port of a node without a process still answers: then the stop ended nothing.
fn check_port_is_mute(node: &Node, context: &ExecuteContext<'_>) -> Result<(), String> {
    if context.world.answers(node) {
        return Err(format!(
            "stop `{}`: its metrics port {} is still answered, by a process that is not this node",
            node.name.full(),
            node.ports.metrics
        ));
    }
    Ok(())
}

fn is_for_pressure(step: &Step) -> bool {
    matches!(step.reason, Reason::Planned { task: Task::Stop, .. })
}

/// Records that the machine was booted, so that older readings no longer count.
pub(super) fn resurvey(
    step: &Step,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let begun = context.begin(step, None)?;
    let change = Change {
        last_stopped_at: Some(context.world.clock.now()),
        ..Change::default()
    };
    context.end(begun, step, None, change, StepEnd::Done)
}

/// Starts nodes together, each with its own manager. The results are in the order of the nodes.
pub(super) fn start_all(nodes: &[&Node], context: &ExecuteContext<'_>) -> Vec<Result<(), String>> {
    let mut by_manager: BTreeMap<ManagerKind, Vec<usize>> = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        by_manager.entry(node.manager).or_default().push(place);
    }
    let mut results: Vec<Result<(), String>> = vec![Ok(()); nodes.len()];
    for (kind, places) in by_manager {
        let theirs: Vec<&Node> = places.iter().map(|place| nodes[*place]).collect();
        match context.world.managers.of(kind) {
            Ok(manager) => {
                for (place, result) in places.iter().zip(manager.start_many(&theirs)) {
                    results[*place] = result.map_err(|error| error.to_string());
                }
            }
            Err(error) => {
                for place in places {
                    results[place] = Err(error.to_string());
                }
            }
        }
    }
    results
}
