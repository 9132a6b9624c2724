//! Starting and stopping nodes that are there.

use std::collections::BTreeMap;

use crate::colony::{ManagerKind, Node, NodeId, NodeState};
use crate::plan::{Action, Step, StopReason};
use crate::store::{self, Change, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed, has_started, no_such_node, on_node};
use super::outcome::{StepEnd, StepOutcome};
use super::upgrade;

/// Starts the nodes of a batch, together where nothing has to be put in place first.
pub(super) fn start(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut ExecuteContext<'_>,
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
        match to {
            Some(to) => outcomes.push(upgrade::upgrade(step, *id, to, nodes, means)?),
            None => plain.push((step, node.clone())),
        }
    }
    let begun: Vec<(&Step, StartedStep, Node)> = means.store.together(|| {
        plain
            .into_iter()
            .map(|(step, node)| Ok((step, means.begin(step, Some(node.id))?, node)))
            .collect()
    })?;
    let ready: Vec<&Node> = begun.iter().map(|(_, _, node)| node).collect();
    let started = start_all(&ready, means);
    let mut ended = Vec::with_capacity(begun.len());
    for ((step, mut begun, mut node), started) in begun.into_iter().zip(started) {
        let ending = match started {
            Ok(()) => {
                means.open_firewall(&node, &mut begun);
                has_started(&mut node, NodeState::Restarting, means);
                StepEnd::Done
            }
            Err(error) => {
                has_failed(&mut node, &error, means);
                StepEnd::Failed(error)
            }
        };
        nodes.insert(node.id, node.clone());
        ended.push((step, begun, node, ending));
    }
    outcomes.extend(means.store.together(|| {
        ended
            .into_iter()
            .map(|(step, begun, node, ending)| {
                means.end(begun, step, Some(&node), NodeChange::Update(&node), ending)
            })
            .collect::<Result<Vec<_>, _>>()
    })?);
    Ok(outcomes)
}

/// Stops one node and leaves it as `rest` says. A node whose stop failed keeps its state.
pub(super) fn stop(
    step: &Step,
    id: NodeId,
    rest: StopReason,
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    on_node(step, id, nodes, means, |begun, node, means| {
        finish_stop(step, begun, node, rest, means)
    })
}

pub(super) fn finish_stop(
    step: &Step,
    mut begun: StartedStep,
    mut node: Node,
    rest: StopReason,
    means: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let mut last_stopped_at = None;
    let ending = match means.manager(&node).and_then(|manager| manager.stop(&node)) {
        Ok(()) => {
            means.close_firewall(&node, &mut begun);
            // What was put off of a node that ran was its upgrade or its stop.
            if node.state == NodeState::Running {
                node.memory.retry_at = None;
            }
            node.state = rest.state();
            node.since = means.world.clock.now();
            node.memory.last_error = None;
            // Only a stop for pressure: the next one waits until this one's effect can be seen.
            last_stopped_at = (rest == StopReason::Stopped && !means.forced).then_some(node.since);
            StepEnd::Done
        }
        Err(error) => {
            // An operator may order it as often as they like; the engine takes another node meanwhile.
            if means.forced {
                node.memory.last_error = Some(error.to_string());
            } else {
                has_failed(&mut node, &error.to_string(), means);
            }
            StepEnd::Failed(error.to_string())
        }
    };
    let change = Change {
        node: NodeChange::Update(&node),
        last_stopped_at,
        ..Change::default()
    };
    means.end(begun, step, Some(&node), change, ending)
}

/// Notes that the machine was booted: what was known before does not pass for now.
pub(super) fn resurvey(
    step: &Step,
    means: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let begun = means.begin(step, None)?;
    let change = Change {
        last_stopped_at: Some(means.world.clock.now()),
        ..Change::default()
    };
    means.end(begun, step, None, change, StepEnd::Done)
}

/// Starts nodes together, each by its own manager; how each went, in their order.
pub(super) fn start_all(nodes: &[&Node], means: &ExecuteContext<'_>) -> Vec<Result<(), String>> {
    let mut by_manager: BTreeMap<ManagerKind, Vec<usize>> = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        by_manager.entry(node.manager).or_default().push(place);
    }
    let mut results: Vec<Result<(), String>> = vec![Ok(()); nodes.len()];
    for (kind, places) in by_manager {
        let theirs: Vec<&Node> = places.iter().map(|place| nodes[*place]).collect();
        match means.world.managers.of(kind) {
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
