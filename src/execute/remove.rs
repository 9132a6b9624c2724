//! Removing nodes: process, firewall rule, service, data and logs, and only when all are gone the row.

use std::collections::BTreeMap;

use crate::colony::{Activity, Node, NodeId, State};
use crate::plan::{Action, Step};
use crate::store::{self, NodeChange};

use super::run::has_not_started;
use super::{Begun, Ending, Means, Outcome, no_such_node};

/// Removes one node.
pub(super) fn remove(
    step: &Step,
    id: NodeId,
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut Means<'_>,
) -> Result<Outcome, store::Error> {
    let Some(node) = nodes.get(&id) else {
        return Ok(no_such_node(step, id));
    };
    let begun = means.begin(step, Some(id))?;
    let outcome = finish(step, begun, node.clone(), means)?;
    keep_in_step(&outcome, id, nodes);
    Ok(outcome)
}

/// Removes one node, or what a killed run left of it.
pub(super) fn finish(
    step: &Step,
    begun: Begun,
    node: Node,
    means: &mut Means<'_>,
) -> Result<Outcome, store::Error> {
    let removed = means
        .manager(&node)
        .and_then(|manager| manager.remove(&node))
        .map_err(|error| error.to_string());
    end(step, begun, node, removed, means)
}

/// Removes all of `ids`, each with an event of its own.
pub(super) fn teardown(
    step: &Step,
    ids: &[NodeId],
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut Means<'_>,
) -> Result<Vec<Outcome>, store::Error> {
    let mut begun = Vec::with_capacity(ids.len());
    for id in ids {
        let single = Step {
            action: Action::Remove(*id),
            ..step.clone()
        };
        match nodes.get(id) {
            Some(node) => {
                let started = means.begin(&single, Some(*id))?;
                begun.push((single, started, node.clone()));
            }
            None => return Ok(vec![no_such_node(&single, *id)]),
        }
    }
    let mut failures: BTreeMap<NodeId, String> = BTreeMap::new();
    let mut by_manager: BTreeMap<_, Vec<Node>> = BTreeMap::new();
    for (_, _, node) in &begun {
        by_manager.entry(node.manager).or_default().push(node.clone());
    }
    for (kind, theirs) in by_manager {
        match means.world.managers.of(kind) {
            Ok(manager) => {
                let left = manager.teardown(&theirs);
                failures.extend(left.into_iter().map(|(id, error)| (id, error.to_string())));
            }
            Err(error) => failures.extend(theirs.iter().map(|node| (node.id, error.to_string()))),
        }
    }
    let mut outcomes = Vec::with_capacity(begun.len());
    for (single, started, node) in begun {
        let id = node.id;
        let removed = failures.remove(&id).map_or(Ok(()), Err);
        let outcome = end(&single, started, node, removed, means)?;
        keep_in_step(&outcome, id, nodes);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn end(
    step: &Step,
    mut begun: Begun,
    mut node: Node,
    removed: Result<(), String>,
    means: &mut Means<'_>,
) -> Result<Outcome, store::Error> {
    match removed {
        Ok(()) => {
            means.close_firewall(&node, &mut begun);
            means.end(
                begun,
                step,
                Some(&node),
                NodeChange::Delete(node.id),
                Ending::Done,
            )
        }
        Err(error) => {
            // Half removed is on its way out: REMOVING is what brings it back to this step. One that
            // still runs was not touched and stays what it was.
            if !still_runs(&node, means) {
                node.state = State::Removing;
                node.since = means.world.clock.now();
            }
            if node.state == State::Dead {
                has_not_started(&mut node, &error, means);
            }
            node.memory.last_error = Some(error.clone());
            means.end(
                begun,
                step,
                Some(&node),
                NodeChange::Update(&node),
                Ending::Failed(error),
            )
        }
    }
}

fn still_runs(node: &Node, means: &Means<'_>) -> bool {
    let processes = means
        .manager(node)
        .and_then(|manager| manager.inspect(std::slice::from_ref(node)));
    // When not even that can be told, nothing is changed.
    processes.map_or(true, |all| {
        all.iter().any(|process| process.activity == Activity::Running)
    })
}

fn keep_in_step(outcome: &Outcome, id: NodeId, nodes: &mut BTreeMap<NodeId, Node>) {
    match (&outcome.ending, &outcome.node) {
        (Ending::Done, _) => {
            nodes.remove(&id);
        }
        (_, Some(node)) => {
            nodes.insert(id, node.clone());
        }
        (_, None) => {}
    }
}
