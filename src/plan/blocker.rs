//! Why something is not done; its words, said once for all.

use std::fmt;

use crate::colony::{ForcedAction, NodeId, Plural, Timestamp};

use super::reason::{Quantity, Quota};
use super::task::Task;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Blocker {
    /// The plan is to rest, and this is the rest it takes. First among the holds of such a plan.
    Resting(Task),
    /// Nothing is started or added while this is so high.
    NotBelow {
        what: Quantity,
        is: f64,
        limit: f64,
    },
    /// Nothing is added: the colony is full.
    AtCap {
        nodes: i64,
        cap: i64,
    },
    /// Nothing is started: as many nodes run or are starting as the colony may have.
    RunningAtCap {
        nodes: i64,
        cap: i64,
    },
    /// Nothing is started or added while nodes are between two states.
    Underway {
        nodes: i64,
    },
    SlotsFull {
        quota: Quota,
        busy: i64,
        limit: i64,
    },
    /// The nodes were taken over, and no survey has found them so yet.
    Unconfirmed,
    /// Pressure, but the nodes were taken over so lately that it is not known to last.
    Watched {
        until: Timestamp,
    },
    /// Pressure, but a node was stopped so lately that its effect is not seen yet.
    Paced {
        until: Timestamp,
    },
    /// Pressure, but a removal is under way.
    RemovalUnderway {
        nodes: i64,
    },
    /// Pressure, but there is no node whose stop would help.
    NothingToStop,
    NoBinary,
    UpgradesOff {
        nodes: i64,
    },
    UpgradesWait {
        nodes: i64,
    },
    /// The first node is newer than the binary, and nothing else is known.
    BinaryOlder {
        binary: String,
        first: String,
    },
    /// Dead nodes whose removal failed, and is tried again later.
    DeadKept {
        nodes: i64,
    },
    /// Nodes passed over for a while after failed starts.
    PassedOver {
        nodes: i64,
    },
    /// Nodes passed over for a while after failed stops.
    StopFailed {
        nodes: i64,
    },
    /// Nodes that run and are passed over for a while after upgrades that failed or changed nothing.
    UpgradeFailed {
        nodes: i64,
    },
    /// Wants that found no node.
    NoNode {
        task: Task,
        wants: usize,
    },
    /// A new node's port is in use by another program.
    PortTaken {
        id: NodeId,
        port: u16,
    },
    /// A new node's port would be above 65535.
    PortTooHigh {
        id: NodeId,
        port: u64,
    },
    /// Two ports of a new node would be the same.
    PortTwice {
        id: NodeId,
        port: u16,
    },
    NoFreeId,
    /// An order about one node that is not carried out; the name as the operator gave it.
    Refused {
        name: String,
        why: Refusal,
    },
    CountTooSmall {
        count: i64,
    },
    NamesNeeded {
        action: ForcedAction,
    },
    /// An order that needs an antnode binary, where there is none.
    BinaryNeeded {
        action: ForcedAction,
    },
    /// An order by count found no node at all.
    NoneTo {
        action: ForcedAction,
    },
    /// An order by count found fewer nodes than asked, and takes all of them.
    OnlySoMany {
        action: ForcedAction,
        found: i64,
        asked: i64,
    },
}

/// Why an order is not carried out on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotFound,
    /// The name fits several nodes.
    Ambiguous(Vec<NodeId>),
    AlreadyRunning,
    AlreadyStarting,
    AlreadyUpgrading,
    UpToDate(String),
    /// No node is ever taken back to an older version.
    Newer {
        has: String,
        binary: String,
    },
    Disabled,
    BeingRemoved,
    BeingMoved,
    RootGone,
    NoBinary,
}

