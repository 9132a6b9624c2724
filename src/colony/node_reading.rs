//! What a node answers when it is asked how it is.

use super::{NodeFigures, ProcessStatus, Version};

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
