//! Questions about one node that decide which work it needs.

use crate::colony::{Node, NodeState, Timestamp, Version};

use super::policy::Policy;

/// A node is hung, or shunned, after this many such surveys in a row.
pub const SURVEYS_IN_A_ROW: u32 = 3;

/// The longest time between two attempts after a failure, in seconds.
pub(super) const LONGEST_RETRY_DELAY_S: i64 = 60 * 60;

/// Whether the process of a node lives and the node does not answer. Such a node stays RUNNING and is reported. It is
/// restarted after the stopped nodes are started and before new nodes are added. It never counts as stopped, because
/// stopped nodes are the first that a full disk removes.
#[must_use]
pub fn is_hung(node: &Node) -> bool {
    node.state == NodeState::Running && node.memory.silent >= SURVEYS_IN_A_ROW
}

/// Whether a node was shunned above the limit in so many surveys that it is to be replaced.
#[must_use]
pub fn is_shunned(node: &Node, policy: &Policy) -> bool {
    policy.shunned.is_some() && node.state == NodeState::Running && node.memory.shunned >= SURVEYS_IN_A_ROW
}

/// Whether the node was stopped to be removed, and `delay_remove` has passed.
#[must_use]
pub fn is_expired(node: &Node, policy: &Policy, now: Timestamp) -> bool {
    node.state == NodeState::Removing && now.since(node.since) >= policy.delays.remove
}

/// Whether an upgrade would act on the node: it runs, is older than the binary, and its last upgrade did not just fail.
pub(super) fn is_upgradable(node: &Node, binary: Option<&Version>, now: Timestamp) -> bool {
    node.state == NodeState::Running && is_outdated(node, binary) && is_due(node, now)
}

/// Whether the node may be started now: it is stopped, and neither a failed start nor repeated pressure delays it.
pub(super) fn is_startable(node: &Node, policy: &Policy, now: Timestamp) -> bool {
    let is_waiting = is_paused(node) && paused_until(node, policy).is_some_and(|until| now < until);
    node.state == NodeState::Stopped && is_due(node, now) && !is_waiting
}

/// Whether pressure stopped the node.
pub(super) fn is_paused(node: &Node) -> bool {
    node.state == NodeState::Stopped && node.memory.pressure_stopped_at == Some(node.since)
}

/// Until when a node is not started that pressure stopped several times lately: twice `delay_remove` after the second
/// stop, then 4, 8, 16 and at most 24 times.
pub(super) fn paused_until(node: &Node, policy: &Policy) -> Option<Timestamp> {
    let times = match node.memory.pressure_stops {
        0 | 1 => return None,
        2..=5 => 1_i64 << (node.memory.pressure_stops - 1),
        _ => 24,
    };
    let wait = policy.delays.remove.saturating_mul(times);
    Some(node.memory.pressure_stopped_at?.plus(wait))
}

/// Whether a running node has settled so recently that another one is stopped instead, if there is one.
pub(super) fn is_fresh(node: &Node, now: Timestamp) -> bool {
    const FRESH_S: i64 = 15 * 60;
    (0..FRESH_S).contains(&now.since(node.since))
}

/// Whether a running node is skipped when nodes are stopped, because its last stop failed. The retry time of an outdated
/// node belongs to its upgrade, and that of a node that has not answered yet to its start.
pub(super) fn is_kept_up(node: &Node, binary: Option<&Version>, now: Timestamp) -> bool {
    node.state == NodeState::Running && !is_due(node, now) && !is_outdated(node, binary) && has_answered(node)
}

/// Whether the node waits for another upgrade because its last one failed or changed nothing.
pub(super) fn is_kept_old(node: &Node, binary: Option<&Version>, now: Timestamp) -> bool {
    node.state == NodeState::Running && is_outdated(node, binary) && !is_due(node, now)
}

/// Whether the node is known to be older than the binary. An unknown version is neither older nor newer.
pub(super) fn is_outdated(node: &Node, binary: Option<&Version>) -> bool {
    match (&node.version, binary) {
        (Some(version), Some(binary)) => version.is_older_than(binary),
        _ => false,
    }
}

/// Whether the delay after a failure is over. A retry time further ahead than the longest delay is ignored: the clock
/// was set back.
pub(super) fn is_due(node: &Node, now: Timestamp) -> bool {
    let due = |retry_at: Timestamp| retry_at <= now || retry_at.since(now) > LONGEST_RETRY_DELAY_S;
    node.memory.retry_at.is_none_or(due)
}

/// Whether the node has answered since it entered its state.
pub(super) fn has_answered(node: &Node) -> bool {
    node.memory.last_seen.is_some_and(|seen| seen >= node.since)
}
