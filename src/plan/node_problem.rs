//! What is wrong with a node, as far as its row shows it.

use std::collections::BTreeSet;

use strum::{EnumIter, IntoStaticStr};

use crate::colony::{Node, NodeId, NodeState, Timestamp, Version};

use super::node_checks::SURVEYS_IN_A_ROW;

/// A kind of problem, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NodeProblem {
    /// Its process is gone although wnm did not stop it, or its directory is missing.
    Down,
    /// Its last starts failed.
    CrashLooping,
    /// It did not answer the last survey.
    Silent,
    /// It runs and is connected to no peer.
    NoPeers,
    /// Too many peers of its close group shun it.
    Shunned,
    /// It received nothing in a day while other nodes of the colony did.
    NotEarning,
    /// It is older than the antnode for new nodes.
    Outdated,
}

/// What decides whether something is a problem.
#[derive(Clone, Copy, Debug)]
pub struct ProblemContext<'a> {
    /// The version of the antnode for new nodes.
    pub newest: Option<&'a Version>,
    /// Nodes that wnm or the operator stopped.
    pub stopped_on_purpose: &'a BTreeSet<NodeId>,
    /// The number of shuns from which a node is shunned; 0: the default.
    pub shunned_limit: i64,
    /// Whether some node of the colony received something.
    pub has_earners: bool,
    pub now: Timestamp,
}

/// So many starts in a row that failed are a crash loop.
const FAILED_STARTS: u32 = 3;
/// A node finds peers within seconds; after ten minutes there is something wrong.
const PEERS_AFTER_S: i64 = 600;
/// A close group has about seven peers; if three of them shun the node, it loses its records.
const SHUNNED_BY: i64 = 3;
const DAY_S: i64 = 24 * 60 * 60;

impl NodeProblem {
    /// The problem in words, after a number of nodes.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            NodeProblem::Down => "down",
            NodeProblem::CrashLooping => "crash-looping",
            NodeProblem::Silent => "silent",
            NodeProblem::NoPeers => "without peers",
            NodeProblem::Shunned => "shunned",
            NodeProblem::NotEarning => "not earning",
            NodeProblem::Outdated => "older than the binary",
        }
    }
}

impl ProblemContext<'_> {
    /// The problems of a node, the worst first.
    #[must_use]
    pub fn problems_of(&self, node: &Node) -> Vec<NodeProblem> {
        let is_up = node.state == NodeState::Running;
        let answers = is_up && node.memory.silent == 0;
        let figures = &node.figures;
        let limit = match self.shunned_limit {
            1.. => self.shunned_limit,
            _ => SHUNNED_BY,
        };
        let is_outdated = match (&node.version, self.newest) {
            (Some(version), Some(newest)) => version.is_older_than(newest),
            _ => false,
        };
        let is_down = match node.state {
            NodeState::Dead => true,
            NodeState::Stopped => !self.stopped_on_purpose.contains(&node.id),
            _ => false,
        };
        let is_crashing = node.memory.start_failures >= FAILED_STARTS && node.state != NodeState::Disabled;
        [
            (NodeProblem::Down, is_down),
            (NodeProblem::CrashLooping, is_crashing),
            (NodeProblem::Silent, is_up && node.memory.silent > 0),
            (
                NodeProblem::NoPeers,
                answers && figures.connected_peers == 0 && figures.uptime >= PEERS_AFTER_S,
            ),
            (NodeProblem::Shunned, answers && figures.shunned >= limit),
            (
                NodeProblem::NotEarning,
                answers && self.has_earners && figures.uptime >= DAY_S && !has_received(node),
            ),
            (NodeProblem::Outdated, is_up && is_outdated),
        ]
        .into_iter()
        .filter_map(|(problem, is_so)| is_so.then_some(problem))
        .collect()
    }

    /// The problem of a node in words; None if it has none.
    #[must_use]
    pub fn describe(&self, node: &Node) -> Option<String> {
        let memory = &node.memory;
        let worst = self.problems_of(node).into_iter().next();
        let text = match worst {
            Some(NodeProblem::Down) if node.state == NodeState::Dead => "its directory is missing".to_owned(),
            Some(NodeProblem::Down | NodeProblem::CrashLooping) => memory
                .last_error
                .clone()
                .unwrap_or_else(|| "its process has ended".to_owned()),
            Some(NodeProblem::Silent) if memory.silent >= SURVEYS_IN_A_ROW => {
                format!("hung: no answer to {} surveys", memory.silent)
            }
            Some(NodeProblem::Silent) => format!("no answer to {} surveys", memory.silent),
            _ if memory.last_error.is_some() => memory.last_error.clone()?,
            Some(NodeProblem::NoPeers) => "no peers".to_owned(),
            Some(NodeProblem::Shunned) => format!("shunned by {} peers", node.figures.shunned),
            Some(NodeProblem::NotEarning) => "received nothing in a day".to_owned(),
            Some(NodeProblem::Outdated) => format!("older than {}", self.newest?),
            None => return None,
        };
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Whether the node received or delivered something since its process began.
#[must_use]
pub fn has_received(node: &Node) -> bool {
    let figures = &node.figures;
    figures.gets > 0 || figures.puts > 0 || figures.payment_count > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::{NOW, nodes};

    fn found(change: impl Fn(&mut Node)) -> Vec<NodeProblem> {
        let mut node = nodes(&[NodeState::Running]).remove(0);
        node.version = Some(Version::new("0.4.17"));
        node.figures.connected_peers = 5;
        node.figures.puts = 1;
        node.figures.uptime = 2 * DAY_S;
        change(&mut node);
        let newest = Version::new("0.4.17");
        let context = ProblemContext {
            newest: Some(&newest),
            stopped_on_purpose: &BTreeSet::from([NodeId(7)]),
            shunned_limit: 0,
            has_earners: true,
            now: NOW,
        };
        assert_eq!(
            context.describe(&node).is_some(),
            !context.problems_of(&node).is_empty()
        );
        context.problems_of(&node)
    }

    #[test]
    fn each_problem_is_found_alone() {
        use NodeProblem::{CrashLooping, Down, NoPeers, NotEarning, Outdated, Shunned, Silent};
        assert_eq!(found(|_| {}), []);
        assert_eq!(found(|node| node.state = NodeState::Stopped), [Down]);
        assert_eq!(found(|node| node.state = NodeState::Dead), [Down]);
        assert_eq!(
            found(|node| (node.state, node.id) = (NodeState::Stopped, NodeId(7))),
            [],
            "it was stopped on purpose"
        );
        assert_eq!(found(|node| node.memory.start_failures = 3), [CrashLooping]);
        assert_eq!(found(|node| node.memory.silent = 1), [Silent]);
        assert_eq!(found(|node| node.figures.connected_peers = 0), [NoPeers]);
        assert_eq!(found(|node| node.figures.shunned = 3), [Shunned]);
        assert_eq!(found(|node| node.figures.puts = 0), [NotEarning]);
        assert_eq!(
            found(|node| node.version = Some(Version::new("0.4.16"))),
            [Outdated]
        );
        assert_eq!(found(|node| node.state = NodeState::Disabled), []);
        assert_eq!(
            found(|node| (node.figures.connected_peers, node.figures.uptime) = (0, 60)),
            [],
            "it has just started"
        );
    }
}
