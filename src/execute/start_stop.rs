//! Starts and stops nodes.

use std::collections::BTreeMap;

use crate::colony::{Node, NodeId, NodeState, ProcessState, Timestamp};
use crate::plan::{Action, Reason, Step, StopReason, Task};
use crate::store::{self, Change, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed, has_started, no_such_node, on_node};
use super::outcome::{StepEnd, StepOutcome};
use super::together::by_manager;
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
            Some(to) => outcomes.push(upgrade::upgrade_one(step, *id, to, nodes, context)?),
            None => plain.push((step, node.clone())),
        }
    }
    let mut begun: Vec<(&Step, StartedStep, Node)> = context.store.in_transaction(|| {
        plain
            .into_iter()
            .map(|(step, node)| Ok((step, context.begin(step, Some(node.id))?, node)))
            .collect()
    })?;
    for (_, started, node) in &mut begun {
        if node.state == NodeState::Disabled {
            started.word = Some("enable");
        }
    }
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

/// Stops the nodes of a batch together, and sets their states as the steps say. A node whose stop failed keeps its state.
pub(super) fn stop(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut present: Vec<(&Step, StopReason, Node)> = Vec::with_capacity(batch.len());
    for step in batch {
        let Action::Stop(id, reason) = step.action else {
            continue;
        };
        match nodes.get(&id) {
            Some(node) => present.push((step, reason, node.clone())),
            None => outcomes.push(no_such_node(step, id)),
        }
    }
    let begun: Vec<StartedStop<'_>> = context.store.in_transaction(|| {
        let begin = |(step, reason, node): (_, _, Node)| {
            Ok(StartedStop {
                step,
                reason,
                begun: context.begin(step, Some(node.id))?,
                node,
            })
        };
        present.into_iter().map(begin).collect()
    })?;
    outcomes.extend(end_stops(begun, context)?);
    for node in outcomes.iter().filter_map(|outcome| outcome.node.as_ref()) {
        nodes.insert(node.id, node.clone());
    }
    Ok(outcomes)
}

/// A stop whose intent is written.
pub(super) struct StartedStop<'s> {
    pub(super) step: &'s Step,
    pub(super) reason: StopReason,
    pub(super) begun: StartedStep,
    pub(super) node: Node,
}

/// Ends stops that this run or a killed run began.
pub(super) fn end_stops(
    stops: Vec<StartedStop<'_>>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let stopped = stop_all(&stops, context);
    let ended: Vec<_> = stops
        .into_iter()
        .zip(stopped)
        .map(|(stop, stopped)| conclude_stop(stop, stopped, context))
        .collect();
    context.store.in_transaction(|| {
        let end = |(mut stop, last_stopped_at, ending): (StartedStop<'_>, _, _)| {
            let change = Change {
                node: NodeChange::Update(&stop.node),
                last_stopped_at,
                ..Change::default()
            };
            if stop.reason == StopReason::Disabled {
                stop.begun.word = Some("disable");
            }
            context.end(stop.begun, stop.step, Some(&stop.node), change, ending)
        };
        ended.into_iter().map(end).collect()
    })
}

/// Stops nodes together, each with its own manager. The results are in the order of the stops.
fn stop_all(stops: &[StartedStop<'_>], context: &ExecuteContext<'_>) -> Vec<Result<(), String>> {
    let check = |stop: &StartedStop<'_>| match stop.reason {
        // A node that cannot be removed continues to run.
        StopReason::Removing => context
            .manager(&stop.node)
            .and_then(|manager| manager.check_removal(&stop.node))
            .map_err(|error| error.to_string()),
        StopReason::Stopped | StopReason::Disabled => Ok(()),
    };
    let checked: Vec<Result<(), String>> = stops.iter().map(check).collect();
    let passed = stops.iter().zip(&checked).filter(|(_, checked)| checked.is_ok());
    let ready: Vec<&Node> = passed.map(|(stop, _)| &stop.node).collect();
    let mut stopped = by_manager(&ready, context, |manager, theirs| manager.stop_many(theirs)).into_iter();
    stops
        .iter()
        .zip(checked)
        .map(|(stop, checked)| {
            checked?;
            stopped.next().unwrap_or(Ok(()))?;
            check_port_is_mute(&stop.node, context)
        })
        .collect()
}

/// The stop with its node as it is afterwards, the time of the last stop if that changes, and the end of the step.
fn conclude_stop<'s>(
    mut stop: StartedStop<'s>,
    stopped: Result<(), String>,
    context: &ExecuteContext<'_>,
) -> (StartedStop<'s>, Option<Timestamp>, StepEnd) {
    let node = &mut stop.node;
    if let Err(error) = stopped {
        // An operator may retry at once; the engine stops another node meanwhile.
        if context.forced {
            node.memory.last_error = Some(error.clone());
        } else {
            has_failed(node, &error, context);
        }
        return (stop, None, StepEnd::Failed(error));
    }
    context.close_firewall(node, &mut stop.begun);
    // The retry time of a running node belongs to its upgrade or its stop.
    if node.state == NodeState::Running {
        node.memory.retry_at = None;
    }
    node.state = stop.reason.state();
    node.since = context.world.clock.now();
    node.memory.last_error = None;
    if is_for_pressure(stop.step) {
        node.memory.note_pressure_stop(node.since);
    }
    // Only for a stop because of pressure: the next stop waits until the effect of this one is measured.
    let is_paced = stop.reason == StopReason::Stopped && !context.forced;
    let last_stopped_at = is_paced.then_some(node.since);
    (stop, last_stopped_at, StepEnd::Done)
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
    by_manager(nodes, context, |manager, theirs| manager.start_many(theirs))
}
