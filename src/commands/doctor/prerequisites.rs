//! Checks of the machine: antnode, process manager, lingering, firewall, ports and clock.

use std::path::Path;
use std::time::Duration;

use crate::colony::{Node, NodeId, NodePorts, NodeState};
use crate::firewall::FirewallStatus;
use crate::plan;
use crate::program::Program;
use crate::report::doctor::CheckResult;
use crate::survey::{self, BinaryLookup};

use super::context::{CheckContext, duration};

/// Checks that a scheduled run finds the antnode for new nodes, and that it prints its version.
pub fn antnode(context: &CheckContext) -> CheckResult {
    const CHECK: &str = "antnode";
    let settings = context.settings;
    // Runs it again, because a version that was read earlier does not show that it runs now.
    let find = |search: &str| {
        let path = &settings.antnode_path;
        survey::find_antnode(&*context.world.machine_reader, BinaryLookup { path, search }, &[])
    };
    match (find(context.schedule.path()), find(context.search)) {
        (Ok(binary), _) => CheckResult::ok(
            CHECK,
            format!("`{}` is {}", binary.path.display(), binary.version),
        ),
        (Err(_), Ok(binary)) => CheckResult::failed(
            CHECK,
            format!(
                "`{}` is on your PATH, but not on the PATH of the scheduled runs, `{}`",
                binary.path.display(),
                context.schedule.path()
            ),
            format!(
                "wnm --antnode_path {}",
                shell_words::quote(&binary.path.to_string_lossy())
            ),
        ),
        (Err(error), Err(_)) => CheckResult::failed(
            CHECK,
            format!("cannot {error}"),
            "put an antnode that runs on this machine in one of these places, or set `--antnode_path FILE`",
        ),
    }
}

/// Checks that the process manager responds to a scheduled run.
pub fn manager(context: &CheckContext) -> CheckResult {
    const CHECK: &str = "manager";
    let kind = context.settings.process_manager;
    let manager = match context.world.managers.of(kind) {
        Ok(manager) => manager,
        Err(error) => {
            return CheckResult::failed(CHECK, error.to_string(), "use a wnm that supports it");
        }
    };
    match manager.check_tool(context.environment) {
        Ok(()) => CheckResult::ok(
            CHECK,
            format!("{kind} responds in the environment of scheduled runs"),
        ),
        Err(error) => CheckResult::failed(
            CHECK,
            format!("{kind} does not respond: cannot {error}"),
            kind.repair_hint(),
        ),
    }
}

/// Checks that the user's systemd runs without a login.
pub fn lingering(context: &CheckContext) -> CheckResult {
    const CHECK: &str = "lingering";
    let kind = context.settings.process_manager;
    if !kind.needs_lingering() && !context.schedule.is_by_user_timer() {
        return CheckResult::ok(CHECK, format!("not needed with {kind}"));
    }
    let user = context.user;
    if Path::new("/var/lib/systemd/linger").join(user).exists() {
        return CheckResult::ok(CHECK, format!("lingering is enabled for `{user}`"));
    }
    CheckResult::failed(
        CHECK,
        match kind.needs_lingering() {
            true => format!("the systemd of `{user}` and all its nodes stop when `{user}` logs out"),
            false => format!(
                "the timer of `{user}` stops when `{user}` logs out, and then nothing runs wnm; the nodes go on"
            ),
        },
        format!("sudo loginctl enable-linger {}", shell_words::quote(user)),
    )
}

/// Checks that the firewall allows the ports of the nodes.
pub fn firewall(context: &CheckContext) -> CheckResult {
    const CHECK: &str = "firewall";
    let runs = |node: &&Node| {
        use NodeState::{Restarting, Running, Upgrading};
        matches!(node.state, Running | Restarting | Upgrading)
    };
    let running = context.nodes.iter().filter(runs);
    let ports: Vec<u16> = running.map(|node| node.ports.node).collect();
    match context.world.firewall.examine(&ports) {
        Ok(FirewallStatus::Ok(what)) => CheckResult::ok(CHECK, what),
        Ok(FirewallStatus::NotManaged { what, hint } | FirewallStatus::Unsure { what, hint }) => {
            CheckResult::warning(CHECK, what, hint)
        }
        Ok(FirewallStatus::Closed { what, hint }) => CheckResult::failed(CHECK, what, hint),
        Err(error) => CheckResult::failed(CHECK, format!("cannot {error}"), "see the sudo check"),
    }
}

