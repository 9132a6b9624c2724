//! The actions of a plan, with all that the executor needs.

use std::fmt;

use strum::{Display, EnumDiscriminants, EnumString, IntoStaticStr};

use crate::colony::{
    ManagerKind, NodeId, NodeName, NodePaths, NodePorts, NodeState, RemovedNode, ServiceName, Version,
};

/// The state that a stopped node gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// STOPPED: it may be started again.
    Stopped,
    /// REMOVING: the node and its data are deleted when `delay_remove` has passed.
    Removing,
    /// DISABLED: wnm ignores it until an operator starts or removes it.
    Disabled,
}

/// All of a new node except its wallet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewNode {
    pub id: NodeId,
    pub name: NodeName,
    /// The name that the manager will give it, if that is known before.
    pub service: ServiceName,
    pub manager: ManagerKind,
    pub ports: NodePorts,
    pub home: NodePaths,
    pub host: String,
    pub user: String,
    pub network: String,
    pub environment: String,
    /// The removed node whose identity and wallet it gets.
    pub restored: Option<RemovedNode>,
}

/// One thing to do, and the node to do it to.
#[derive(Clone, Debug, PartialEq, EnumDiscriminants)]
#[strum_discriminants(
    name(ActionKind),
    doc = "A kind of action, as the peer names it in its plans.",
    derive(PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr),
    strum(serialize_all = "snake_case")
)]
pub enum Action {
    Add(Box<NewNode>),
    /// Start it. With a version: install that binary first, because the stopped node is older.
    Start(NodeId, Option<Version>),
    /// Install the binary of this version and leave the node running.
    Upgrade(NodeId, Version),
    Stop(NodeId, StopReason),
    /// Delete service, firewall rule, data, logs and row.
    Remove(NodeId),
    /// Remove all nodes, the youngest first.
    Teardown(Vec<NodeId>),
    /// Record that the machine was booted.
    Resurvey,
}

impl ActionKind {
    /// The peer's word for it, which events and plans contain.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ActionKind> {
        word.parse().ok()
    }
}

impl Action {
    /// The kind of this action. The removal of a running node begins with a stop; see
    /// [`Step::kind`](super::Step::kind).
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        self.into()
    }

    /// The node it acts on; none if it acts on all nodes or on none.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Action::Add(new) => Some(new.id),
            Action::Start(id, _) | Action::Upgrade(id, _) | Action::Stop(id, _) | Action::Remove(id) => {
                Some(*id)
            }
            Action::Teardown(_) | Action::Resurvey => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Add(new) => write!(
                f,
                "{} node {} as {}, ports {} {} {}, in {}",
                if new.restored.is_some() { "restore" } else { "add" },
                new.id,
                new.service,
                new.ports.node,
                new.ports.metrics,
                new.ports.rpc,
                new.home.root.display()
            ),
            Action::Start(id, None) => write!(f, "start node {id}"),
            Action::Start(id, Some(version)) => write!(f, "start node {id} with version {version}"),
            Action::Upgrade(id, version) => write!(f, "upgrade node {id} to version {version}"),
            Action::Stop(id, StopReason::Stopped) => write!(f, "stop node {id}"),
            Action::Stop(id, StopReason::Removing) => write!(f, "stop node {id} to remove it"),
            Action::Stop(id, StopReason::Disabled) => write!(f, "disable node {id}"),
            Action::Remove(id) => write!(f, "remove node {id}"),
            Action::Teardown(ids) => write!(f, "tear down all {} nodes", ids.len()),
            Action::Resurvey => f.write_str("forget what was known before the boot"),
        }
    }
}

impl StopReason {
    /// The state of a node that was stopped for this reason.
    #[must_use]
    pub fn state(self) -> NodeState {
        match self {
            StopReason::Stopped => NodeState::Stopped,
            StopReason::Removing => NodeState::Removing,
            StopReason::Disabled => NodeState::Disabled,
        }
    }
}
