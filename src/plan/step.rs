//! A plan: steps that leave the executor no choice.

use std::fmt;

use crate::colony::{Home, ManagerKind, NodeId, NodeName, Ports, ServiceName, State, Version};

use super::hold::Hold;
use super::reason::Reason;
use super::task::Task;

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

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Kind::Survey,
        Kind::Resurvey,
        Kind::Add,
        Kind::Start,
        Kind::Upgrade,
        Kind::Stop,
        Kind::Remove,
        Kind::Teardown,
    ];

    /// The peer's word for it, which events and plans carry.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Survey => "survey",
            Kind::Resurvey => "resurvey",
            Kind::Add => "add",
            Kind::Start => "start",
            Kind::Upgrade => "upgrade",
            Kind::Stop => "stop",
            Kind::Remove => "remove",
            Kind::Teardown => "teardown",
        }
    }

    /// The kind a word means; none for any other word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Action {
    /// What is done now. The first half of removing a running node is a stop; see [`Step::kind`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Action::Add(_) => Kind::Add,
            Action::Start(..) => Kind::Start,
            Action::Upgrade(..) => Kind::Upgrade,
            Action::Stop(..) => Kind::Stop,
            Action::Remove(_) => Kind::Remove,
            Action::Teardown(_) => Kind::Teardown,
            Action::Resurvey => Kind::Resurvey,
        }
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
            Action::Stop(id, Rest::Stopped) => write!(f, "stop node {id}"),
            Action::Stop(id, Rest::Removing) => write!(f, "stop node {id} to remove it"),
            Action::Stop(id, Rest::Disabled) => write!(f, "disable node {id}"),
            Action::Remove(id) => write!(f, "remove node {id}"),
            Action::Teardown(ids) => write!(f, "tear down all {} nodes", ids.len()),
            Action::Resurvey => f.write_str("forget what was known before the boot"),
        }
    }
}

impl Rest {
    /// The state a node so stopped is in.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Rest::Stopped => State::Stopped,
            Rest::Removing => State::Removing,
            Rest::Disabled => State::Disabled,
        }
    }
}

impl Step {
    /// What it is for, as the peer names it: stopping a node to remove it later is a removal.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.because {
            Reason::Planned { task, .. } => task.kind(),
            Reason::Ordered { .. } | Reason::Unfinished { .. } => self.action.kind(),
        }
    }
}

/// The action and why: `stop node 7 (stop node (1/1): cpu 85.0 % is above 70 %)`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.action, self.because)
    }
}

impl Plan {
    /// The rest it takes, when there is nothing to do.
    #[must_use]
    pub fn resting(&self) -> Option<Task> {
        self.holds.iter().find_map(|hold| match hold {
            Hold::Resting(task) => Some(*task),
            _ => None,
        })
    }

    /// Whether new nodes or orders in it could not be had; such a run ends as one with a failed step.
    #[must_use]
    pub fn falls_short(&self) -> bool {
        self.holds.iter().any(Hold::is_failure)
    }
}