/// The ports of nodes that wnm may add, up to `node_cap`.
fn ports_of_new_nodes<'a>(context: &'a CheckContext) -> impl Iterator<Item = NodePorts> + 'a {
    let settings = context.settings;
    let port = |thousands: u32, id: u32| u16::try_from(thousands * 1000 + id).ok();
    let room = (settings.node_cap as usize).saturating_sub(context.nodes.len());
    (1..=settings.node_cap)
        .filter(|id| !context.nodes.iter().any(|node| node.id == NodeId(*id)))
        .filter_map(move |id| {
            Some(NodePorts {
                node: port(settings.port_start, id)?,
                metrics: port(settings.metrics_port_start, id)?,
                rpc: port(settings.rpc_port_start, id)?,
            })
        })
        .take(room)
}

/// Checks that the ports of stopped and new nodes are valid and free.
pub fn ports(context: &CheckContext) -> CheckResult {
    const CHECK: &str = "ports";
    let settings = context.settings;
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
                "{} nodes need ports up to {highest}, and the highest port is {}",
                settings.node_cap,
                u16::MAX
            ),
            "lower `--node_cap`",
        );
    }
    let stopped = context
        .nodes
        .iter()
        .filter(|node| matches!(node.state, NodeState::Stopped))
        .map(|node| node.ports);
    let busy: Vec<String> = ports_of_new_nodes(context)
        .chain(stopped)
        .filter_map(|ports| context.world.machine_reader.busy_port(&ports))
        .map(|busy| busy.to_string())
        .collect();
    let answered: Vec<String> = context
        .nodes
        .iter()
        .filter(|node| plan::is_port_answered_by_other(node))
        .map(|node| format!("{} of node {}", node.ports.metrics, node.id))
        .collect();
    if !answered.is_empty() {
        return CheckResult::failed(
            CHECK,
            format!("port answered by another process: {}", first_names(&answered)),
            "`ss -lntp` shows the process: stop it, and the next cycle starts the node",
        );
    }
    match busy.as_slice() {
        [] => CheckResult::ok(
            CHECK,
            format!("the ports of all {} nodes are valid and free", settings.node_cap),
        ),
        _ => CheckResult::warning(
            CHECK,
            format!("another program uses port {}", first_names(&busy)),
            "`ss -lntup` shows the program; wnm passes these nodes over until the ports are free",
        ),
    }
}

/// Checks the clock, without a network query.
pub fn clock(context: &CheckContext) -> CheckResult {
    const CHECK: &str = "clock";
    let todo = "timedatectl set-ntp true";
    if let Some(ahead) = context
        .last_written
        .map(|last| last.since(context.now))
        .filter(|ahead| *ahead > 60)
    {
        return CheckResult::failed(
            CHECK,
            format!(
                "the last cycle is {} in the future: the clock was set back",
                duration(ahead)
            ),
            todo,
        );
    }
    let asked = Program::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .limit(Duration::from_secs(10))
        .run();
    match asked {
        Ok(ended) if ended.stdout.trim() == "yes" => CheckResult::ok(CHECK, "synchronised by NTP"),
        Ok(ended) if ended.stdout.trim() == "no" => {
            CheckResult::warning(CHECK, "not synchronised by NTP: it may be wrong", todo)
        }
        _ => CheckResult::ok(CHECK, "not behind the times in the database"),
    }
}

/// The first names, and how many more there are.
fn first_names(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len() {
        ..=SHOWN => shown,
        all => format!("{shown} and {} more", all - SHOWN),
    }
}
