//! Process managers: the tools that run nodes.

use crate::colony::{Binary, Node, NodeId, Process, ServiceName};

/// What a manager could not do.
#[derive(Debug)]
pub enum Error {}

/// Runs node processes on this machine, and nothing else: it keeps no records, opens no ports,
/// asks no node how it is, and decides nothing.
///
/// Every method is idempotent: asking for what is already so is success. None waits for a node to be
/// up; the next survey tells that.
pub trait ProcessManager {
    /// Makes the node's folders, links `binary` into its home, writes its service; starts nothing.
    /// Returns the name by which this manager knows it from now on.
    fn define(&self, node: &Node, binary: &Binary) -> Result<ServiceName, Error>;
    /// Starts the process. Definitions made since the last start are announced once, not one by one.
    fn start(&self, node: &Node) -> Result<(), Error>;
    /// Stops the process, kindly and then firmly. A node that is not there is stopped.
    fn stop(&self, node: &Node) -> Result<(), Error>;
    /// Puts `new` in the place of the node's binary by rename and leaves the node running it. If `new`
    /// will not start, the old binary is back, the node runs, and the error says so.
    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), Error>;
    /// Stops the process and erases service, data and logs; says what is left if not all went.
    fn remove(&self, node: &Node) -> Result<(), Error>;
    /// The processes of all of `nodes`, in their order, by one call to the manager.
    fn inspect(&self, nodes: &[Node]) -> Result<Vec<Process>, Error>;
    /// Every node this manager knows, up or down. For init alone: after that the store is the truth.
    fn discover(&self) -> Result<Vec<Node>, Error>;
    /// Removes all of `nodes`; returns those that would not go.
    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, Error)> {
        nodes
            .iter()
            .filter_map(|node| self.remove(node).err().map(|error| (node.id, error)))
            .collect()
    }
}
