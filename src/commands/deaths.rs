//! Events for nodes whose processes ended without an action of wnm.

use std::collections::BTreeMap;

use serde_json::json;

use crate::bounded_read;
use crate::colony::sanitize::excerpt;
use crate::colony::{Node, NodeId, NodeState, ProcessState, ProcessStatus};
use crate::session::{Colony, Session};
use crate::store::{Event, EventOutcome};

/// The file in which an antnode writes why it ends, in its log directory.
const FAILURE_LOG: &str = "critical_failure.log";
/// The number of characters of that file which an event contains.
const MOST: usize = 200;

/// The states of nodes before a survey.
pub(super) fn states(nodes: &[Node]) -> BTreeMap<NodeId, NodeState> {
    nodes.iter().map(|node| (node.id, node.state)).collect()
}

/// One event for each node that a survey found down, or without its directory, and that was up `before`.
pub(super) fn events(session: &Session, colony: &Colony, before: &BTreeMap<NodeId, NodeState>) -> Vec<Event> {
    let was_up = |node: &Node| {
        let state = before.get(&node.id);
        matches!(
            state,
            Some(NodeState::Running | NodeState::Restarting | NodeState::Upgrading)
        )
    };
    let is_down = |node: &Node| matches!(node.state, NodeState::Stopped | NodeState::Dead);
    let died: Vec<Node> = colony
        .nodes
        .iter()
        .filter(|node| was_up(node) && is_down(node))
        .cloned()
        .collect();
    if died.is_empty() {
        return Vec::new();
    }
    let processes = colony.processes(&died);
    // A node whose port refuses connections counts as down, although its process may run.
    let has_ended = |node: &Node, process: Option<ProcessStatus>| {
        node.state == NodeState::Dead
            || process.is_none_or(|process| process.activity != ProcessState::Running)
    };
    died.iter()
        .zip(processes)
        .filter(|(node, process)| has_ended(node, *process))
        .map(|(node, process)| {
            let exit = process.and_then(|process| process.last_exit);
            let failure = last_words(colony, node);
            Event {
                at: colony.now(),
                run: session.name.clone(),
                action: "died".to_owned(),
                node: Some(node.id),
                service: Some(node.service.clone()),
                reason: reason(node, exit, failure.as_deref()),
                figures: json!({ "exit": exit, "failure": failure }),
                forced: false,
                outcome: EventOutcome::Done,
                error: None,
                warning: None,
                duration_ms: 0,
            }
        })
        .collect()
}

fn reason(node: &Node, exit: Option<i32>, failure: Option<&str>) -> String {
    let mut reason = match (node.state, exit) {
        (NodeState::Dead, _) => "its root directory is missing".to_owned(),
        (_, Some(signal)) if signal < 0 => {
            format!("its process ended by signal {}", signal.unsigned_abs())
        }
        (_, Some(code)) => format!("its process ended with exit code {code}"),
        (_, None) => "its process ended".to_owned(),
    };
    if let Some(failure) = failure {
        reason.push_str(&format!("; {FAILURE_LOG}: {failure}"));
    }
    reason
}

/// The first words of the failure log, if it was written since the node last answered.
fn last_words(colony: &Colony, node: &Node) -> Option<String> {
    let path = node.logs().join(FAILURE_LOG);
    let written = colony.world.machine_reader.changed_at(&path)?;
    if written < node.memory.last_seen.unwrap_or(node.born) {
        return None;
    }
    let text = bounded_read::words_in(&path)?;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = words.chars().filter(|c| !c.is_control()).collect();
    (!plain.is_empty()).then(|| excerpt(&plain, MOST).into_owned())
}
