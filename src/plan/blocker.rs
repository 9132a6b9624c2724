//! The reasons why something is not done, and their texts.

use std::fmt;

use crate::colony::{BusyPort, ForcedAction, NodeId, Plural, Timestamp};

use super::reason::{Quantity, Quota};
use super::task::Task;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Blocker {
    /// The plan does nothing, for this reason. It is the first blocker of such a plan.
    Resting(Task),
    /// Nothing is started or added while this is not below its limit.
    NotBelow {
        what: Quantity,
        is: f64,
        limit: f64,
    },
    /// Nothing is added: the colony has as many nodes as its cap.
    AtCap {
        nodes: i64,
        cap: i64,
    },
    /// Nothing is started: as many nodes run or start as the cap allows.
    RunningAtCap {
        nodes: i64,
        cap: i64,
    },
    /// Nothing is started or added while a started, upgraded or removed node settles.
    Underway {
        nodes: i64,
    },
    SlotsFull {
        quota: Quota,
        busy: i64,
        limit: i64,
    },
    /// The nodes were taken over, and no full survey has confirmed them yet.
    Unconfirmed,
    /// Pressure, but the nodes were taken over recently, so the pressure may not last.
    Watched {
        until: Timestamp,
    },
    /// Pressure, but the effect of the last stop is not measured yet.
    Paced {
        until: Timestamp,
    },
    /// Pressure, but a removal is in progress.
    RemovalUnderway {
        nodes: i64,
    },
    /// Pressure, but no node runs.
    NothingToStop,
    NoBinary,
    UpgradesOff {
        nodes: i64,
    },
    UpgradesWait {
        nodes: i64,
    },
    /// The first node is newer than the binary, and the versions of the other nodes are unknown.
    BinaryOlder {
        binary: String,
        first: String,
    },
    /// Dead nodes whose removal failed.
    DeadKept {
        nodes: i64,
    },
    /// Nodes that are not started for a while after failed starts.
    PassedOver {
        nodes: i64,
    },
    /// Nodes that are not stopped for a while after failed stops.
    StopFailed {
        nodes: i64,
    },
    /// Running nodes that are not upgraded for a while after upgrades that failed or changed nothing.
    UpgradeFailed {
        nodes: i64,
    },
    /// A task that found fewer nodes than it wanted.
    NoNode {
        task: Task,
        found: usize,
        wanted: usize,
    },
    /// Ids that no new node gets in this run, each with the port that another program uses.
    PortsTaken(Vec<(NodeId, BusyPort)>),
    /// A new node's port would be above 65535.
    PortTooHigh {
        id: NodeId,
        port: u64,
    },
    /// A new node would need the same port twice.
    PortTwice {
        id: NodeId,
        port: u16,
    },
    NoFreeId,
    /// A forced action that is not possible on one node; the name as the operator gave it.
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
    /// A forced action needs an antnode binary, and none was found.
    BinaryNeeded {
        action: ForcedAction,
    },
    /// A forced action with a count found no node.
    NoneTo {
        action: ForcedAction,
    },
    /// A forced action with a count found fewer nodes than requested, and acts on all of them.
    OnlySoMany {
        action: ForcedAction,
        found: i64,
        asked: i64,
    },
}

/// Why a forced action is not possible on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotFound,
    /// The name matches several nodes.
    Ambiguous(Vec<NodeId>),
    AlreadyRunning,
    AlreadyStarting,
    AlreadyUpgrading,
    UpToDate(String),
    /// No node is ever downgraded.
    Newer {
        has: String,
        binary: String,
    },
    Disabled,
    BeingRemoved,
    BeingMoved,
    RootGone,
    NoBinary,
    /// No identity is kept under this name.
    NotKept,
    /// The name fits several removed nodes, in these directories.
    SeveralKept(Vec<String>),
    /// A node of the colony has this identity already.
    IdentityInUse(String),
    /// One more node would be above the cap.
    AboveCap {
        cap: i64,
    },
}

