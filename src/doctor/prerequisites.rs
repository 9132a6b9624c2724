//! What the machine has to have: an antnode, a process manager, open and free ports, a disk, the time.

use std::path::Path;
use std::time::Duration;

use crate::colony::{Node, NodeId, NodePorts, NodeState};
use crate::firewall::{FirewallStatus, NodeUdpPorts};
use crate::program::Program;
use crate::report::doctor::CheckResult;
use crate::survey::{self, BinaryLookup};

use super::{CheckContext, span};

/// Whether the antnode of new nodes is found by a run from the schedule, and tells its version.
pub fn antnode(patient: &CheckContext) -> CheckResult {
    const CHECK: &str = "antnode";
    let settings = patient.settings;
    // Asked anew: that it told its version once does not say that it runs now.
    let find = |search: &str| {
        let path = &settings.antnode_path;
        survey::find_antnode(&*patient.world.gauge, BinaryLookup { path, search }, &[])
    };
    match (find(patient.schedule.path()), find(patient.search)) {
        (Ok(binary), _) => CheckResult::ok(
            CHECK,
            format!("`{}` is {}", binary.path.display(), binary.version),
        ),
        (Err(_), Ok(binary)) => CheckResult::failed(
            CHECK,
            format!(
                "`{}` is on your PATH, and not on that of the scheduled runs, `{}`",
                binary.path.display(),
                patient.schedule.path()
            ),
            format!("wnm --antnode_path {}", binary.path.display()),
        ),
        (Err(error), Err(_)) => CheckResult::failed(
            CHECK,
            format!("cannot {error}"),
            "put an antnode that runs on this machine into one of these places, or say `--antnode_path FILE`",
        ),
    }
}

/// Whether what runs the nodes answers a run from the schedule.
pub fn manager(patient: &CheckContext) -> CheckResult {
    const CHECK: &str = "manager";
    let kind = patient.settings.process_manager;
    let manager = match patient.world.managers.of(kind) {
        Ok(manager) => manager,
        Err(error) => {
            return CheckResult::failed(
                CHECK,
                error.to_string(),
                "use the wnm that made this colony, or one that has it",
            );
        }
    };
    match manager.check_tool(patient.environment) {
        Ok(()) => CheckResult::ok(
            CHECK,
            format!("{kind} answers in the environment of the scheduled runs"),
        ),
        Err(error) => CheckResult::failed(
            CHECK,
            format!("{kind} does not answer: cannot {error}"),
            kind.repair_hint(),
        ),
    }
}

/// Whether the user's systemd lives without a login.
pub fn lingering(patient: &CheckContext) -> CheckResult {
    const CHECK: &str = "lingering";
    let kind = patient.settings.process_manager;
    if !kind.needs_lingering() && !patient.schedule.is_by_user_timer() {
        return CheckResult::ok(CHECK, format!("not needed with {kind}"));
    }
    let user = patient.user;
    if Path::new("/var/lib/systemd/linger").join(user).exists() {
        return CheckResult::ok(CHECK, format!("`{user}` lingers"));
    }
    CheckResult::failed(
        CHECK,
        format!("the systemd of `{user}`, and all nodes in it, end with the last login"),
        format!("loginctl enable-linger {user}"),
    )
}

/// Whether the firewall lets packets through to the nodes.
pub fn firewall(patient: &CheckContext) -> CheckResult {
    const CHECK: &str = "firewall";
    let runs = |node: &&Node| {
        use NodeState::{Restarting, Running, Upgrading};
        matches!(node.state, Running | Restarting | Upgrading)
    };
    let ports = NodeUdpPorts {
        of_running: patient
            .nodes
            .iter()
            .filter(runs)
            .map(|node| node.ports.node)
            .collect(),
        of_new: ports_of(patient).map(|ports| ports.node).collect(),
    };
    match patient.world.firewall.examine(&ports) {
        Ok(FirewallStatus::Ok(what)) => CheckResult::ok(CHECK, what),
        Ok(FirewallStatus::NotManaged { what, hint }) => CheckResult::warning(CHECK, what, hint),
        Ok(FirewallStatus::Closed { what, hint }) => CheckResult::failed(CHECK, what, hint),
        Err(error) => CheckResult::failed(CHECK, format!("cannot {error}"), "see the check of sudo"),
    }
}

/// The ports of the nodes to come, up to `node_cap`.
fn ports_of<'a>(patient: &'a CheckContext) -> impl Iterator<Item = NodePorts> + 'a {
    let settings = patient.settings;
    let port = |thousands: u32, id: u32| u16::try_from(thousands * 1000 + id).ok();
    let room = (settings.node_cap as usize).saturating_sub(patient.nodes.len());
    (1..=settings.node_cap)
        .filter(|id| !patient.nodes.iter().any(|node| node.id == NodeId(*id)))
        .filter_map(move |id| {
            Some(NodePorts {
                node: port(settings.port_start, id)?,
                metrics: port(settings.metrics_port_start, id)?,
                rpc: port(settings.rpc_port_start, id)?,
            })
        })
        .take(room)
}

/// Whether the ports of nodes to come, and of those that are stopped, are free and can be.
pub fn ports(patient: &CheckContext) -> CheckResult {
    const CHECK: &str = "ports";
    let settings = patient.settings;
    let highest = [
        settings.port_start,
        settings.metrics_port_start,
        settings.rpc_port_start,
    ]
    .map(|thousands| thousands * 1000 + settings.node_cap)
    .into_iter()
    .max()
    .unwrap_or_default();
    if highest > u32::from(u16::MAX) {
        return CheckResult::failed(
            CHECK,
            format!(
                "{} nodes would need ports up to {highest}; there are {}",
                settings.node_cap,
                u16::MAX
            ),
            "lower `--node_cap`",
        );
    }
    let stopped = patient
        .nodes
        .iter()
        .filter(|node| matches!(node.state, NodeState::Stopped))
        .map(|node| node.ports);
    let busy: Vec<String> = ports_of(patient)
        .chain(stopped)
        .filter_map(|ports| patient.world.gauge.busy_port(&ports))
        .map(|port| port.to_string())
        .collect();
    match busy.as_slice() {
        [] => CheckResult::ok(
            CHECK,
            format!(
                "those of {} nodes are in range, and free where no node runs",
                settings.node_cap
            ),
        ),
        _ => CheckResult::warning(
            CHECK,
            format!("another program has {}", some(&busy)),
            "`ss -ltunp` names it; wnm passes these nodes over until it is gone",
        ),
    }
}

/// Whether the clock is right, as far as can be known without asking the network.
pub fn clock(patient: &CheckContext) -> CheckResult {
    const CHECK: &str = "clock";
    let todo = "timedatectl set-ntp true";
    if let Some(ahead) = patient
        .last_written
        .map(|last| last.since(patient.now))
        .filter(|ahead| *ahead > 60)
    {
        return CheckResult::failed(
            CHECK,
            format!(
                "the last cycle is {} in the future: the clock was set back",
                span(ahead)
            ),
            todo,
        );
    }
    let asked = Program::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .limit(Duration::from_secs(10))
        .run();
    match asked {
        Ok(ended) if ended.stdout.trim() == "yes" => CheckResult::ok(CHECK, "set by the network"),
        Ok(ended) if ended.stdout.trim() == "no" => {
            CheckResult::warning(CHECK, "not set by the network: it may be wrong", todo)
        }
        _ => CheckResult::ok(CHECK, "not behind anything that was recorded"),
    }
}

/// A few of them by name, the rest by number.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len() {
        ..=SHOWN => shown,
        all => format!("{shown} and {} more", all - SHOWN),
    }
}
