//! Nodes as services of systemd: of the machine's (through sudo) or of the user's own.

mod discover;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::colony::{Binary, ManagerKind, Mode, Node, NodeId, ProcessState, ProcessStatus, Tool};

use super::discovered_node::DiscoveredNode;
use super::node_layout::{NodeLayout, ServicePaths};
use super::process_scan::{is_gone, runs_file};
pub use super::systemctl::user_session_answers;
use super::systemctl::{Systemctl, UnitProperties, pick};
use super::unit_file::Unit;
use super::{
    DefinedNode, LaunchPolicy, Leftover, ManagerError, ProcessManager, installed_unit, launch_command,
    leftovers, ownership, upgrade_commit,
};

/// A service that lives so long without being started again has found its files and its ports.
const PROVEN: Duration = Duration::from_millis(300);

/// Between two looks at services that are starting.
const LOOK: Duration = Duration::from_millis(100);

/// Runs nodes as services.
#[derive(Debug)]
pub struct Systemd {
    premises: NodeLayout,
    kind: ManagerKind,
    systemctl: Systemctl,
    /// Whether unit files changed that systemd was not told of.
    is_stale: AtomicBool,
}

impl Systemd {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> Systemd {
        Systemd {
            premises: NodeLayout::new(mode, policy),
            kind: ManagerKind::new(Tool::Systemd, mode),
            systemctl: Systemctl::new(mode),
            is_stale: AtomicBool::new(false),
        }
    }

    fn folder(&self) -> &Path {
        let policy = self.premises.policy();
        match self.premises.mode() {
            Mode::User => &policy.user_units,
            Mode::Sudo => &policy.system_units,
        }
    }

    fn unit_name(node: &Node) -> Result<String, ManagerError> {
        Ok(format!("{}.service", launch_command::service(node)?))
    }

    fn own_name(&self, node: &Node) -> Result<String, ManagerError> {
        ownership::refuse_foreign_unit(node, &self.unit_path(node)?, self.premises.mode())?;
        Systemd::unit_name(node)
    }

    fn unit_path(&self, node: &Node) -> Result<PathBuf, ManagerError> {
        Ok(self.folder().join(Systemd::unit_name(node)?))
    }

    /// What the unit on disk says of a node, with the drop-ins beside it.
    fn told(&self, node: &Node) -> Result<Option<DiscoveredNode>, ManagerError> {
        let path = self.unit_path(node)?;
        Ok(installed_unit::told(&path, self.premises.mode()))
    }

    /// Whether systemd has on disk a unit for this very node.
    fn is_defined(&self, node: &Node) -> Result<bool, ManagerError> {
        Ok(self.told(node)?.is_some_and(|told| {
            told.root == node.home.root
                && told.binary == node.home.binary
                && (told.port, told.metrics_port) == (node.ports.node, node.ports.metrics)
        }))
    }

    fn unit_text(&self, node: &Node) -> Result<String, ManagerError> {
        let mut command = vec![node.home.binary.to_string_lossy().into_owned()];
        command.extend(launch_command::arguments(node, self.premises.policy())?);
        let unit = Unit {
            description: launch_command::service(node)?.0,
            environment: launch_command::environment(node)?,
            user: match self.premises.mode() {
                Mode::User => None,
                Mode::Sudo => Some(launch_command::user(node)?.to_owned()),
            },
            command,
            ..Unit::default()
        };
        let path = self.unit_path(node)?;
        let refused = |why: &str| ManagerError::Refused {
            doing: "write",
            path: path.clone(),
            why: why.to_owned(),
        };
        unit.text().map_err(refused)
    }

    fn write_unit(&self, node: &Node, text: &str) -> Result<(), ManagerError> {
        let path = self.unit_path(node)?;
        if fs::read_to_string(&path).is_ok_and(|written| written == text) {
            return Ok(());
        }
        let files = &self.premises.files;
        files.make_lasting_dir(self.folder(), None)?;
        // Before the file, so that a failure in between costs one reload and not a stale unit.
        self.is_stale.store(true, Ordering::Relaxed);
        files.write(&path, text, &super::files::beside(&path, "new"))
    }