impl Blocker {
    /// Whether an order that gave this hold was not carried out in full. Only orders give such holds,
    /// and the ports and ids that new nodes, ordered or planned, could not get.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Blocker::Refused { why, .. } => !matches!(why, Refusal::UpToDate(_)),
            Blocker::PortTaken { .. }
            | Blocker::PortTooHigh { .. }
            | Blocker::PortTwice { .. }
            | Blocker::NoFreeId
            | Blocker::CountTooSmall { .. }
            | Blocker::NamesNeeded { .. }
            | Blocker::BinaryNeeded { .. }
            | Blocker::NoneTo { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocker::Resting(task) => task.fmt(f),
            Blocker::NotBelow { what, is, .. } if is.is_nan() => {
                write!(f, "nothing is started or added: {what} is not known")
            }
            Blocker::NotBelow { what, is, limit } => {
                write!(
                    f,
                    "nothing is started or added: {what} {} is not below {}",
                    what.reading(*is),
                    what.limit(*limit)
                )
            }
            Blocker::AtCap { nodes, cap } => write!(
                f,
                "nothing is added: the colony has {}, its cap is {cap}",
                Plural(*nodes, "node")
            ),
            Blocker::RunningAtCap { nodes, cap } => {
                let nodes = Plural(*nodes, "running node");
                write!(f, "nothing is started: the colony has {nodes}, its cap is {cap}")
            }
            Blocker::Underway { nodes } => {
                write!(
                    f,
                    "nothing is started or added: {} started, upgraded or to be removed a short while ago",
                    Plural(*nodes, "node")
                )
            }
            Blocker::SlotsFull { quota, busy, limit } => {
                write!(
                    f,
                    "no more {quota}: {busy} under way, `max_concurrent_{quota}` is {limit}"
                )
            }
            Blocker::Unconfirmed => f.write_str(
                "nothing is done: the nodes were taken over, and a whole survey has to find them as they were then first",
            ),
            Blocker::Watched { until } => write!(
                f,
                "nothing is stopped or removed before {}: the nodes were taken over a short while ago",
                until.utc()
            ),
            Blocker::Paced { until } => {
                write!(
                    f,
                    "nothing is stopped before {}: a node was stopped a short while ago",
                    until.utc()
                )
            }
            Blocker::RemovalUnderway { nodes } => {
                write!(
                    f,
                    "nothing is stopped: the removal of {} is waited for",
                    Plural(*nodes, "node")
                )
            }
            Blocker::NothingToStop => f.write_str("nothing is stopped: no node runs"),
            Blocker::NoBinary => f.write_str("nothing is added or upgraded: there is no antnode binary"),
            Blocker::UpgradesOff { nodes } => write!(
                f,
                "no upgrade of {}: `enable_upgrade` is off",
                Plural(*nodes, "outdated node")
            ),
            Blocker::UpgradesWait { nodes } => {
                let nodes = Plural(*nodes, "outdated node");
                write!(f, "no upgrade of {nodes} before the pressure is over")
            }
            Blocker::BinaryOlder { binary, first } => {
                write!(
                    f,
                    "nothing is upgraded: the binary {binary} is older than the first node, {first}"
                )
            }
            Blocker::DeadKept { nodes } => {
                write!(
                    f,
                    "the removal of {} failed, and is tried again later",
                    Plural(*nodes, "dead node")
                )
            }
            Blocker::PassedOver { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "{nodes} passed over for a while after failed starts")
            }
            Blocker::StopFailed { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "the stop of {nodes} failed, and is tried again later")
            }
            Blocker::UpgradeFailed { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "the upgrade of {nodes} failed or changed nothing, and is tried again later")
            }
            Blocker::NoNode { task, wants } => write!(f, "{task}: no node for {wants} of these"),
            Blocker::PortTaken { id, port } => write!(
                f,
                "node {id} is not added: its port {port} is in use by another program; stop that program"
            ),
            Blocker::PortTooHigh { id, port } => {
                write!(
                    f,
                    "node {id} is not added: its port would be {port}, ports end at 65535"
                )
            }
            Blocker::PortTwice { id, port } => write!(
                f,
                "node {id} is not added: it would need port {port} twice; the port ranges overlap"
            ),
            Blocker::NoFreeId => f.write_str("nothing is added: no node id is free"),
            Blocker::Refused { name, why } => write!(f, "`{name}`: {why}"),
            Blocker::CountTooSmall { .. } => f.write_str("count must be at least 1"),
            Blocker::NamesNeeded { action } => {
                write!(f, "service_name required for {} action", action.word())
            }
            Blocker::BinaryNeeded { action } => {
                write!(f, "there is no antnode binary to {} nodes with", action.word())
            }
            Blocker::NoneTo { action } => {
                let which = match action {
                    ForcedAction::Remove => "",
                    ForcedAction::Start => "stopped ",
                    _ => "running ",
                };
                write!(f, "No {which}nodes to {}", action.word())
            }
            Blocker::OnlySoMany { action, found, asked } => {
                write!(
                    f,
                    "only {found} of {asked} nodes are there to {}, taking all of them",
                    action.word()
                )
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotFound => f.write_str("not found"),
            Refusal::Ambiguous(ids) => {
                f.write_str("fits several nodes, with ids")?;
                for id in ids {
                    write!(f, " {id}")?;
                }
                f.write_str("; give the service name")
            }
            Refusal::AlreadyRunning => f.write_str("already running"),
            Refusal::AlreadyStarting => f.write_str("already starting"),
            Refusal::AlreadyUpgrading => f.write_str("already upgrading"),
            Refusal::UpToDate(version) => write!(f, "already at version {version}"),
            Refusal::Newer { has, binary } => {
                write!(f, "its version {has} is newer than the binary's, {binary}")
            }
            Refusal::Disabled => f.write_str("disabled; `--force_action start` brings it back"),
            Refusal::BeingRemoved => f.write_str("being removed"),
            Refusal::BeingMoved => f.write_str("being moved between disks"),
            Refusal::RootGone => f.write_str("its root directory is gone"),
            Refusal::NoBinary => f.write_str("there is no antnode binary to upgrade to"),
        }
    }
}
