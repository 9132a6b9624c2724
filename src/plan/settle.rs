//! How every node stands after a survey.
//!
//! A timer runs its whole length whatever was seen, and silence alone stops nothing: a node that was mute
//! for three surveys is down only if its process is gone as well.

use crate::colony::{Activity, Answer, Node, NodeId, Reading, Sighting, State, Timestamp};

use super::measure::is_hung;
use super::policy::Policy;
use super::safety::{self, SafetyStop, Storage, may_die};

/// So many surveys in a row make silence, or shunning, a fact.
pub const SURVEYS_IN_A_ROW: u32 = 3;

/// The nodes as they stand now, and which of them ask for attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// All nodes, in the order they came in.
    pub nodes: Vec<Node>,
    /// REMOVING nodes whose delay is over: to be removed for real, before anything is counted.
    pub expired: Vec<NodeId>,
    /// Nodes that were silent for three surveys or more although their processes live.
    pub hung: Vec<NodeId>,
}

/// The nodes as they stand after a survey; `seen` is in their order, and a node without a sighting was not
/// looked at.
///
/// # Errors
/// A [`SafetyStop`] when missing roots speak of a missing disk, unless `override_safety`.
pub fn settle(
    mut nodes: Vec<Node>,
    seen: &[Sighting],
    storages: &[Storage],
    policy: &Policy,
    override_safety: bool,
    now: Timestamp,
) -> Result<Settled, SafetyStop> {
    if !override_safety {
        safety::check(&nodes, seen, storages)?;
    }
    for (node, sighting) in nodes.iter_mut().zip(seen) {
        settle_one(node, sighting, policy, now);
    }
    let expired = ids(&nodes, |node| is_expired(node, policy, now));
    let hung = ids(&nodes, is_hung);
    Ok(Settled { nodes, expired, hung })
}

/// Whether the node was stopped for removal, and the delay is over.
#[must_use]
pub fn is_expired(node: &Node, policy: &Policy, now: Timestamp) -> bool {
    node.state == State::Removing && now.since(node.since) >= policy.delays.remove
}

/// The longest that a node is passed over after a failure, in seconds.
pub(super) const LONGEST_PASS_S: i64 = 60 * 60;

/// When a node may be started again after so many failed starts in a row: in 1, 2, 4 ... 60 minutes.
#[must_use]
pub fn retry_at(failures: u32, now: Timestamp) -> Timestamp {
    let seconds = match failures {
        0 => 0,
        1..=6 => 60_i64 << (failures - 1),
        _ => LONGEST_PASS_S,
    };
    now.plus(seconds)
}

/// What a survey says of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Up,
    Down,
    /// Mute, or not looked at: nothing is known that was not known before.
    Unknown,
}

fn settle_one(node: &mut Node, sighting: &Sighting, policy: &Policy, now: Timestamp) {
    if node.state == State::Disabled {
        return;
    }
    if node.state.is_timed() && node.since > now {
        // The clock was set back: the timer starts anew rather than run for years.
        node.since = now;
    }
    if !sighting.rooted && may_die(node.state) {
        enter(node, State::Dead, now);
    }
    if !sighting.rooted && node.state == State::Dead {
        return;
    }
    let was_silent = node.memory.silent > 0;
    let seen = look(node, sighting, now);
    match node.state {
        State::Running if seen == Seen::Down => enter(node, State::Stopped, now),
        State::Running if seen == Seen::Up && was_silent => forget_failures(node),
        State::Stopped if seen == Seen::Up => run(node, now),
        // Its root is back, so it was not dead.
        State::Dead if seen == Seen::Up => run(node, now),
        State::Dead => {
            enter(node, State::Stopped, now);
            // What failed was to remove it.
            forget_failures(node);
        }
        State::Restarting if now.since(node.since) >= policy.delays.start => {
            end_start(node, seen, policy.delays.start, now);
        }
        State::Upgrading if now.since(node.since) >= policy.delays.upgrade => {
            end_start(node, seen, policy.delays.upgrade, now);
        }
        _ => {}
    }
    count_shunned(node, sighting, policy);
}

/// Takes over what the node said, and tells what that says of it.
fn look(node: &mut Node, sighting: &Sighting, now: Timestamp) -> Seen {
    match &sighting.answer {
        Answer::Up(reading) => {
            refresh(node, reading, now);
            Seen::Up
        }
        Answer::Down => {
            node.memory.silent = 0;
            clear(node);
            Seen::Down
        }
        Answer::Silent => {
            node.memory.silent = node.memory.silent.saturating_add(1);
            let is_gone = sighting
                .process
                .is_some_and(|process| process.activity != Activity::Running);
            if is_gone && node.memory.silent >= SURVEYS_IN_A_ROW {
                clear(node);
                Seen::Down
            } else {
                Seen::Unknown
            }
        }
        Answer::Unasked => Seen::Unknown,
    }
}

fn refresh(node: &mut Node, reading: &Reading, now: Timestamp) {
    if node.version.as_ref().map(|version| version.as_str()) != Some(reading.version.as_str()) {
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
}

/// A node that is down has no uptime and no peers; who it was and what it earned stands.
fn clear(node: &mut Node) {
    node.figures.uptime = 0;
    node.figures.records = 0;
    node.figures.shunned = 0;
    node.figures.connected_peers = 0;
}

/// The delay after a start is over: the state is what the survey saw. A node that did not come up counts
/// as one whose start failed, so that one that dies at every start is not started each time.
fn end_start(node: &mut Node, seen: Seen, delay: i64, now: Timestamp) {
    if seen == Seen::Up {
        run(node, now);
        return;
    }
    enter(
        node,
        if seen == Seen::Down {
            State::Stopped
        } else {
            State::Running
        },
        now,
    );
    node.memory.start_failures = node.memory.start_failures.saturating_add(1);
    node.memory.retry_at = Some(retry_at(node.memory.start_failures, now));
    node.memory.last_error = Some(format!("did not answer {delay} s after its start"));
}

fn run(node: &mut Node, now: Timestamp) {
    enter(node, State::Running, now);
    forget_failures(node);
}

/// Not on every answer: a node that runs and could not be upgraded is passed over like one that will not start.
fn forget_failures(node: &mut Node) {
    if node.memory.start_failures > 0 {
        node.memory.start_failures = 0;
        node.memory.last_error = None;
    }
    node.memory.retry_at = None;
}

fn count_shunned(node: &mut Node, sighting: &Sighting, policy: &Policy) {
    let limit = policy.shunned.filter(|_| node.state == State::Running);
    let Some(limit) = limit else {
        node.memory.shunned = 0;
        return;
    };
    if let Answer::Up(reading) = &sighting.answer
        && let Some(figures) = &reading.figures
    {
        node.memory.shunned = if figures.shunned >= limit {
            node.memory.shunned.saturating_add(1)
        } else {
            0
        };
    }
}

fn enter(node: &mut Node, state: State, now: Timestamp) {
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
