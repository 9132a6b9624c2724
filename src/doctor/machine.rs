//! What the machine has to have: an antnode, a process manager, open and free ports, a disk, the time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::{ManagerKind, Mode, NodeId, Ports, State, Tool};
use crate::firewall::ufw;
use crate::manager::systemctl::Systemctl;
use crate::program::Program;
use crate::report::health::Finding;
use crate::survey::{self, Lookup};

use super::{Patient, bytes, span};

/// Whether the antnode of new nodes is found by a run from the schedule, and tells its version.
pub fn antnode(patient: &Patient) -> Finding {
    const CHECK: &str = "antnode";
    let settings = patient.settings;
    // Asked anew: that it told its version once does not say that it runs now.
    let find = |search: &str| {
        let path = &settings.antnode_path;
        survey::find_antnode(&*patient.world.gauge, Lookup { path, search }, &[])
    };
    match (find(patient.schedule.path()), find(patient.search)) {
        (Ok(binary), _) => Finding::ok(
            CHECK,
            format!("`{}` is {}", binary.path.display(), binary.version),
        ),
        (Err(_), Ok(binary)) => Finding::failed(
            CHECK,
            format!(
                "`{}` is on your PATH, and not on that of the scheduled runs, `{}`",
                binary.path.display(),
                patient.schedule.path()
            ),
            format!("wnm --antnode_path {}", binary.path.display()),
        ),
        (Err(error), Err(_)) => Finding::failed(
            CHECK,
            format!("cannot {error}"),
            "put an antnode that runs on this machine into one of these places, or say `--antnode_path FILE`",
        ),
    }
}

/// Whether what runs the nodes answers a run from the schedule.
pub fn manager(patient: &Patient) -> Finding {
    const CHECK: &str = "manager";
    let kind = patient.settings.process_manager;
    if let Err(error) = patient.world.managers.of(kind) {
        return Finding::failed(
            CHECK,
            error.to_string(),
            "use the wnm that made this colony, or one that has it",
        );
    }
    let asked = |program: Program| {
        program
            .only_env(patient.environment.iter().cloned())
            .limit(Duration::from_secs(10))
            .run()
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let (answer, todo) = match kind.tool {
        Tool::Systemd => (
            Systemctl::new(kind.mode)
                .answers_under(patient.environment)
                .map_err(|error| error.to_string()),
            match kind.mode {
                Mode::User => "loginctl enable-linger \"$USER\", and log in anew",
                Mode::Sudo => "is systemd the machine's first process? A container may lack it: use setsid",
            },
        ),
        Tool::Setsid => (
            asked(Program::new("setsid").arg("--version")),
            "install util-linux",
        ),
        Tool::Launchd => (asked(Program::new("launchctl").arg("version")), "is this macOS?"),
        Tool::Antctl | Tool::AntctlZen => (
            asked(Program::new(&patient.settings.antctl_path).arg("--version")),
            "put antctl there, or say `--antctl_path FILE`",
        ),
        Tool::Docker => (Ok(()), ""),
    };
    match answer {
        Ok(()) => Finding::ok(
            CHECK,
            format!("{kind} answers in the environment of the scheduled runs"),
        ),
        Err(error) => Finding::failed(CHECK, format!("{kind} does not answer: cannot {error}"), todo),
    }
}

/// Whether the user's systemd lives without a login.
pub fn lingering(patient: &Patient) -> Finding {
    const CHECK: &str = "lingering";
    let kind = patient.settings.process_manager;
    let by_units = kind.tool == Tool::Systemd && kind.mode == Mode::User;
    if !by_units && !patient.schedule.is_by_user_timer() {
        return Finding::ok(CHECK, format!("not needed with {kind}"));
    }
    let user = patient.user;
    if Path::new("/var/lib/systemd/linger").join(user).exists() {
        return Finding::ok(CHECK, format!("`{user}` lingers"));
    }
    Finding::failed(
        CHECK,
        format!("the systemd of `{user}`, and all nodes in it, end with the last login"),
        format!("loginctl enable-linger {user}"),
    )
}

/// Whether ufw, where it is on, lets in what the nodes need.
pub fn firewall(patient: &Patient) -> Finding {
    const CHECK: &str = "firewall";
    if !ufw::is_installed() {
        return Finding::ok(CHECK, "there is no ufw");
    }
    if !patient.with_ufw {
        return if ufw::is_enabled() {
            Finding::warning(
                CHECK,
                "ufw is enabled, and in this colony wnm does not touch it".to_owned(),
                match ports_of(patient).next() {
                    Some(first) => format!(
                        "open the UDP ports of the nodes yourself: `ufw allow {}:{}/udp`",
                        first.node,
                        u32::from(first.node) + patient.settings.node_cap.max(1) - 1
                    ),
                    None => "open the UDP ports of the nodes yourself".to_owned(),
                },
            )
        } else {
            Finding::ok(CHECK, "ufw is not enabled")
        };
    }
    let status = match ufw::status() {
        Ok(status) => status,
        Err(error) => {
            return Finding::failed(CHECK, format!("cannot {error}"), "see the check of sudo");
        }
    };
    if !status.is_active {
        return Finding::ok(CHECK, "ufw is not active; its rules wait for their day");
    }
    let closed: Vec<String> = patient
        .nodes
        .iter()
        .filter(|node| matches!(node.state, State::Running | State::Restarting | State::Upgrading))
        .filter(|node| !status.lets_in_udp(node.ports.node))
        .map(|node| node.ports.node.to_string())
        .collect();
    match closed.as_slice() {
        [] => Finding::ok(CHECK, "ufw is active and has a rule for each node that runs"),
        [first, ..] => Finding::failed(
            CHECK,
            format!("ufw is active and has no rule for {}", some(&closed)),
            format!("sudo ufw allow {first}/udp, and so on"),
        ),
    }
}

/// The ports of the nodes to come, up to `node_cap`.
fn ports_of<'a>(patient: &'a Patient) -> impl Iterator<Item = Ports> + 'a {
    let settings = patient.settings;
    let port = |thousands: u32, id: u32| u16::try_from(thousands * 1000 + id).ok();
    let room = (settings.node_cap as usize).saturating_sub(patient.nodes.len());
    (1..=settings.node_cap)
        .filter(|id| !patient.nodes.iter().any(|node| node.id == NodeId(*id)))
        .filter_map(move |id| {
            Some(Ports {
                node: port(settings.port_start, id)?,
                metrics: port(settings.metrics_port_start, id)?,
                rpc: port(settings.rpc_port_start, id)?,
            })
        })
        .take(room)
}

