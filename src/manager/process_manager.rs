//! What every process manager can do, and what it reports of a node that it made.

use std::path::PathBuf;

use crate::colony::{Binary, Node, NodeId, NodePaths, NodePorts, ProcessStatus, ServiceName, Version};

use super::error::ManagerError;
use super::files::refuse_mounts;
use super::leftovers::Leftover;

/// Runs node processes on this machine, and does nothing else: it keeps no records, opens no ports, queries no
/// metrics and decides nothing.
///
/// Every method is idempotent: a request that is already fulfilled succeeds. No method waits until a node answers;
/// the next survey finds that out.
pub trait ProcessManager {
    /// Makes the node's directories, puts `binary` into its root and writes its service; starts nothing.
    /// Returns what the node became: most managers do what the row requests, antctl chooses for itself.
    ///
    /// For a node that it made before, even in a run that was killed, it makes no second one.
    /// When it fails it leaves nothing behind, unless the error is [`ManagerError::NotRemoved`].
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError>;

    /// Starts nodes and watches all of them together for a moment; returns one result for each, in their order.
    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>>;

    /// Stops nodes, first with SIGTERM, then with SIGKILL; returns one result for each, in their order.
    /// A node without a process counts as stopped.
    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>>;

    /// Replaces the node's binary with `new` by a rename and leaves the node running it. If `new` does not start, it
    /// puts the old binary back, starts the node again and returns an error.
    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError>;

    /// Stops nodes and deletes their services, data and logs; returns the nodes that could not be removed whole.
    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)>;

    /// The process status of each node, in their order, by one call of the manager's tool.
    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError>;

    /// Checks that the manager's tool answers a run that has these environment variables and no others.
    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError>;

    /// Every node that this manager knows, running or not. Only `--init` calls this: afterwards the database counts.
    fn discover(&self) -> Result<Vec<Node>, ManagerError>;

    fn start(&self, node: &Node) -> Result<(), ManagerError> {
        self.start_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn stop(&self, node: &Node) -> Result<(), ManagerError> {
        self.stop_many(&[node]).pop().unwrap_or(Ok(()))
    }

    /// Upgrades nodes as [`ProcessManager::upgrade`] does, together if it can; returns one result for each, in their order.
    fn upgrade_many(&self, nodes: &[&Node], new: &Binary) -> Vec<Result<(), ManagerError>> {
        nodes.iter().map(|node| self.upgrade(node, new)).collect()
    }

    /// Removes nodes, together if it can; returns the nodes that could not be removed whole.
    fn remove_many(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let removed = |node: &Node| Some((node.id, self.remove(node).err()?));
        nodes.iter().filter_map(removed).collect()
    }

    fn remove(&self, node: &Node) -> Result<(), ManagerError> {
        match self.teardown(std::slice::from_ref(node)).pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// An error if [`ProcessManager::remove`] would refuse to delete the node's directories.
    fn check_removal(&self, node: &Node) -> Result<(), ManagerError> {
        refuse_mounts(node)
    }

    /// Ports that this manager gives to no new node, even if no node uses them.
    fn reserved_ports(&self) -> Result<Vec<u16>, ManagerError> {
        Ok(Vec::new())
    }

    /// Files and directories that have a node's number in their names, where this manager would make new ones. Empty
    /// for a manager that numbers nodes itself.
    fn leftovers(&self) -> Vec<Leftover> {
        Vec::new()
    }

    /// Those of `nodes` whose rows contain what was requested instead of what the manager made, with the right values.
    fn outdated_rows(&self, _nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        Vec::new()
    }

    /// Has the manager's tool read what was defined and removed since it last did. Called at the end of a plan.
    fn reload_definitions(&self) -> Result<(), ManagerError> {
        Ok(())
    }
}

/// What a node became when its manager made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedNode {
    /// The name of its service.
    pub service: ServiceName,
    pub home: NodePaths,
    pub ports: NodePorts,
    /// The version of its binary.
    pub version: Option<Version>,
}

impl DefinedNode {
    /// The node as its row requests it, with the service name `service`.
    #[must_use]
    pub fn as_requested(node: &Node, service: String) -> DefinedNode {
        DefinedNode {
            service: ServiceName(service),
            home: node.home.clone(),
            ports: node.ports,
            version: node.version.clone(),
        }
    }

    /// The node as its row has it, but with this log directory; without one it logs into its root.
    #[must_use]
    pub fn with_logs(node: &Node, logs: Option<PathBuf>) -> DefinedNode {
        let mut defined = DefinedNode::as_requested(node, node.service.0.clone());
        defined.home.logs = Some(logs.unwrap_or_else(|| node.logs()));
        defined
    }

    /// Writes these values into the node.
    pub fn apply_to(self, node: &mut Node) {
        node.service = self.service;
        node.home = self.home;
        node.ports = self.ports;
        node.version = self.version;
    }
}

/// Stops `nodes` and deletes every node that was stopped; returns the nodes that could not be stopped or not be deleted.
/// A node whose deletion is refused is not even stopped.
pub(super) fn stop_and_delete(
    nodes: &[Node],
    stop: impl FnOnce(&[&Node]) -> Vec<Result<(), ManagerError>>,
    delete: impl Fn(&Node) -> Result<(), ManagerError>,
) -> Vec<(NodeId, ManagerError)> {
    let mut failed = Vec::new();
    let mut accepted = Vec::new();
    for node in nodes {
        match refuse_mounts(node) {
            Ok(()) => accepted.push(node),
            Err(error) => failed.push((node.id, error)),
        }
    }
    if accepted.is_empty() {
        return failed;
    }
    for (stopped, node) in stop(&accepted).into_iter().zip(accepted) {
        if let Err(error) = stopped.and_then(|()| delete(node)) {
            failed.push((node.id, error));
        }
    }
    failed
}
