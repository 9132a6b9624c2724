//! What the operator wants, in the terms a decision needs.

use std::path::PathBuf;

use crate::colony::{ManagerKind, Timestamp};

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
}
