//! The names of a node: its number, its name and what its manager calls it.

use std::fmt;

/// The number of a node in its colony, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A node's name as stored in `node_name`: `0001` for a new one, or what it was called where it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(pub String);

impl NodeName {
    /// The name a new node with this id gets: four digits, more from 10000 on.
    #[must_use]
    pub fn of(id: NodeId) -> NodeName {
        NodeName(format!("{:04}", id.0))
    }

    /// The name with its family: `antnode0001`. A name that has it already (antctl's `antnode3`) stays as it is.
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

/// The name by which a node's manager knows it: a systemd unit, a launchd label, antctl's own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(pub String);

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
