//! The id, the name and the service name of a node.

use std::fmt;

/// The id of a node in its colony; starts at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A node's name, stored in `node_name`: `0001` for a new node, or the original name of an imported one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub String);

impl NodeName {
    /// The name of a new node with this id: four digits, or five from 10000.
    #[must_use]
    pub fn of(id: NodeId) -> NodeName {
        NodeName(format!("{:04}", id.0))
    }

    /// The name with its prefix: `antnode0001`. A name that already has it, as antctl's `antnode3`, is unchanged.
    #[must_use]
    pub fn full(&self) -> String {
        if self.0.starts_with("antnode") {
            self.0.clone()
        } else {
            format!("antnode{}", self.0)
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a node's service: a systemd unit, a launchd label, or the name that antctl chose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(pub String);

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
