//! Pauses: what wnm does not change until a time, or until the operator resumes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{NodeId, Timestamp};

/// How long something is paused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub since: Timestamp,
    /// None: until the operator resumes it.
    pub until: Option<Timestamp>,
    pub reason: Option<String>,
}

/// The pause of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePause {
    #[serde(flatten)]
    pub pause: Pause,
    /// Whether the node was disabled for the pause, and is enabled at its end.
    pub is_stopped: bool,
}

/// Everything that is paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    pub colony: Option<Pause>,
    /// By node id.
    pub nodes: BTreeMap<u32, NodePause>,
}

impl Pause {
    /// Whether the pause has not ended.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Until when, and why: `until 2026-11-24T06:00:00Z (disk test)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let end = match self.until {
            Some(until) => format!("until {}", until.utc()),
            None => "until `wnm resume`".to_owned(),
        };
        match &self.reason {
            Some(reason) => format!("{end} ({reason})"),
            None => end,
        }
    }
}

impl Pauses {
    /// Whether nothing is paused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Pauses::default()
    }

    /// The pause of the whole colony, if it has not ended.
    #[must_use]
    pub fn of_colony(&self, now: Timestamp) -> Option<&Pause> {
        self.colony.as_ref().filter(|pause| pause.is_active(now))
    }

    /// Whether a node is paused and keeps its state.
    #[must_use]
    pub fn holds(&self, id: NodeId, now: Timestamp) -> bool {
        self.nodes
            .get(&id.0)
            .is_some_and(|node| node.pause.is_active(now))
    }

    /// Removes and returns what has ended.
    pub fn take_ended(&mut self, now: Timestamp) -> Pauses {
        let colony = self.colony.take_if(|pause| !pause.is_active(now));
        let (nodes, ended) = std::mem::take(&mut self.nodes)
            .into_iter()
            .partition(|(_, node)| node.pause.is_active(now));
        self.nodes = nodes;
        Pauses { colony, nodes: ended }
    }

    /// What is paused, in one line; None: nothing.
    #[must_use]
    pub fn describe(&self, now: Timestamp) -> Option<String> {
        if let Some(pause) = self.of_colony(now) {
            return Some(format!("paused {}", pause.describe()));
        }
        let active: Vec<(&u32, &NodePause)> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.pause.is_active(now))
            .collect();
        match active.as_slice() {
            [] => None,
            [(id, node)] => Some(format!("node {id} paused {}", node.pause.describe())),
            [(_, node), ..] => Some(format!(
                "{} nodes paused, the first {}",
                active.len(),
                node.pause.describe()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{NodePause, Pause, Pauses};
    use crate::colony::{NodeId, Timestamp};

    fn pause(until: Option<i64>) -> Pause {
        Pause {
            since: Timestamp(0),
            until: until.map(Timestamp),
            reason: None,
        }
    }

    #[test]
    fn pause_ends_at_its_time_and_not_before() {
        let mut pauses = Pauses {
            colony: Some(pause(Some(100))),
            nodes: BTreeMap::from([
                (
                    1,
                    NodePause {
                        pause: pause(Some(50)),
                        is_stopped: true,
                    },
                ),
                (
                    2,
                    NodePause {
                        pause: pause(None),
                        is_stopped: false,
                    },
                ),
            ]),
        };
        assert!(pauses.take_ended(Timestamp(49)).is_empty());
        assert!(pauses.holds(NodeId(1), Timestamp(49)));
        let ended = pauses.take_ended(Timestamp(50));
        assert_eq!(ended.nodes.keys().copied().collect::<Vec<_>>(), [1]);
        assert!(pauses.of_colony(Timestamp(99)).is_some());
        assert!(pauses.take_ended(Timestamp(100)).colony.is_some());
        assert_eq!(
            pauses.describe(Timestamp(1000)).as_deref(),
            Some("node 2 paused until `wnm resume`")
        );
    }
}