impl Blocker {
    /// Whether something that was requested failed: a forced action on a node, or the id or a port of a new node.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Blocker::Refused { why, .. } => !matches!(why, Refusal::UpToDate(_)),
            Blocker::PortTooHigh { .. }
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

impl Blocker {
    /// Whether the operator should know of it although nothing failed.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self, Blocker::PortsTaken(_))
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocker::Resting(task) => task.fmt(f),
            Blocker::NotBelow { what, is, .. } if is.is_nan() => {
                write!(f, "nothing is started or added: {} is not known", what.source())
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
                let are = if *nodes == 1 { "is" } else { "are" };
                let nodes = Plural(*nodes, "node");
                write!(f, "nothing is started or added: {nodes} {are} still settling")
            }
            Blocker::SlotsFull { quota, busy, limit } => {
                write!(
                    f,
                    "no more {quota}: {busy} under way, `max_concurrent_{quota}` is {limit}"
                )
            }
            Blocker::Unconfirmed => f.write_str(
                "nothing is done: the nodes were taken over, and a full survey must first find them unchanged",
            ),
            Blocker::Watched { until } => write!(
                f,
                "nothing is stopped or removed before {}: the nodes were taken over recently",
                until.utc()
            ),
            Blocker::Paced { until } => {
                write!(
                    f,
                    "nothing is stopped before {}: a node was stopped recently",
                    until.utc()
                )
            }
            Blocker::RemovalUnderway { nodes } => {
                write!(
                    f,
                    "nothing is stopped: waiting for the removal of {}",
                    Plural(*nodes, "node")
                )
            }
            Blocker::NothingToStop => f.write_str("nothing is stopped: no node runs"),
            Blocker::NoBinary => f.write_str("nothing is added or upgraded: there is no antnode binary"),
            Blocker::UpgradesOff { nodes } => write!(
                f,
                "{} not upgraded: `enable_upgrade` is off",
                Plural(*nodes, "outdated node")
            ),
            Blocker::UpgradesWait { nodes } => {
                let nodes = Plural(*nodes, "outdated node");
                write!(f, "{nodes} not upgraded: a limit is exceeded")
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
                    "failed to remove {}: will retry later",
                    Plural(*nodes, "dead node")
                )
            }
            Blocker::PassedOver { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "failed to start {nodes}: will retry later")
            }
            Blocker::StopFailed { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "failed to stop {nodes}: will retry later")
            }
            Blocker::UpgradeFailed { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "failed to upgrade {nodes}, or the version did not change: will retry later")
            }
            Blocker::NoNode { task, found, wanted } => write!(f, "{task}: only {found} of {wanted} requested: no more nodes available"),
            Blocker::PortsTaken(ids) => write_ports_taken(f, ids),
            Blocker::PortTooHigh { id, port } => {
                write!(
                    f,
                    "node {id} is not added: its port would be {port}, the highest port is 65535"
                )
            }
            Blocker::PortTwice { id, port } => write!(
                f,
                "node {id} is not added: it would need port {port} twice; the port ranges overlap"
            ),
            Blocker::NoFreeId => f.write_str("nothing is added: all node ids are in use"),
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
                    "only {found} of {asked} requested: no more nodes to {}",
                    action.word()
                )
            }
        }
    }
}

/// The first ids with their ports, and how many more there are.
fn write_ports_taken(f: &mut fmt::Formatter<'_>, ids: &[(NodeId, BusyPort)]) -> fmt::Result {
    const SHOWN: usize = 3;
    for (place, (id, busy)) in ids.iter().take(SHOWN).enumerate() {
        let comma = if place > 0 { ", " } else { "" };
        write!(f, "{comma}node {id} is passed over: port {busy} is in use")?;
    }
    match ids.len().saturating_sub(SHOWN) {
        0 => {}
        more => write!(f, ", and {more} more")?,
    }
    f.write_str("; wnm tries again in the next run; `ss -lntup` shows the program")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotFound => f.write_str("not found"),
            Refusal::Ambiguous(ids) => {
                f.write_str("matches several nodes, with ids")?;
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
                write!(
                    f,
                    "version {has} of the node is newer than version {binary} of the binary"
                )
            }
            Refusal::Disabled => f.write_str("disabled; `--force_action start` enables it"),
            Refusal::BeingRemoved => f.write_str("being removed"),
            Refusal::BeingMoved => f.write_str("being moved between disks"),
            Refusal::RootGone => f.write_str("its root directory is missing"),
            Refusal::NotKept => f.write_str(
                "no removed node with this service name or peer ID in `BASE_DIR/removed`, where identities are kept",
            ),
            Refusal::SeveralKept(directories) => write!(
                f,
                "fits several removed nodes; give the peer ID, or one of these names: {}",
                directories.join(", ")
            ),
            Refusal::IdentityInUse(node) => write!(f, "its identity is in use by {node}, which was not removed"),
            Refusal::AboveCap { cap } => write!(
                f,
                "not restored, because the colony would have more nodes than `node_cap`, {cap}; raise `node_cap` first"
            ),
            Refusal::NoBinary => f.write_str("there is no antnode binary to upgrade to"),
        }
    }
}
