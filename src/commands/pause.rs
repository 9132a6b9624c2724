//! `wnm pause` and `wnm resume`.

use std::collections::BTreeSet;

use super::pause_record::{enable_stopped, paused_nodes, requested, store_with_events};
use super::{RunResult, order};
use crate::clock::Clock;
use crate::colony::{ForcedAction, Node, NodePause, NodeState, Pauses, Plural};
use crate::error::ExitError;
use crate::plan::{self, NodeSelection};
use crate::session::{Colony, Session, absent};
use crate::store::Store;

/// Pauses the colony, or the named nodes. With `--stop`, it also stops them.
///
/// # Errors
/// A time that has passed, or a colony that cannot be opened.
pub(super) fn pause(session: &Session, names: &[String]) -> Result<RunResult, ExitError> {
    let pause = requested(session)?;
    let stops = session.run.stop && !session.run.dry_run;
    let disabled = disabled_nodes(session)?;
    let mut result = RunResult::default();
    if stops && !names.is_empty() {
        let selection = NodeSelection::Named(names.to_vec());
        result = order::order(session, ForcedAction::Disable, &selection)?;
    }
    let colony = Colony::open(session)?;
    let mut pauses = colony.store.pauses()?;
    let nodes = named(&colony, names);
    for node in &nodes {
        // Only a node that the pause itself stopped starts again at its end.
        let is_stopped = node.state == NodeState::Disabled && !disabled.contains(&node.id.0);
        let pause = pause.clone();
        pauses.nodes.insert(node.id.0, NodePause { pause, is_stopped });
    }
    if names.is_empty() {
        pauses.colony = Some(pause.clone());
    }
    if !session.run.dry_run {
        store_with_events(
            session,
            &colony.store,
            "pause",
            &pauses,
            &nodes,
            &pause.describe(),
        )?;
    }
    drop(colony);
    if stops && names.is_empty() {
        result = stop_all(session)?;
    }
    let what = match names {
        [] => "the colony".to_owned(),
        _ => Plural(i64::try_from(nodes.len()).unwrap_or(i64::MAX), "node").to_string(),
    };
    let nodes_keep = match session.run.stop {
        true => "the nodes are stopped",
        false => "the nodes keep running",
    };
    let text = format!(
        "Paused {what} {}; {nodes_keep}, and wnm changes nothing but what you request. `wnm resume` ends the pause.",
        pause.describe()
    );
    Ok(answer(session, text, result.code))
}

/// Ends pauses. Without names, all of them.
///
/// # Errors
/// As [`pause`].
pub(super) fn resume(session: &Session, names: &[String]) -> Result<RunResult, ExitError> {
    let mut colony = Colony::open(session)?;
    let mut pauses = colony.store.pauses()?;
    let mut ended = Pauses::default();
    if names.is_empty() {
        std::mem::swap(&mut pauses, &mut ended);
    } else {
        for node in named(&colony, names) {
            ended
                .nodes
                .extend(pauses.nodes.remove(&node.id.0).map(|pause| (node.id.0, pause)));
        }
    }
    if ended.is_empty() {
        return Ok(answer(
            session,
            "Nothing to do: nothing of this is paused.".to_owned(),
            0,
        ));
    }
    if !session.run.dry_run {
        enable_stopped(session, &mut colony, &ended)?;
        let nodes: Vec<Node> = paused_nodes(&colony, &ended);
        store_with_events(session, &colony.store, "resume", &pauses, &nodes, "requested")?;
    }
    let rest = pauses
        .describe(session.clock.now())
        .map(|rest| format!("; still {rest}"));
    let text = format!(
        "Resumed; the next run acts again, and starts stopped nodes within the quotas{}.",
        rest.unwrap_or_default()
    );
    Ok(answer(session, text, 0))
}

/// The nodes that are disabled before the pause begins, without those of another pause.
fn disabled_nodes(session: &Session) -> Result<BTreeSet<u32>, ExitError> {
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let pauses = store.pauses()?;
    let is_disabled = |node: &Node| {
        let is_paused = pauses.nodes.get(&node.id.0).is_some_and(|pause| pause.is_stopped);
        node.state == NodeState::Disabled && !is_paused
    };
    let nodes = store.nodes()?;
    Ok(nodes
        .into_iter()
        .filter(is_disabled)
        .map(|node| node.id.0)
        .collect())
}

fn named(colony: &Colony, names: &[String]) -> Vec<Node> {
    let find = |name: &String| plan::find(name, &colony.nodes).ok().cloned();
    names.iter().filter_map(find).collect()
}

/// Stops all nodes that run. They stay STOPPED, because a paused colony starts nothing.
fn stop_all(session: &Session) -> Result<RunResult, ExitError> {
    let colony = Colony::open(session)?;
    let is_up = |node: &&Node| {
        use NodeState::{Restarting, Running, Upgrading};
        matches!(node.state, Running | Restarting | Upgrading)
    };
    let up = colony.nodes.iter().filter(is_up);
    let names: Vec<String> = up.map(|node| node.service.0.clone()).collect();
    drop(colony);
    match names.is_empty() {
        true => Ok(RunResult::default()),
        false => order::order(session, ForcedAction::Stop, &NodeSelection::Named(names)),
    }
}

fn answer(session: &Session, text: String, code: u8) -> RunResult {
    let is_for_person = session.terminal.columns.is_some() && !session.run.json;
    RunResult {
        output: match is_for_person {
            true => text,
            false => crate::report::pretty(&serde_json::json!({ "status": "done", "message": text })),
        },
        code,
    }
}
