//! The three ports of a node.

use std::fmt;

/// The ports of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodePorts {
    /// For the network, UDP.
    pub node: u16,
    /// For `/metadata` and `/metrics`, TCP.
    pub metrics: u16,
    /// Only used by antctl, which needs an RPC port for each node.
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
