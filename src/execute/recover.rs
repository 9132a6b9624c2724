//! Finishes or undoes the steps of a killed run before anything else begins.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::colony::{Node, NodeId, NodeState, ProcessState, Version};
use crate::plan::{Action, ActionKind, Reason, Step, StopReason};
use crate::store::{self, Intent, IntentId, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_started};
use super::outcome::{StepEnd, StepOutcome};
use super::{add, remove, start_stop, upgrade};

/// Ends every open intent. Every step can be repeated safely, so most are simply repeated.
///
/// # Errors
/// When the store cannot be written.
pub fn recover(
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut outcomes = Vec::new();
    let mut obsolete = Vec::new();
    // A node has at most one open intent. If the database has more, only the last one can still matter.
    let mut latest: BTreeMap<NodeId, (IntentId, Intent)> = BTreeMap::new();
    for (id, intent) in context.store.pending()? {
        match intent.node.filter(|node| nodes.contains_key(node)) {
            Some(node) => obsolete.extend(latest.insert(node, (id, intent)).map(|(id, _)| id)),
            None => obsolete.push(id),
        }
    }
    // All at once, because each transaction waits for the disk.
    forget(&obsolete, context)?;
    let mut latest: Vec<(IntentId, Intent)> = latest.into_values().collect();
    latest.sort_by_key(|(id, _)| *id);
    for (id, intent) in latest {
        match unfinished(id, &intent, nodes, context)? {
            Some(outcome) => {
                update_nodes(&outcome, nodes);
                outcomes.push(outcome);
            }
            None => context.store.forget(id)?,
        }
    }
    Ok(outcomes)
}

fn forget(intents: &[IntentId], context: &ExecuteContext<'_>) -> Result<(), store::StoreError> {
    if intents.is_empty() {
        return Ok(());
    }
    context
        .store
        .in_transaction(|| intents.iter().try_for_each(|id| context.store.forget(*id)))
}

/// Ends one intent. None if there is nothing to do: the node does not exist, or the next survey shows its state.
fn unfinished(
    id: IntentId,
    intent: &Intent,
    nodes: &BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Option<StepOutcome>, store::StoreError> {
    let Some(node) = intent.node.and_then(|node| nodes.get(&node)).cloned() else {
        return Ok(None);
    };
    let Some(kind) = ActionKind::from_word(&intent.action) else {
        return Ok(None);
    };
    tracing::warn!(
        "a run that was killed had begun to {kind} {}: finishing it",
        node.service
    );
    context.forced = intent.detail["forced"] == true;
    let begun = StartedStep {
        intent: id,
        at: intent.at,
        timer: Instant::now(),
        warnings: Vec::new(),
        word: None,
    };
    let step = |action| Step {
        action,
        priority: 100,
        reason: Reason::Unfinished {
            run: intent.run.clone(),
        },
    };
    let kind = match kind {
        // Such a start installs another antnode first, and that has to be finished as well.
        ActionKind::Start if intent.detail["to"].is_string() => ActionKind::Upgrade,
        kind => kind,
    };
    let outcome = match kind {
        ActionKind::Add => {
            let step = step(Action::Start(node.id, None));
            let restored = intent.detail["restored"].as_str().map(str::to_owned);
            add::resume(&step, begun, node, restored, context)?
        }
        ActionKind::Upgrade => {
            let newest = context.binary.map(|binary| binary.version.clone());
            let step = step(Action::Upgrade(
                node.id,
                newest.unwrap_or_else(|| Version::new("")),
            ));
            upgrade::finish(&step, begun, node, None, context)?
        }
        ActionKind::Stop => {
            let rest = match intent.detail["rest"].as_str().and_then(NodeState::from_word) {
                Some(NodeState::Removing) => StopReason::Removing,
                Some(NodeState::Disabled) => StopReason::Disabled,
                _ => StopReason::Stopped,
            };
            let stop = start_stop::StartedStop {
                step: &step(Action::Stop(node.id, rest)),
                reason: rest,
                begun,
                node,
            };
            match start_stop::end_stops(vec![stop], context)?.pop() {
                Some(outcome) => outcome,
                None => return Ok(None),
            }
        }
        ActionKind::Remove | ActionKind::Teardown => {
            remove::finish(&step(Action::Remove(node.id)), begun, node, context)?
        }
        ActionKind::Start => match started(&node, context) {
            true => ended_start(&step(Action::Start(node.id, None)), begun, node, context)?,
            false => return Ok(None),
        },
        ActionKind::Resurvey => return Ok(None),
    };
    Ok(Some(outcome))
}

fn started(node: &Node, context: &ExecuteContext<'_>) -> bool {
    let processes = context
        .manager(node)
        .and_then(|manager| manager.inspect(std::slice::from_ref(node)));
    processes.is_ok_and(|all| {
        all.iter()
            .any(|process| process.activity == ProcessState::Running)
    })
}

fn ended_start(
    step: &Step,
    mut begun: StartedStep,
    mut node: Node,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    // Starting a running node only does what the killed run had not done yet.
    if let Err(error) = context.manager(&node).and_then(|manager| manager.start(&node)) {
        begun.warnings.push(error.to_string());
    }
    context.open_firewall(&node, &mut begun);
    has_started(&mut node, NodeState::Restarting, context);
    context.end(begun, step, Some(&node), NodeChange::Update(&node), StepEnd::Done)
}

/// Changes `nodes` as the outcome changed the store.
fn update_nodes(outcome: &StepOutcome, nodes: &mut BTreeMap<NodeId, Node>) {
    let Some(node) = &outcome.node else { return };
    let gone = matches!(
        (&outcome.step.action, &outcome.ending),
        (Action::Remove(_), StepEnd::Done) | (Action::Start(..), StepEnd::Failed(_))
    );
    // A failed start here belongs to an add; if its row was kept, its state is STOPPED or REMOVING.
    let kept = outcome.failed() && matches!(node.state, NodeState::Removing | NodeState::Stopped);
    if gone && !kept {
        nodes.remove(&node.id);
    } else {
        nodes.insert(node.id, node.clone());
    }
}
