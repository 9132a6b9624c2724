//! The texts of the reasons why something is not done.

use std::fmt;

use crate::colony::{BusyPort, ForcedAction, NodeId, Plural};

use super::{Blocker, Refusal};

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
            Blocker::Paused { what, how } => write!(f, "{what} is paused {how}"),
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
            Blocker::Brief { what, is, mean, limit } => write!(
                f,
                "nothing is stopped: {what} {} is above {}, but its mean of 15 min is {}",
                what.reading(*is),
                what.limit(*limit),
                what.reading(*mean)
            ),
            Blocker::BriefLoad { load: [one, five, fifteen], limit } => write!(
                f,
                "nothing is stopped: not all load averages {one:.2} {five:.2} {fifteen:.2} are above {limit}"
            ),
            Blocker::LoadWithoutWaits { load, limit, cpu_some, io_full } => write!(
                f,
                "nothing is stopped: load {load:.2} is above {limit}, but programs waited for a CPU in {cpu_some:.1} % and for disks in {io_full:.1} % of the time"
            ),
            Blocker::ForeignLoad { own, cpu, memory, stopped, nodes } => write!(
                f,
                "nothing more is stopped: other programs exceed the limit; the running nodes use cpu {:.1} of {cpu:.1} % and memory {:.1} of {memory:.1} %, and {stopped} of {} are stopped",
                own.cpu,
                own.memory,
                Plural(*nodes, "node")
            ),
            Blocker::StartsWait { nodes } => {
                let nodes = Plural(*nodes, "stopped node");
                write!(f, "{nodes} not started: a limit is exceeded")
            }
            Blocker::Unanswered { nodes } => {
                let have = if *nodes == 1 { "has" } else { "have" };
                let nodes = Plural(*nodes, "node");
                write!(f, "nothing is started: {nodes} {have} not answered since the last start")
            }
            Blocker::Group { started, left } => {
                let left = Plural(*left, "stopped node");
                write!(
                    f,
                    "{left} not started yet: {started} at once, and more when these answer and the limits hold"
                )
            }
            Blocker::PausedAgain { nodes, until } => {
                let nodes = Plural(*nodes, "node");
                let until = until.utc();
                write!(f, "{nodes} not started before {until}: stopped by a limit several times lately")
            }
            Blocker::PausedWait { nodes } => {
                let nodes = Plural(*nodes, "node");
                write!(f, "{nodes} not started: stopped by a limit, and there is no room yet")
            }
            Blocker::CapProposal { stopped, cap } => {
                let stopped = Plural(*stopped, "node");
                write!(
                    f,
                    "the machine has had no room for {stopped} for long; to keep the colony at this size: `--node_cap {cap}`"
                )
            }
            Blocker::MostMute { mute, running } => write!(
                f,
                "nothing is restarted: {mute} of {} do not answer, so the fault is the machine or its network",
                Plural(*running, "running node")
            ),
            Blocker::ShunnedAtOnce { nodes, most } => write!(
                f,
                "no shunned node is removed: {} are shunned at once, more than {most}, so the fault is the machine or its network",
                Plural(*nodes, "node")
            ),
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
