//! The limits, quotas and delays that decisions use, and the template of new nodes.

use std::path::PathBuf;

use crate::colony::{ManagerKind, NodeId, Timestamp};

/// Nodes are added below `add` and removed above `remove`. The settings are checked for `add < remove`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    pub add: f64,
    pub remove: f64,
}

/// The numbers of operations that may be in progress at once; each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// All operations together.
    pub operations: i64,
    pub starts: i64,
    pub upgrades: i64,
    pub removals: i64,
    /// Starts of stopped nodes, if the operator set a quota himself. None: their pace follows the machine.
    pub restarts: Option<i64>,
}

/// The time that a node needs to settle after an operation, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    pub start: i64,
    pub upgrade: i64,
    pub remove: i64,
    /// Whether the operator set `start` himself: then a stopped node is started only when no started node settles.
    pub is_start_set: bool,
}

/// The policy of a colony, made from its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// The maximum number of nodes.
    pub cap: i64,
    /// Percent.
    pub cpu: Threshold,
    pub memory: Threshold,
    pub disk: Threshold,
    /// Applies to each of the three load averages.
    pub load: Threshold,
    /// Bytes per second, read and write. As in the peer, a pair applies only if its four limits sum to more than 1.
    pub hdio: [Threshold; 2],
    pub netio: [Threshold; 2],
    pub quotas: Quotas,
    pub delays: Delays,
    /// The time of the last stop because of pressure, or of the last detected reboot.
    pub last_stopped_at: Timestamp,
    /// Whether wnm upgrades nodes.
    pub upgrades: bool,
    /// A node that is shunned this many times in three surveys is removed; None: never.
    pub shunned: Option<i64>,
    /// Whether pressure removes nodes while upgrades are pending. Otherwise it only stops them.
    pub remove_for_upgrade: bool,
    /// The takeover of the nodes from another manager; None if there was none.
    pub takeover: Option<TakeoverPolicy>,
}

/// A takeover of nodes from another manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeoverPolicy {
    pub at: Timestamp,
    /// Whether a survey has confirmed the state of every node.
    pub is_confirmed: bool,
}

impl Policy {
    /// Lowers the cap by `unread` rows, because each may stand for a node; never below `nodes`, so that no node is
    /// removed because of it.
    #[must_use]
    pub fn with_room_for(mut self, unread: usize, nodes: usize) -> Policy {
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let left = self.cap.saturating_sub(whole(unread)).max(whole(nodes));
        self.cap = self.cap.min(left);
        self
    }
}

/// The values that new nodes share.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub manager: ManagerKind,
    /// In thousands: a port is `start * 1000 + id`.
    pub port_start: u32,
    pub metrics_port_start: u32,
    pub rpc_port_start: u32,
    /// The parent of the nodes' data directories.
    pub storage: PathBuf,
    /// The parent of the nodes' log directories.
    pub logs: PathBuf,
    pub host: String,
    /// The account that runs the nodes.
    pub user: String,
    pub network: String,
    pub environment: String,
    /// Ids up to this are not used again, because antctl keeps the ports of removed nodes; None: any free id.
    pub highest_id_used: Option<u32>,
    /// Ids that no new node gets, such as those of unreadable rows.
    pub reserved: Vec<NodeId>,
    /// Ports that no new node gets besides those in use: antctl keeps the ports of removed nodes.
    pub reserved_ports: Vec<u16>,
}

#[cfg(test)]
mod tests {
    use crate::plan::fixtures::policy;

    #[test]
    fn unreadable_rows_lower_the_cap_but_not_below_the_nodes() {
        let cap = |cap, unread, nodes| {
            let mut policy = policy();
            policy.cap = cap;
            policy.with_room_for(unread, nodes).cap
        };
        assert_eq!(cap(5, 0, 3), 5);
        assert_eq!(cap(5, 1, 3), 4);
        assert_eq!(cap(5, 3, 4), 4, "no node is removed for them");
        assert_eq!(cap(5, 1, 7), 5, "the cap of the operator stays");
        assert_eq!(cap(0, usize::MAX, 0), 0);
    }
}