    fn announce(&self) -> Result<(), ManagerError> {
        if self.is_stale.load(Ordering::Relaxed) {
            self.systemctl.daemon_reload()?;
            self.is_stale.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Has everything in place for a start, mending a unit or binary that was broken or lost.
    fn ready(&self, node: &Node) -> Result<String, ManagerError> {
        let name = self.own_name(node)?;
        let is_defined = self.is_defined(node)?;
        // An imported unit may run an antnode that lies elsewhere and is several nodes'. It is started as it is.
        if is_defined && !node.home.binary.starts_with(&node.home.root) && node.home.binary.is_file() {
            return Ok(name);
        }
        let told = self.told(node)?.map(ServicePaths::from);
        self.premises.ready(node, told.as_ref())?;
        if !is_defined {
            self.premises.check_ground(node)?;
            tracing::warn!("`{name}` was lost or broken and is written anew");
            self.write_unit(node, &self.unit_text(node)?)?;
        }
        Ok(name)
    }

    /// Starts, or restarts, services that are in place, and watches all of them for a moment.
    fn run(&self, verb: &'static str, names: &[String]) -> Result<Vec<Result<(), String>>, ManagerError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.announce()?;
        let before = self.systemctl.show(names)?;
        if before.iter().any(|shown| shown.needs_reload) {
            self.systemctl.daemon_reload()?;
        }
        let is_wanted = |shown: &UnitProperties| verb == "restart" || !shown.is_running();
        let wanted: Vec<String> = pick(names, &before, is_wanted);
        // Forgets also how often it was restarted, so that a restart after this start is seen.
        let marred = pick(names, &before, |shown| is_wanted(shown) && shown.is_marred());
        self.systemctl.reset_failed(&marred)?;
        let complaint = self.systemctl.tell(verb, &wanted)?;
        let mut first: Option<Vec<UnitProperties>> = None;
        let mut outcomes: Vec<Result<(), String>> = names.iter().map(|_| Ok(())).collect();
        let until = Instant::now() + PROVEN;
        while !wanted.is_empty() {
            let is_last_look = Instant::now() >= until;
            let now = self.systemctl.show(names)?;
            let before = first.get_or_insert_with(|| now.clone());
            for (nth, shown) in now.iter().enumerate() {
                let is_lost = !shown.is_running() || shown.restarts > before[nth].restarts;
                if is_lost && wanted.contains(&names[nth]) && outcomes[nth].is_ok() {
                    let complaint = complaint
                        .as_ref()
                        .and_then(|complaint| complaint.about(&names[nth]));
                    outcomes[nth] = Err(shown.why(complaint));
                }
            }
            if is_last_look || outcomes.iter().all(Result::is_err) {
                break;
            }
            sleep(LOOK);
        }
        Ok(outcomes)
    }

    fn restart(&self, node: &Node, name: &str) -> Result<(), ManagerError> {
        let outcome = self.run("restart", &[name.to_owned()])?.pop();
        outcome.unwrap_or(Ok(())).map_err(|why| ManagerError::NotStarted {
            node: node.name.full(),
            why,
        })
    }

    fn erase(&self, node: &Node) -> Result<(), ManagerError> {
        let path = self.folder().join(self.own_name(node)?);
        let mut left = Vec::new();
        let is_elsewhere = self.premises.is_elsewhere(node);
        if is_elsewhere {
            let told = self.told(node)?.map(ServicePaths::from);
            left.extend(self.premises.clear(node, told.as_ref()));
        }
        if left.is_empty() && fs::symlink_metadata(&path).is_ok() {
            self.is_stale.store(true, Ordering::Relaxed);
            if let Err(error) = self.premises.files.delete(&path) {
                left.push((path, error.to_string()));
            }
        }
        if !is_elsewhere {
            left.extend(self.premises.clear(node, None));
        }
        self.premises.tidy();
        ManagerError::if_left(node, left)
    }
}

impl ProcessManager for Systemd {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        let name = self.own_name(node)?;
        if self.premises.holds_identity(node) && !self.is_defined(node)? {
            return Err(ManagerError::Occupied {
                root: node.home.root.clone(),
            });
        }
        let text = self.unit_text(node)?;
        let was_there = node.home.root.is_dir();
        self.premises.furnish(node, binary)?;
        if let Err(error) = self.write_unit(node, &text) {
            let left = match was_there {
                true => Vec::new(),
                false => self.premises.clear(node, None),
            };
            return Err(error.with_left(left));
        }
        Ok(DefinedNode::as_asked(node, name))
    }

    fn start(&self, node: &Node) -> Result<(), ManagerError> {
        self.start_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let ready: Vec<Result<String, ManagerError>> = nodes.iter().map(|node| self.ready(node)).collect();
        let names: Vec<String> = ready
            .iter()
            .filter_map(|name| name.as_ref().ok().cloned())
            .collect();
        let mut outcomes = self
            .run("start", &names)
            .map(Vec::into_iter)
            .map_err(|error| error.to_string());
        ready
            .into_iter()
            .zip(nodes)
            .map(|(ready, node)| {
                ready?;
                let outcome = match &mut outcomes {
                    Ok(outcomes) => outcomes.next().unwrap_or(Ok(())),
                    Err(why) => Err(why.clone()),
                };
                outcome.map_err(|why| ManagerError::NotStarted {
                    node: node.name.full(),
                    why,
                })
            })
            .collect()
    }

    fn stop(&self, node: &Node) -> Result<(), ManagerError> {
        self.stop_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let named: Vec<Result<String, ManagerError>> = nodes.iter().map(|node| self.own_name(node)).collect();
        let names: Vec<String> = named
            .iter()
            .filter_map(|name| name.as_ref().ok().cloned())
            .collect();
        let stopped = self.systemctl.stop(&names);
        let shown = stopped.and_then(|complaint| Ok((complaint, self.systemctl.show(&names)?)));
        if let Err(ManagerError::NoSession { .. }) = &shown {
            return nodes.iter().map(|node| is_gone(node, "systemd")).collect();
        }
        if let Ok((_, shown)) = &shown {
            // One that crashed before is stopped now, and no failure of the machine's any more.
            let failed = pick(&names, shown, |shown| shown.active == "failed");
            if let Err(error) = self.systemctl.reset_failed(&failed) {
                tracing::debug!("{error}");
            }
        }
        let mut shown = shown
            .map(|(complaint, shown)| (complaint, shown.into_iter()))
            .map_err(|error| error.to_string());
        named
            .into_iter()
            .zip(nodes)
            .map(|(name, node)| {
                let name = name?;
                let why = match &mut shown {
                    Err(why) => why.clone(),
                    Ok((complaint, shown)) => match shown.next() {
                        Some(shown) if shown.is_alive() => {
                            shown.why(complaint.as_ref().and_then(|complaint| complaint.about(&name)))
                        }
                        _ => return Ok(()),
                    },
                };
                Err(ManagerError::NotStopped {
                    node: node.name.full(),
                    why,
                })
            })
            .collect()
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        let name = self.own_name(node)?;
        let told = self.told(node)?.map(ServicePaths::from);
        // A run that was killed between the swap and the restart left the old binary at hand.
        let is_due = self.premises.keeps_old(node);
        let swapped = self.premises.swap(node, new, told.as_ref())?;
        let is_new = |pid| runs_file(pid, &node.home.binary).unwrap_or(!swapped && !is_due);
        let runs = |shown: &UnitProperties| shown.is_running() && shown.pid.is_some_and(is_new);
        if self.systemctl.show(std::slice::from_ref(&name))?.iter().all(runs) {
            self.premises.forget_old(node);
            return Ok(());
        }
        let started = self.ready(node).and_then(|name| self.restart(node, &name));
        upgrade_commit::conclude(&self.premises, node, swapped, started, || {
            self.restart(node, &name)
        })
    }

    fn remove(&self, node: &Node) -> Result<(), ManagerError> {
        self.stop(node)?;
        self.erase(node)
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let all: Vec<&Node> = nodes.iter().collect();
        self.stop_many(&all)
            .into_iter()
            .zip(nodes)
            .filter_map(|(stopped, node)| {
                let removed = stopped.and_then(|()| self.erase(node));
                removed.err().map(|error| (node.id, error))
            })
            .collect()
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let named: Vec<Option<String>> = nodes.iter().map(|node| Systemd::unit_name(node).ok()).collect();
        let names: Vec<String> = named.iter().flatten().cloned().collect();
        let mut shown = self.systemctl.show(&names)?.into_iter();
        // A row whose name can be no unit's has no process of systemd's.
        let process = |name: Option<String>| name.and_then(|_| shown.next()).map(|shown| shown.process());
        Ok(named
            .into_iter()
            .map(process)
            .map(|process| process.unwrap_or(ProcessStatus::without(ProcessState::Unknown)))
            .collect())
    }

    fn leftovers(&self) -> Vec<Leftover> {
        let mut all = leftovers::of_premises(self.premises.policy());
        all.extend(leftovers::in_folder(self.folder(), |file| {
            leftovers::number_of_unit(file)
        }));
        all
    }

    /// Rows of the Python wnm do not say where logs are: the unit does once, or they are in the root.
    fn misplaced(&self, nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        let own_unit = |node: &Node| self.told(node).ok()?.filter(|found| found.root == node.home.root);
        let own = nodes.iter().filter(|node| node.manager == self.kind);
        own.filter(|node| node.home.logs.is_none())
            .filter_map(|node| Some((node.id, DefinedNode::with_logs(node, own_unit(node)?.logs))))
            .collect()
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        self.systemctl.answers_under(environment)
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        discover::in_units(self.folder(), self.kind, self.premises.policy())
    }

    fn settle_definitions(&self) -> Result<(), ManagerError> {
        match self.announce() {
            // There is nobody to tell; whoever comes reads all units anew.
            Err(ManagerError::NoSession { .. }) => Ok(()),
            announced => announced,
        }
    }
}
