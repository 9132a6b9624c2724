//! What is done to a node, with all that the executor needs to do it.

use std::fmt;

use strum::{Display, EnumDiscriminants, EnumString, IntoStaticStr};

use crate::colony::{ManagerKind, NodeId, NodeName, NodePaths, NodePorts, NodeState, ServiceName, Version};

/// What a stopped node is left as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// STOPPED: it may be started again.
    Stopped,
    /// REMOVING: it goes when `delay_remove` has passed.
    Removing,
    /// DISABLED: out of the colony's hands.
    Disabled,
}

/// All of a node that is to be made, but its wallet.
#[derive(Clone, Debug, PartialEq)]
pub struct NewNode {
    pub id: NodeId,
    pub name: NodeName,
    /// As the manager will call it, where that is known beforehand.
    pub service: ServiceName,
    pub manager: ManagerKind,
    pub ports: NodePorts,
    pub home: NodePaths,
    pub host: String,
    pub user: String,
    pub network: String,
    pub environment: String,
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
    /// Start it; with a version, put that binary in place first: a stopped node older than the binary.
    Start(NodeId, Option<Version>),
    /// Put the binary of this version in place and leave it running.
    Upgrade(NodeId, Version),
    Stop(NodeId, StopReason),
    /// Service, firewall rule, data, logs, row.
    Remove(NodeId),
    /// All of them, youngest first.
    Teardown(Vec<NodeId>),
    /// Note that the machine was booted.
    Resurvey,
}

impl ActionKind {
    /// The peer's word for it, which events and plans carry.
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
    /// What is done now. The first half of removing a running node is a stop; see [`Step::kind`].
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        self.into()
    }

    /// The one node it is done to; none where it is about all nodes or none.
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
                "add node {} as {}, ports {} {} {}, in {}",
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
    /// The state a node so stopped is in.
    #[must_use]
    pub fn state(self) -> NodeState {
        match self {
            StopReason::Stopped => NodeState::Stopped,
            StopReason::Removing => NodeState::Removing,
            StopReason::Disabled => NodeState::Disabled,
        }
    }
}
