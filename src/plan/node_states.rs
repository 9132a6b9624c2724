//! Updates the state of every node after a survey.
//!
//! A delay always lasts its full time. A node that does not answer for three surveys is down only if its process is
//! gone as well.

use crate::colony::{
    Answer, Node, NodeId, NodeObservation, NodeReading, NodeState, ProcessState, Timestamp, Version,
};

use super::node_checks::{LONGEST_RETRY_DELAY_S, SURVEYS_IN_A_ROW, has_answered, is_expired, is_hung};
use super::policy::Policy;
use super::safety_stop::{self, SafetyStop, StorageFolder, can_become_dead};

/// The updated nodes, and those that need attention.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedNodes {
    /// All nodes, in the order they came in.
    pub nodes: Vec<Node>,
    /// REMOVING nodes whose delay has passed: they are removed before anything is counted.
    pub expired: Vec<NodeId>,
    /// Nodes that did not answer three or more surveys although their processes run.
    pub hung: Vec<NodeId>,
    /// Nodes that still have their old version after an upgrade: retried later, as after a failed upgrade.
    pub unchanged: Vec<NodeId>,
}

/// Updates the nodes after a survey; `seen` is in their order. A node without an observation was not surveyed.
///
/// # Errors
/// A [`SafetyStop`] when missing roots speak of a missing disk, unless `override_safety`.
pub fn update_states(
    mut nodes: Vec<Node>,
    seen: &[NodeObservation],
    storages: &[StorageFolder],
    policy: &Policy,
    override_safety: bool,
    now: Timestamp,
) -> Result<UpdatedNodes, SafetyStop> {
    if !override_safety {
        safety_stop::check(&nodes, seen, storages)?;
    }
    let mut unchanged = Vec::new();
    for (node, observation) in nodes.iter_mut().zip(seen) {
        if update_state(node, observation, policy, now) == UpgradeProgress::Vain {
            unchanged.push(node.id);
        }
    }
    let expired = ids(&nodes, |node| is_expired(node, policy, now));
    let hung = ids(&nodes, is_hung);
    Ok(UpdatedNodes {
        nodes,
        expired,
        hung,
        unchanged,
    })
}

/// When a node may be started again after this many failed starts in a row: in 1, 2, 4 … 60 minutes.
#[must_use]
pub fn retry_at(failures: u32, now: Timestamp) -> Timestamp {
    let seconds = match failures {
        0 => 0,
        1..=6 => 60_i64 << (failures - 1),
        _ => LONGEST_RETRY_DELAY_S,
    };
    now.plus(seconds)
}

/// What a survey shows of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Up,
    Down,
    /// No answer, or not surveyed: nothing new is known.
    Unknown,
}

/// What a survey shows of an upgrade.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UpgradeProgress {
    /// It is not finished, or it succeeded.
    Fine,
    /// The node still reports the old version.
    Vain,
}

fn update_state(
    node: &mut Node,
    observation: &NodeObservation,
    policy: &Policy,
    now: Timestamp,
) -> UpgradeProgress {
    if node.state == NodeState::Disabled {
        return UpgradeProgress::Fine;
    }
    if node.state.is_timed() && node.since > now {
        // The clock was set back: the delay starts again, because it would last for years otherwise.
        node.since = now;
    }
    if !observation.has_root && can_become_dead(node.state) {
        enter(node, NodeState::Dead, now);
    }
    if !observation.has_root && node.state == NodeState::Dead {
        return UpgradeProgress::Fine;
    }
    let was_silent = node.memory.silent > 0;
    let had_answered = has_answered(node);
    let seen = read_answer(node, observation, now);
    let mut upgrade = UpgradeProgress::Fine;
    match node.state {
        NodeState::Running if seen == Sight::Down => {
            enter(node, NodeState::Stopped, now);
            // The retry time of a running node belonged to its upgrade or its stop, not to its start.
            if had_answered {
                node.memory.retry_at = None;
            }
        }
        NodeState::Running if seen == Sight::Up && was_silent && !had_answered => forget_failures(node),
        // wnm does not move nodes, so a survey also ends MIGRATING.
        NodeState::Stopped | NodeState::Migrating if seen == Sight::Up => run(node, now),
        NodeState::Migrating if seen == Sight::Down && observation.has_root => {
            enter(node, NodeState::Stopped, now)
        }
        // Its root directory is back, so it was not dead.
        NodeState::Dead if seen == Sight::Up => run(node, now),
        NodeState::Dead => {
            enter(node, NodeState::Stopped, now);
            // The failures were those of its removal.
            forget_failures(node);
        }
        NodeState::Restarting if now.since(node.since) >= policy.delays.start => {
            end_start(node, seen, policy.delays.start, now);
        }
        NodeState::Upgrading if now.since(node.since) >= policy.delays.upgrade => {
            match as_before(node, observation) {
                Some(version) => {
                    end_vain_upgrade(node, version, now);
                    upgrade = UpgradeProgress::Vain;
                }
                None => end_start(node, seen, policy.delays.upgrade, now),
            }
        }
        _ => {}
    }
    count_shunned(node, observation, policy);
    upgrade
}

/// The version that a node reports after an upgrade, if it is older than the target.
fn as_before<'a>(node: &Node, observation: &'a NodeObservation) -> Option<&'a Version> {
    let Answer::Up(reading) = &observation.answer else {
        return None;
    };
    let target = node.version.as_ref()?;
    reading.version.is_older_than(target).then_some(&reading.version)
}

