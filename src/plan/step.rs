//! A plan: steps that leave the executor no choice.

use crate::colony::{Home, ManagerKind, NodeId, NodeName, Ports, ServiceName, Version};

use super::reason::{Hold, Reason};

/// A kind of action, as the peer names it in its plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nothing to do but look; the idle plan.
    Survey,
    /// Forget what was known before the reboot.
    Resurvey,
    Add,
    Start,
    Upgrade,
    Stop,
    Remove,
    Teardown,
}

/// What a stopped node is left as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
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
    pub ports: Ports,
    pub home: Home,
    pub host: String,
    pub user: String,
    pub network: String,
    pub environment: String,
}

/// One thing to do, on the node it is to be done to.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Add(Box<NewNode>),
    /// Start it; with a version, put that binary in place first: a stopped node older than the binary.
    Start(NodeId, Option<Version>),
    /// Put the binary of this version in place and leave it running.
    Upgrade(NodeId, Version),
    Stop(NodeId, Rest),
    /// Service, firewall rule, data, logs, row.
    Remove(NodeId),
    /// All of them, youngest first.
    Teardown(Vec<NodeId>),
    /// Note that the machine was booted.
    Resurvey,
}

/// An action and why it is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub action: Action,
    /// Higher goes first; the peer's figures.
    pub priority: i64,
    pub because: Reason,
}

/// Steps by priority, no node twice; and why nothing more is done.
#[must_use = "a plan nobody prints or carries out is a cycle lost"]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub holds: Vec<Hold>,
}
