//! The reasons why something is not done, and their texts.

mod text;

use crate::colony::{BusyPort, ForcedAction, NodeId, OwnUse, Timestamp};

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
    /// Nothing is done with `what`, because the operator paused it.
    Paused {
        what: String,
        how: String,
    },
    /// Pressure, but the nodes were taken over recently, so the pressure may not last.
    Watched {
        until: Timestamp,
    },
    /// Pressure, but the effect of the last stop is not measured yet.
    Paced {
        until: Timestamp,
    },
    /// A limit is exceeded now, and was not in the mean of a quarter of an hour.
    Brief {
        what: Quantity,
        is: f64,
        mean: f64,
        limit: f64,
    },
    /// The load averages are above the limit, but not all of them.
    BriefLoad {
        load: [f64; 3],
        limit: f64,
    },
    /// The load averages are above the limit, but programs wait neither for a CPU nor for a disk.
    LoadWithoutWaits {
        load: f64,
        limit: f64,
        cpu_some: f64,
        io_full: f64,
    },
    /// A limit is exceeded by other programs, and half of the nodes are stopped already.
    ForeignLoad {
        own: OwnUse,
        cpu: f64,
        memory: f64,
        stopped: i64,
        nodes: i64,
    },
    /// Nothing is started: a limit for stopping nodes is exceeded.
    StartsWait {
        nodes: i64,
    },
    /// Nothing is started: the nodes that were started before have not answered yet.
    Unanswered {
        nodes: i64,
    },
    /// Not all stopped nodes are started at once.
    Group {
        started: i64,
        left: i64,
    },
    /// Nodes that pressure stopped several times lately.
    PausedAgain {
        nodes: i64,
        until: Timestamp,
    },
    /// Nodes that pressure stopped wait until the machine has room.
    PausedWait {
        nodes: i64,
    },
    /// The machine has had no room for some of the nodes for long.
    CapProposal {
        stopped: i64,
        cap: i64,
    },
    /// Most nodes do not answer, so that no single node is at fault.
    MostMute {
        mute: i64,
        running: i64,
    },
    /// So many nodes are shunned at once that the machine is at fault.
    ShunnedAtOnce {
        nodes: i64,
        most: i64,
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
        matches!(
            self,
            Blocker::PortsTaken(_)
                | Blocker::MostMute { .. }
                | Blocker::ShunnedAtOnce { .. }
                | Blocker::ForeignLoad { .. }
                | Blocker::CapProposal { .. }
        )
    }
}
