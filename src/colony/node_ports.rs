//! The three ports of a node.

use std::fmt;

/// The ports of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodePorts {
    /// Where the network reaches it, UDP.
    pub node: u16,
    /// Where it answers `/metadata` and `/metrics`.
    pub metrics: u16,
    /// Kept for antctl, which has an RPC port a node.
    pub rpc: u16,
}

/// A port that another program uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusyPort {
    pub port: u16,
    /// The program, or its account; None if the system does not tell.
    pub program: Option<String>,
}

/// `55002 (used by `python3` (PID 4711))`.
impl fmt::Display for BusyPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => write!(f, "{} (used by {program})", self.port),
            None => write!(f, "{}", self.port),
        }
    }
}