/// Updates the node from its answer, and returns what that shows.
fn read_answer(node: &mut Node, observation: &NodeObservation, now: Timestamp) -> Sight {
    match &observation.answer {
        Answer::Up(reading) => {
            refresh(node, reading, now);
            Sight::Up
        }
        Answer::OtherPeer(peer) => {
            node.memory.silent = 0;
            node.memory.last_error = Some(port_answered(node, Some(peer)));
            Sight::Up
        }
        Answer::OtherProcess(peer) => {
            node.memory.silent = 0;
            node.memory.last_error = Some(port_answered(node, peer.as_deref()));
            clear(node);
            Sight::Down
        }
        Answer::Down => {
            node.memory.silent = 0;
            forget_port_answered(node);
            clear(node);
            Sight::Down
        }
        Answer::Silent => {
            node.memory.silent = node.memory.silent.saturating_add(1);
            let is_gone = observation
                .process
                .is_some_and(|process| process.activity != ProcessState::Running);
            if is_gone && node.memory.silent >= SURVEYS_IN_A_ROW {
                clear(node);
                Sight::Down
            } else {
                Sight::Unknown
            }
        }
        Answer::Unasked => Sight::Unknown,
    }
}

fn refresh(node: &mut Node, reading: &NodeReading, now: Timestamp) {
    let is_other = node.version.as_ref().map(Version::as_str) != Some(reading.version.as_str());
    // Until its upgrade is finished, a node has the version that was installed; the end of the upgrade compares it
    // with the answer.
    let is_old = node.state == NodeState::Upgrading
        && node
            .version
            .as_ref()
            .is_some_and(|target| reading.version.is_older_than(target));
    if is_other && !is_old {
        node.version = Some(reading.version.clone());
    }
    if reading.peer_id.is_some() {
        node.peer_id.clone_from(&reading.peer_id);
    }
    if let Some(figures) = &reading.figures {
        node.figures.clone_from(figures);
    }
    node.memory.silent = 0;
    node.memory.last_seen = Some(now);
    forget_port_answered(node);
}

const PORT_ANSWERED: &str = "port answered by another process: ";

/// The error of a node whose metrics port another process answers.
fn port_answered(node: &Node, peer: Option<&str>) -> String {
    let peer = peer.unwrap_or("unknown");
    format!("{PORT_ANSWERED}port {}, peer ID {peer}", node.ports.metrics)
}

/// Whether another process answered the metrics port of the node at the last survey.
#[must_use]
pub fn is_port_answered_by_other(node: &Node) -> bool {
    let error = node.memory.last_error.as_deref();
    error.is_some_and(|error| error.starts_with(PORT_ANSWERED))
}

fn forget_port_answered(node: &mut Node) {
    if is_port_answered_by_other(node) {
        node.memory.last_error = None;
    }
}

/// A node that is down has no uptime and no peers; its identity and its rewards stay.
fn clear(node: &mut Node) {
    node.figures.uptime = 0;
    node.figures.records = 0;
    node.figures.shunned = 0;
    node.figures.connected_peers = 0;
}

/// Sets a node without a process to STOPPED.
pub(super) fn mark_down(node: &mut Node, now: Timestamp) {
    node.memory.silent = 0;
    clear(node);
    enter(node, NodeState::Stopped, now);
}

/// Sets the state after the delay of a start. A node that does not run counts as a failed start, so that a node that
/// exits at every start is not started each time.
fn end_start(node: &mut Node, seen: Sight, delay: i64, now: Timestamp) {
    if seen == Sight::Up {
        run(node, now);
        return;
    }
    enter(
        node,
        if seen == Sight::Down {
            NodeState::Stopped
        } else {
            NodeState::Running
        },
        now,
    );
    put_off(node, format!("did not answer {delay} s after its start"), now);
}

/// Ends an upgrade that changed nothing. The node runs, and upgrading it again each minute would only restart it.
fn end_vain_upgrade(node: &mut Node, version: &Version, now: Timestamp) {
    let target = node.version.replace(version.clone());
    let target = target.as_ref().map_or("", Version::as_str);
    put_off(
        node,
        format!("still says {version} after its upgrade to {target}"),
        now,
    );
    enter(node, NodeState::Running, now);
}

/// Records a failure: the next attempt waits, each time longer.
pub fn put_off(node: &mut Node, error: impl Into<String>, now: Timestamp) {
    node.memory.start_failures = node.memory.start_failures.saturating_add(1);
    node.memory.retry_at = Some(retry_at(node.memory.start_failures, now));
    node.memory.last_error = Some(error.into());
}

pub(super) fn run(node: &mut Node, now: Timestamp) {
    enter(node, NodeState::Running, now);
    forget_failures(node);
}

/// Not at every answer: a running node whose upgrade failed keeps its retry time.
fn forget_failures(node: &mut Node) {
    if node.memory.start_failures > 0 {
        node.memory.start_failures = 0;
        node.memory.last_error = None;
    }
    node.memory.retry_at = None;
}

fn count_shunned(node: &mut Node, observation: &NodeObservation, policy: &Policy) {
    let limit = policy.shunned.filter(|_| node.state == NodeState::Running);
    let Some(limit) = limit else {
        node.memory.shunned = 0;
        return;
    };
    if let Answer::Up(reading) = &observation.answer
        && let Some(figures) = &reading.figures
    {
        node.memory.shunned = if figures.shunned >= limit {
            node.memory.shunned.saturating_add(1)
        } else {
            0
        };
    }
}

fn enter(node: &mut Node, state: NodeState, now: Timestamp) {
    if node.state != state {
        node.state = state;
        node.since = now;
    }
}

fn ids(nodes: &[Node], wanted: impl Fn(&Node) -> bool) -> Vec<NodeId> {
    nodes
        .iter()
        .filter(|node| wanted(node))
        .map(|node| node.id)
        .collect()
}

#[cfg(test)]
mod tests;
