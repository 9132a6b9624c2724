//! The three ports of a node.

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
