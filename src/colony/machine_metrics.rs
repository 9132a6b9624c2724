//! The figures of the machine and its nodes on which decisions are based.

use super::{Rates, Timestamp, Version, WaitShares};

/// STOPPED nodes that pressure stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PausedNodes {
    pub all: i64,
    /// Those that may be started now, if the machine has room for them.
    pub startable: i64,
    /// Those that wait, because pressure stopped them several times lately, and until when the first of them waits.
    pub waiting: i64,
    pub until: Option<Timestamp>,
    /// Those that pressure stopped an hour ago or earlier, or three times lately.
    pub lasting: i64,
}

/// What the RUNNING nodes themselves use, in percent of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnUse {
    pub cpu: f64,
    pub memory: f64,
}

/// The figures at one time, with the names of the machine-metrics report. A figure that is not known is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// The boot time of the machine.
    pub system_start: Timestamp,
    pub total_nodes: i64,
    pub running_nodes: i64,
    pub stopped_nodes: i64,
    pub restarting_nodes: i64,
    pub upgrading_nodes: i64,
    pub migrating_nodes: i64,
    pub removing_nodes: i64,
    pub dead_nodes: i64,
    /// RUNNING nodes that exceeded the limit of shuns in three surveys in a row.
    pub shunned_nodes: i64,
    /// The version of the binary for new nodes; None if there is none.
    pub antnode_version: Option<Version>,
    /// The version of the first node.
    pub queen_node_version: Option<Version>,
    pub nodes_no_version: i64,
    /// Nodes in any state whose version differs from that of the binary.
    pub nodes_to_upgrade: i64,
    /// Those of `nodes_to_upgrade` that an upgrade would act on: RUNNING and older than the binary. None: all of them.
    pub upgradable_nodes: Option<i64>,
    /// STOPPED nodes that may be started now, which no failed start delays. None: all stopped nodes.
    pub startable_nodes: Option<i64>,
    /// RUNNING nodes that did not answer in three surveys although their processes run, and that may be restarted now.
    pub hung_nodes: i64,
    /// All RUNNING nodes that did not answer in three surveys although their processes run.
    pub mute_nodes: i64,
    /// RESTARTING and UPGRADING nodes that have not answered since they were started.
    pub unanswered_nodes: i64,
    /// RESTARTING nodes that were started together last.
    pub last_group: i64,
    /// STOPPED nodes that pressure stopped.
    pub paused: PausedNodes,
    /// What the nodes themselves use; None if they do not report it.
    pub own: Option<OwnUse>,
    /// Rates over a quarter of an hour; None if they are not known.
    pub sustained: Option<Rates>,
    /// How much of the time since the last survey programs waited.
    pub waits: WaitShares,
    pub load_average_1: f64,
    pub load_average_5: f64,
    pub load_average_15: f64,
    /// Percent.
    pub used_cpu_percent: f64,
    pub used_mem_percent: f64,
    pub used_hd_percent: f64,
    /// `used_hd_percent` is that of the inodes, and not of the bytes.
    pub are_inodes_scarcer: bool,
    /// Bytes per second.
    pub hdio_write_bytes: f64,
    pub hdio_read_bytes: f64,
    pub netio_write_bytes: f64,
    pub netio_read_bytes: f64,
}
