//! The machine and its colony in figures: what a decision looks at.

use super::{Timestamp, Version};

/// Machine and colony at one moment, named as in the machine-metrics report.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// When the machine was booted.
    pub system_start: Timestamp,
    pub total_nodes: i64,
    pub running_nodes: i64,
    pub stopped_nodes: i64,
    pub restarting_nodes: i64,
    pub upgrading_nodes: i64,
    pub migrating_nodes: i64,
    pub removing_nodes: i64,
    pub dead_nodes: i64,
    /// RUNNING nodes that were shunned beyond the limit for three surveys in a row.
    pub shunned_nodes: i64,
    /// Of the binary new nodes are made from; None when there is none.
    pub antnode_version: Option<Version>,
    /// Of the first node.
    pub queen_node_version: Option<Version>,
    pub nodes_no_version: i64,
    /// Nodes whose version is not the binary's, in whatever state.
    pub nodes_to_upgrade: i64,
    /// Of these, those an upgrade would really take: RUNNING and older than the binary. None: as many.
    pub upgradable_nodes: Option<i64>,
    /// STOPPED nodes that may be started now: not those passed over after a failed start. None: all stopped.
    pub startable_nodes: Option<i64>,
    /// RUNNING nodes that were silent for three surveys although their processes live, and may be restarted now.
    pub hung_nodes: i64,
    pub load_average_1: f64,
    pub load_average_5: f64,
    pub load_average_15: f64,
    /// Percent.
    pub used_cpu_percent: f64,
    pub used_mem_percent: f64,
    pub used_hd_percent: f64,
    /// Bytes a second.
    pub hdio_write_bytes: f64,
    pub hdio_read_bytes: f64,
    pub netio_write_bytes: f64,
    pub netio_read_bytes: f64,
}
