//! What the operator wants, in the terms a decision needs.

use std::path::PathBuf;

use crate::colony::{ManagerKind, NodeId, Timestamp};

/// Add below `add`, remove above `remove`; `add < remove`, checked where settings are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    pub add: f64,
    pub remove: f64,
}

/// How many operations may be under way at once; each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// All kinds together.
    pub operations: i64,
    pub starts: i64,
    pub upgrades: i64,
    pub removals: i64,
}

/// How long a node is left alone after an operation, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    pub start: i64,
    pub upgrade: i64,
    pub remove: i64,
}

/// The policy of a colony. Made from Settings; knows no Settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How many nodes the colony may have.
    pub cap: i64,
    /// Percent.
    pub cpu: Threshold,
    pub memory: Threshold,
    pub disk: Threshold,
    /// Applies to each of the three load averages.
    pub load: Threshold,
    /// Bytes a second, read and write, as the peer names them; a pair is watched when its four limits sum to more than 1.
    pub hdio: [Threshold; 2],
    pub netio: [Threshold; 2],
    pub quotas: Quotas,
    pub delays: Delays,
    /// When a node was last stopped for pressure, or the reboot last noticed.
    pub last_stopped_at: Timestamp,
    /// Whether wnm upgrades nodes.
    pub upgrades: bool,
    /// Remove a node that is shunned at least so often for three surveys; None: never.
    pub shunned: Option<i64>,
    /// How its nodes came to it; None: they are its own.
    pub takeover: Option<TakeoverPolicy>,
}

/// Nodes that another manager had until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeoverPolicy {
    pub at: Timestamp,
    /// Whether a survey has found every node as it was taken over.
    pub is_confirmed: bool,
}

impl Policy {
    /// The same with a cap that leaves room for `unread` rows beside `nodes`: each may stand for a node. Never so
    /// low that a node would have to go for it.
    #[must_use]
    pub fn leaving_room(mut self, unread: usize, nodes: usize) -> Policy {
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let left = self.cap.saturating_sub(whole(unread)).max(whole(nodes));
        self.cap = self.cap.min(left);
        self
    }
}

/// What new nodes are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub manager: ManagerKind,
    /// Thousands: a port is `start * 1000 + id`.
    pub port_start: u32,
    pub metrics_port_start: u32,
    pub rpc_port_start: u32,
    /// Holds one folder a node.
    pub storage: PathBuf,
    /// Holds one log folder a node.
    pub logs: PathBuf,
    pub host: String,
    /// In whose name nodes run.
    pub user: String,
    pub network: String,
    pub environment: String,
    /// Ids up to this are never given again (antctl keeps the ports of removed nodes); None: any free id.
    pub highest_id_used: Option<u32>,
    /// Ids of rows that cannot be read: none is given to a new node.
    pub reserved: Vec<NodeId>,
    /// Ports that no new node may have, beside those of the colony's nodes: antctl keeps those of removed ones.
    pub reserved_ports: Vec<u16>,
}

#[cfg(test)]
mod tests {
    use crate::plan::fixtures::policy;

    #[test]
    fn rows_that_cannot_be_read_take_room_and_never_a_node() {
        let cap = |cap, unread, nodes| {
            let mut policy = policy();
            policy.cap = cap;
            policy.leaving_room(unread, nodes).cap
        };
        assert_eq!(cap(5, 0, 3), 5);
        assert_eq!(cap(5, 1, 3), 4);
        assert_eq!(cap(5, 3, 4), 4, "no node goes for them");
        assert_eq!(cap(5, 1, 7), 5, "the operator's cap is kept");
        assert_eq!(cap(0, usize::MAX, 0), 0);
    }
}
