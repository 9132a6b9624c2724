//! What a node answers when it is asked how it is.

use super::{ProcessStatus, Version};

/// The figures of `/metrics`, scaled as they are stored. None is negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFigures {
    /// Seconds.
    pub uptime: i64,
    pub records: i64,
    pub shunned: i64,
    pub connected_peers: i64,
    pub gets: i64,
    pub puts: i64,
    /// Megabytes x 100.
    pub mem: i64,
    /// Percent x 100.
    pub cpu: i64,
    pub open_connections: i64,
    pub total_peers: i64,
    pub bad_peers: i64,
    pub rel_records: i64,
    pub max_records: i64,
    /// Atto tokens, as text: they pass 64 bits.
    pub rewards: String,
    pub payment_count: i64,
    pub live_time: i64,
    pub network_size: i64,
    /// Peers that ever shunned it, of whatever group.
    pub shunned_total: i64,
    /// Of its close group, those included that have left it.
    pub shunned_by_old: i64,
}

impl Default for NodeFigures {
    fn default() -> NodeFigures {
        NodeFigures {
            uptime: 0,
            records: 0,
            shunned: 0,
            connected_peers: 0,
            gets: 0,
            puts: 0,
            mem: 0,
            cpu: 0,
            open_connections: 0,
            total_peers: 0,
            bad_peers: 0,
            rel_records: 0,
            max_records: 0,
            rewards: "0".to_owned(),
            payment_count: 0,
            live_time: 0,
            network_size: 0,
            shunned_total: 0,
            shunned_by_old: 0,
        }
    }
}

/// What a node that is up said.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReading {
    /// From `/metadata`; or the version known before, when `/metrics` proved that it has not restarted since.
    pub version: Version,
    /// As `version`.
    pub peer_id: Option<String>,
    /// None when `/metadata` answered and `/metrics` did not: the stored figures then stand.
    pub figures: Option<NodeFigures>,
}

/// How one node answered one survey.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It gave a version.
    Up(Box<NodeReading>),
    /// Refused, or what answers is no antnode.
    Down,
    /// It took the connection and was mute, or its turn never came. We do not know.
    Silent,
    /// Not asked: a disabled node.
    Unasked,
}

/// All that one survey saw of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeObservation {
    pub answer: Answer,
    /// Whether its root directory is there.
    pub rooted: bool,
    /// Its process; looked at only for nodes that are silent.
    pub process: Option<ProcessStatus>,
}
