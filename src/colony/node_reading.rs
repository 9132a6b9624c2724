//! The results of surveying a node.

use super::{NodeFigures, ProcessStatus, Version};

/// The answer of a node that is up.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeReading {
    /// From `/metadata`; or the known version, if `/metrics` proved that the node has not restarted.
    pub version: Version,
    /// From the same source as `version`.
    pub peer_id: Option<String>,
    /// None if only `/metadata` answered: then the stored figures are kept.
    pub figures: Option<NodeFigures>,
}

/// The answer of one node to one survey.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It answered with a version.
    Up(Box<NodeReading>),
    /// The node's process runs, and its metrics port answered with another peer ID although its identity file is the same.
    OtherPeer(String),
    /// The node has no process: its metrics port was answered by another program, with this peer ID if it told one.
    OtherProcess(Option<String>),
    /// The connection was refused, or the program on its port is not antnode.
    Down,
    /// It accepted the connection and did not answer in time, or could not be queried: its state is unknown.
    Silent,
    /// Not queried, because it is disabled.
    Unasked,
}

/// The observation of one node in one survey.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeObservation {
    pub answer: Answer,
    /// Whether its root directory exists.
    pub has_root: bool,
    /// Its process; only read if the node is silent.
    pub process: Option<ProcessStatus>,
}
