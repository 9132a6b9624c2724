//! Stores what is paused or disabled until a time, and ends it when the time has come.

use crate::clock::Clock;
use crate::colony::{Node, NodeId, NodePause, NodeState, Pause, Pauses};
use crate::error::ExitError;
use crate::session::{Colony, Session};
use crate::store::{self, Event, EventOutcome, Store};

/// Records the time and the reason of nodes that were just disabled.
///
/// # Errors
/// As [`pause`].
pub(super) fn record_disable(session: &Session, colony: &Colony, disabled: &[Node]) -> Result<(), ExitError> {
    let run = &session.run;
    let pause = requested(session)?;
    let reason = match (&run.until, &run.reason) {
        (None, None) => "until `wnm enable`".to_owned(),
        (None, Some(reason)) => format!("until `wnm enable` ({reason})"),
        _ => pause.describe(),
    };
    let mut pauses = colony.store.pauses()?;
    for node in disabled {
        pauses.nodes.remove(&node.id.0);
        if run.until.is_some() {
            let pause = pause.clone();
            pauses.nodes.insert(
                node.id.0,
                NodePause {
                    pause,
                    is_stopped: true,
                },
            );
        }
    }
    if disabled.is_empty() || run.until.is_none() && run.reason.is_none() {
        return Ok(colony.store.set_pauses(&pauses)?);
    }
    // The stop itself has the event `disable`.
    store_with_events(session, &colony.store, "pause", &pauses, disabled, &reason)
}

/// Forgets the pauses of nodes that were started or removed by request.
///
/// # Errors
/// When the database cannot be written.
pub(super) fn forget(colony: &Colony, nodes: &[NodeId]) -> Result<(), ExitError> {
    let mut pauses = colony.store.pauses()?;
    let before = pauses.nodes.len();
    pauses.nodes.retain(|id, _| !nodes.contains(&NodeId(*id)));
    if pauses.nodes.len() != before {
        colony.store.set_pauses(&pauses)?;
    }
    Ok(())
}

/// Ends the pauses whose time has come, at the beginning of a cycle. Returns what is still paused.
///
/// # Errors
/// When the database cannot be written.
pub(super) fn end_due(session: &Session, colony: &mut Colony) -> Result<Pauses, ExitError> {
    let mut pauses = colony.store.pauses()?;
    let ended = pauses.take_ended(colony.now());
    pauses
        .nodes
        .retain(|id, _| colony.nodes.iter().any(|node| node.id.0 == *id));
    if ended.is_empty() || session.run.dry_run {
        return Ok(pauses);
    }
    enable_stopped(session, colony, &ended)?;
    let nodes = paused_nodes(colony, &ended);
    store_with_events(
        session,
        &colony.store,
        "resume",
        &pauses,
        &nodes,
        "the pause has ended",
    )?;
    if ended.colony.is_some() {
        tracing::info!("the pause of the colony has ended");
    }
    Ok(pauses)
}

/// The pause that the flags request, from now on.
///
/// # Errors
/// A time that has passed.
pub(super) fn requested(session: &Session) -> Result<Pause, ExitError> {
    let now = session.clock.now();
    let until = session.run.until.map(|until| until.seen_from(now));
    if let Some(until) = until.filter(|until| *until <= now) {
        return Err(ExitError::mistaken(format_args!(
            "invalid value for '--until': {} has passed",
            until.utc()
        ))
        .hint("nothing was changed"));
    }
    Ok(Pause {
        since: now,
        until,
        reason: session.run.reason.clone(),
    })
}

/// The nodes with a pause of their own.
pub(super) fn paused_nodes(colony: &Colony, pauses: &Pauses) -> Vec<Node> {
    let is_paused = |node: &&Node| pauses.nodes.contains_key(&node.id.0);
    colony.nodes.iter().filter(is_paused).cloned().collect()
}

/// Makes nodes that a pause disabled STOPPED, so that the next cycle starts them within the quotas.
///
/// # Errors
/// When the database cannot be written.
pub(super) fn enable_stopped(
    session: &Session,
    colony: &mut Colony,
    ended: &Pauses,
) -> Result<(), ExitError> {
    let now = session.clock.now();
    let mut changed = Vec::new();
    for node in &mut colony.nodes {
        let is_stopped = ended.nodes.get(&node.id.0).is_some_and(|pause| pause.is_stopped);
        if is_stopped && node.state == NodeState::Disabled {
            node.state = NodeState::Stopped;
            node.since = now;
            changed.push(node.clone());
        }
    }
    Ok(colony.store.update_nodes(&changed)?)
}

/// Stores the pauses, and an event for each node, or one for the colony.
///
/// # Errors
/// When the database cannot be written.
pub(super) fn store_with_events(
    session: &Session,
    store: &Store,
    action: &str,
    pauses: &Pauses,
    nodes: &[Node],
    reason: &str,
) -> Result<(), ExitError> {
    let event = |node: Option<&Node>| Event {
        at: session.clock.now(),
        run: session.name.clone(),
        action: action.to_owned(),
        node: node.map(|node| node.id),
        service: node.map(|node| node.service.clone()),
        reason: reason.to_owned(),
        figures: serde_json::Value::Null,
        forced: true,
        outcome: EventOutcome::Done,
        error: None,
        warning: None,
        duration_ms: 0,
    };
    store.in_transaction(|| -> Result<(), store::StoreError> {
        store.set_pauses(pauses)?;
        match nodes {
            [] => store.record_event(&event(None)),
            nodes => nodes
                .iter()
                .try_for_each(|node| store.record_event(&event(Some(node)))),
        }
    })?;
    Ok(())
}