/// Whether the ports of nodes to come, and of those that are stopped, are free and can be.
pub fn ports(patient: &Patient) -> Finding {
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
        return Finding::failed(
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
        .filter(|node| matches!(node.state, State::Stopped))
        .map(|node| node.ports);
    let busy: Vec<String> = ports_of(patient)
        .chain(stopped)
        .filter_map(|ports| patient.world.gauge.busy_port(&ports))
        .map(|port| port.to_string())
        .collect();
    match busy.as_slice() {
        [] => Finding::ok(
            CHECK,
            format!(
                "those of {} nodes are in range, and free where no node runs",
                settings.node_cap
            ),
        ),
        _ => Finding::warning(
            CHECK,
            format!("another program has {}", some(&busy)),
            "`ss -ltunp` names it; wnm passes these nodes over until it is gone",
        ),
    }
}

/// Whether the disk of the nodes is there, is the same as ever, and has room for the nodes to come.
pub fn storage(patient: &Patient) -> Finding {
    const CHECK: &str = "storage";
    let settings = patient.settings;
    let path = &settings.node_storage;
    let name = path.display();
    let todo_mount = format!("findmnt --target {name}: is the disk mounted?");
    let device = patient.world.gauge.device(path);
    if device.is_none() && patient.facts.is_some() {
        return Finding::failed(CHECK, format!("`{name}` is not there"), todo_mount);
    }
    // What init is yet to make will lie on the disk of the first folder above that is there.
    let place = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(path);
    let before = patient.facts.and_then(|facts| facts.storage_device);
    let roots: Vec<PathBuf> = patient.nodes.iter().map(|node| node.home.root.clone()).collect();
    let rooted = patient.world.gauge.rooted(&roots);
    let gone: Vec<&PathBuf> = roots
        .iter()
        .zip(rooted)
        .filter(|(_, there)| !there)
        .map(|(root, _)| root)
        .collect();
    if let Some(first) = gone.first() {
        // A node may lie on a disk of its own.
        let folder = first.parent().filter(|folder| folder != path).unwrap_or(path);
        let moved = match folder == path && before.is_some() && before != device {
            true => ", which lies on another filesystem than before",
            false => "",
        };
        let name = folder.display();
        return Finding::failed(
            CHECK,
            format!(
                "{} of {} nodes have no folder, the first of them in `{name}`{moved}",
                gone.len(),
                roots.len()
            ),
            format!("findmnt --target {name}: is the disk mounted?"),
        );
    }
    let now = match patient.world.gauge.read(place) {
        Ok(now) => now,
        Err(error) => return Finding::failed(CHECK, format!("cannot {error}"), todo_mount),
    };
    let free = bytes(now.disk_free);
    let used = now.used_hd_percent();
    let crisis = settings.crisis_bytes.unsigned_abs();
    let more = "give `--node_storage` of a new colony a larger disk, or lower `--node_cap`";
    if now.disk_free < crisis {
        return Finding::failed(
            CHECK,
            format!("{free} are left in `{name}`, under `crisis_bytes`"),
            more,
        );
    }
    let missing = u64::from(settings.node_cap).saturating_sub(patient.nodes.len() as u64);
    if missing == 0 {
        return Finding::ok(
            CHECK,
            format!("`{name}` holds all {} nodes, {free} free", settings.node_cap),
        );
    }
    if used >= settings.hd_less_than as f64 {
        return Finding::warning(
            CHECK,
            format!(
                "the disk of `{name}` is {used:.0} % full: no node is added above {} %",
                settings.hd_less_than
            ),
            more,
        );
    }
    // Up to where nodes are removed for the sake of the disk.
    let ceiling = now.disk_total as f64 * settings.hd_remove as f64 / 100.0;
    let room = (ceiling - now.disk_used as f64).clamp(0.0, now.disk_free as f64) as u64;
    let each = room / missing;
    let what = format!(
        "{free} free in `{name}`: {} for each of {missing} nodes to come",
        bytes(each)
    );
    match size_of_a_node(patient) {
        Some(size) if size > each => Finding::warning(
            CHECK,
            format!(
                "{what}, and one of {} has {} by now",
                patient.nodes.len(),
                bytes(size)
            ),
            more,
        ),
        _ => Finding::ok(CHECK, what),
    }
}

/// So many records of a node are weighed; all of them would be up to 16384 files.
const WEIGHED: usize = 100;

/// What the fullest node has on disk: as many records as it counts, as heavy as some of them.
fn size_of_a_node(patient: &Patient) -> Option<u64> {
    let fullest = patient.nodes.iter().max_by_key(|node| node.figures.records)?;
    let entries = fs::read_dir(fullest.home.root.join("record_store")).ok()?;
    let sizes: Vec<u64> = entries
        .flatten()
        .take(WEIGHED)
        .filter_map(|entry| entry.metadata().ok())
        .filter(|file| file.is_file())
        .map(|file| file.len())
        .collect();
    let count = sizes.len() as u64;
    let mean = sizes.iter().sum::<u64>().checked_div(count)?;
    Some(mean.saturating_mul(fullest.figures.records.unsigned_abs()))
}

/// Whether the clock is right, as far as can be known without asking the network.
pub fn clock(patient: &Patient) -> Finding {
    const CHECK: &str = "clock";
    let todo = "timedatectl set-ntp true";
    if let Some(ahead) = patient
        .last_written
        .map(|last| last.since(patient.now))
        .filter(|ahead| *ahead > 60)
    {
        return Finding::failed(
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
        Ok(ended) if ended.stdout.trim() == "yes" => Finding::ok(CHECK, "set by the network"),
        Ok(ended) if ended.stdout.trim() == "no" => {
            Finding::warning(CHECK, "not set by the network: it may be wrong", todo)
        }
        _ => Finding::ok(CHECK, "not behind anything that was recorded"),
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

/// Whether wnm handles ufw in this colony.
#[must_use]
pub fn is_ufw_ours(kind: ManagerKind, choice: crate::settings::FirewallChoice) -> bool {
    use crate::settings::FirewallChoice;
    match choice {
        FirewallChoice::Ufw => true,
        FirewallChoice::Null => false,
        FirewallChoice::Auto => kind.mode == Mode::Sudo && ufw::is_installed(),
    }
}
