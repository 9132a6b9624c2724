//! A node that was removed, and whose identity is kept so that it can be restored.

use super::{NodeId, NodePorts, ServiceName, Timestamp, Version};

/// What is recorded beside the identity of a removed node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedNode {
    /// The name of its directory in `BASE_DIR/removed`.
    pub directory: String,
    /// The ID of the node.
    pub id: NodeId,
    /// `antnode0001`, also where the process manager used another name.
    pub full_name: String,
    pub service: ServiceName,
    pub ports: NodePorts,
    pub peer_id: Option<String>,
    pub wallet: Option<String>,
    pub network: String,
    pub version: Option<Version>,
    /// The process manager of the node, by its name.
    pub manager: String,
    pub removed_at: Timestamp,
    /// Why the node was removed.
    pub reason: String,
}

impl RemovedNode {
    /// Whether `name` means this node: its service name, its peer ID, or the name of its directory.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let bare = |text: &str| text.strip_suffix(".service").unwrap_or(text).to_owned();
        let name = bare(name.trim());
        name == self.full_name
            || name == bare(&self.service.0)
            || name == self.directory
            || self.peer_id.as_ref() == Some(&name)
    }
}
