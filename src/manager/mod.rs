//! Process managers: the tools that run nodes.
//!
//! What a node is made of stands in [`launch`] and [`premises`], once for all of them; a manager adds how its
//! tool is told.

pub mod antctl;
pub mod binary_store;
pub mod discovered_node;
pub mod error;
pub mod file_tools;
pub mod files;
pub mod installed_unit;
pub mod launch_command;
pub mod launchd;
pub mod leftovers;
pub mod node_args;
pub mod node_layout;
mod ownership;
pub mod process_scan;
pub mod setsid;
pub mod systemctl;
pub mod systemd;
pub mod unit_file;
mod upgrade_commit;

pub use error::ManagerError;
pub use launch_command::{AntctlPolicy, LaunchPolicy};
pub use leftovers::Leftover;

use std::path::PathBuf;

use crate::colony::{
    Binary, ManagerKind, Mode, Node, NodeId, NodePaths, NodePorts, ProcessStatus, ServiceName, Tool, Version,
};

/// Runs node processes on this machine, and nothing else: it keeps no records, opens no ports,
/// asks no node how it is, and decides nothing.
///
/// Every method is idempotent: asking for what is already so is success. None waits for a node to be
/// up; the next survey tells that.
pub trait ProcessManager {
    /// Makes the node's folders, puts `binary` into its home, writes its service; starts nothing.
    /// Returns what the node is from now on: most managers take what was asked, antctl decides for itself.
    ///
    /// Asked again for a node that it made before, also when nobody learned of it, it makes no second one.
    /// A define that fails leaves nothing it made, unless the error is [`Error::Left`].
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError>;
    /// Starts the process. Definitions made since the last start are announced once, not one by one.
    fn start(&self, node: &Node) -> Result<(), ManagerError>;
    /// Stops the process, kindly and then firmly. A node that is not there is stopped.
    fn stop(&self, node: &Node) -> Result<(), ManagerError>;
    /// Puts `new` in the place of the node's binary by rename and leaves the node running it. If `new`
    /// will not start, the old binary is back, the node runs, and the error says so.
    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError>;
    /// Stops the process and erases service, data and logs; says what is left if not all went.
    fn remove(&self, node: &Node) -> Result<(), ManagerError>;
    /// The processes of all of `nodes`, in their order, by one call to the manager.
    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError>;
    /// Checks that the manager's tool answers a run that has these variables and no others.
    fn check_tool(&self, _environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        Ok(())
    }
    /// Every node this manager knows, up or down. For init alone: after that the store is the truth.
    fn discover(&self) -> Result<Vec<Node>, ManagerError>;
    /// Removes all of `nodes`; returns those that would not go.
    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        nodes
            .iter()
            .filter_map(|node| self.remove(node).err().map(|error| (node.id, error)))
            .collect()
    }
    /// Starts several, each with its own outcome, in their order. Where a start must be watched for a
    /// moment, they are watched together.
    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        nodes.iter().map(|node| self.start(node)).collect()
    }
    /// Stops several, each with its own outcome, in their order, and gives them their grace together.
    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        nodes.iter().map(|node| self.stop(node)).collect()
    }
    /// Ports that this manager will give to no new node, though no node it inspects has them.
    fn reserved_ports(&self) -> Result<Vec<u16>, ManagerError> {
        Ok(Vec::new())
    }
    /// What bears the number of a node in the places where this manager would make one, known or not. One that
    /// numbers nodes by itself has nothing to say.
    fn leftovers(&self) -> Vec<Leftover> {
        Vec::new()
    }
    /// Those of `nodes` that are this manager's and whose rows say what was asked for, not what they became; and what
    /// that is.
    fn misplaced(&self, _nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        Vec::new()
    }
    /// Announces what was defined and removed and not yet announced. To be called at the end of a plan.
    fn settle_definitions(&self) -> Result<(), ManagerError> {
        Ok(())
    }
}

/// What a node became when its manager made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedNode {
    /// The name by which the manager knows it from now on.
    pub service: ServiceName,
    pub home: NodePaths,
    pub ports: NodePorts,
    /// Of the binary it was given.
    pub version: Option<Version>,
}

impl DefinedNode {
    /// The node is as it was asked for, and called `service`.
    #[must_use]
    pub fn as_asked(node: &Node, service: String) -> DefinedNode {
        DefinedNode {
            service: ServiceName(service),
            home: node.home.clone(),
            ports: node.ports,
            version: node.version.clone(),
        }
    }

    /// The node is as its row says, but that these are its logs; in its root where nobody says so.
    #[must_use]
    pub fn with_logs(node: &Node, logs: Option<PathBuf>) -> DefinedNode {
        let mut defined = DefinedNode::as_asked(node, node.service.0.clone());
        defined.home.logs = Some(logs.unwrap_or_else(|| node.logs()));
        defined
    }

    /// Writes it into the node.
    pub fn settle_in(self, node: &mut Node) {
        node.service = self.service;
        node.home = self.home;
        node.ports = self.ports;
        node.version = self.version;
    }
}

/// The managers of a colony, one for each kind that can be in use.
#[derive(Default)]
pub struct Managers {
    known: Vec<(ManagerKind, Box<dyn ProcessManager>)>,
    any: Option<Box<dyn ProcessManager>>,
}

impl Managers {
    /// The real ones. Making them touches nothing.
    #[must_use]
    pub fn real(policy: &LaunchPolicy) -> Managers {
        let mut managers = Managers::default();
        for mode in [Mode::User, Mode::Sudo] {
            let kind = |tool| ManagerKind::new(tool, mode);
            managers.insert(
                kind(Tool::Setsid),
                Box::new(setsid::Setsid::new(mode, policy.clone())),
            );
            managers.insert(
                kind(Tool::Systemd),
                Box::new(systemd::Systemd::new(mode, policy.clone())),
            );
            managers.insert(
                kind(Tool::Launchd),
                Box::new(launchd::Launchd::new(mode, policy.clone())),
            );
            managers.insert(
                kind(Tool::Antctl),
                Box::new(antctl::AntctlManager::new(kind(Tool::Antctl), policy.clone())),
            );
        }
        let zen = ManagerKind::new(Tool::AntctlZen, Mode::User);
        managers.insert(zen, Box::new(antctl::AntctlManager::new(zen, policy.clone())));
        managers
    }

    /// One manager for nodes of every kind: a world for tests.
    #[must_use]
    pub fn only(manager: Box<dyn ProcessManager>) -> Managers {
        Managers {
            known: Vec::new(),
            any: Some(manager),
        }
    }

    /// Lets `manager` handle the nodes of `kind`.
    pub fn insert(&mut self, kind: ManagerKind, manager: Box<dyn ProcessManager>) {
        self.known.retain(|(known, _)| *known != kind);
        self.known.push((kind, manager));
    }

    /// The manager of nodes of this kind; an error for kinds that wnm does not handle here.
    pub fn of(&self, kind: ManagerKind) -> Result<&dyn ProcessManager, ManagerError> {
        self.known
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, manager)| manager.as_ref())
            .or(self.any.as_deref())
            .ok_or(ManagerError::Unsupported(kind))
    }

    /// All of them, to be told that a plan has ended.
    pub fn all(&self) -> impl Iterator<Item = &dyn ProcessManager> {
        self.known
            .iter()
            .map(|(_, manager)| manager.as_ref())
            .chain(self.any.as_deref())
    }
}
