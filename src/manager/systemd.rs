//! Nodes as systemd services, of the system (through sudo) or of the user.

mod discover;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Instant;

use crate::colony::{Binary, ManagerKind, Mode, Node, NodeId, ProcessState, ProcessStatus, Tool};

use super::discovered_node::DiscoveredNode;
use super::files::beside;
use super::node_layout::{NodeLayout, ServicePaths};
use super::process_manager::stop_and_delete;
use super::process_scan::{check_no_process, runs_file};
use super::stop_processes::stop_strays;
pub use super::systemctl::user_session_answers;
use super::systemctl::{Systemctl, UnitProperties, select};
use super::timeouts::{SERVICE_CHECK_INTERVAL, STARTUP_WATCH};
use super::unit_file::Unit;
use super::upgrade::{self, UpgradeSteps};
use super::{
    DefinedNode, LaunchPolicy, Leftover, ManagerError, ProcessManager, installed_unit, launch_command,
    leftovers, ownership,
};

/// Runs nodes as services.
#[derive(Debug)]
pub struct Systemd {
    layout: NodeLayout,
    kind: ManagerKind,
    systemctl: Systemctl,
    /// Whether unit files changed since the last daemon-reload.
    needs_reload: AtomicBool,
}

impl Systemd {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> Systemd {
        Systemd {
            layout: NodeLayout::new(mode, policy),
            kind: ManagerKind::new(Tool::Systemd, mode),
            systemctl: Systemctl::new(mode),
            needs_reload: AtomicBool::new(false),
        }
    }

    fn unit_directory(&self) -> &Path {
        let policy = self.layout.policy();
        match self.kind.mode {
            Mode::User => &policy.user_units,
            Mode::Sudo => &policy.system_units,
        }
    }

    fn unit_name(node: &Node) -> Result<String, ManagerError> {
        Ok(format!("{}.service", launch_command::service(node)?))
    }

    fn unit_path(&self, node: &Node) -> Result<PathBuf, ManagerError> {
        Ok(self.unit_directory().join(Systemd::unit_name(node)?))
    }

    /// The name of the node's unit, unless that unit runs something else.
    fn own_unit_name(&self, node: &Node) -> Result<String, ManagerError> {
        ownership::refuse_foreign_unit(node, &self.unit_path(node)?, self.kind.mode)?;
        Systemd::unit_name(node)
    }

    /// The node that the unit on disk runs, with the drop-ins beside it.
    fn installed_node(&self, node: &Node) -> Result<Option<DiscoveredNode>, ManagerError> {
        let path = self.unit_path(node)?;
        Ok(installed_unit::node(&path, self.kind.mode))
    }

    fn service_paths(&self, node: &Node) -> Result<Option<ServicePaths>, ManagerError> {
        Ok(self.installed_node(node)?.map(ServicePaths::from))
    }

    /// Whether the unit on disk runs this very node.
    fn is_defined(&self, node: &Node) -> Result<bool, ManagerError> {
        Ok(self.installed_node(node)?.is_some_and(|found| found.runs(node)))
    }

    fn unit_text(&self, node: &Node) -> Result<String, ManagerError> {
        let mut command = vec![node.home.binary.to_string_lossy().into_owned()];
        command.extend(launch_command::arguments(node, self.layout.policy())?);
        let unit = Unit {
            description: launch_command::service(node)?.0,
            environment: launch_command::environment(node)?,
            user: match self.kind.mode {
                Mode::User => None,
                Mode::Sudo => Some(launch_command::user(node)?.to_owned()),
            },
            command,
            ..Unit::default()
        };
        let path = self.unit_path(node)?;
        unit.text().map_err(|why| ManagerError::Refused {
            doing: "write",
            path,
            why: why.to_owned(),
        })
    }

    fn write_unit(&self, node: &Node, text: &str) -> Result<(), ManagerError> {
        let path = self.unit_path(node)?;
        if fs::read_to_string(&path).is_ok_and(|written| written == text) {
            return Ok(());
        }
        let files = &self.layout.files;
        files.make_dir_durably(self.unit_directory(), None)?;
        // Before the file, so that a failure in between costs a reload instead of leaving an old unit in use.
        self.needs_reload.store(true, Ordering::Relaxed);
        files.write(&path, text, &beside(&path, "new"))
    }

    fn reload(&self) -> Result<(), ManagerError> {
        if self.needs_reload.load(Ordering::Relaxed) {
            self.systemctl.daemon_reload()?;
            self.needs_reload.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Repairs what is missing or broken of a node's unit and binary; returns the name of the unit.
    fn prepare_start(&self, node: &Node) -> Result<String, ManagerError> {
        let name = self.own_unit_name(node)?;
        let is_defined = self.is_defined(node)?;
        // An imported unit may run an antnode outside the root that several nodes share: it is started as it is.
        if is_defined && !node.home.binary.starts_with(&node.home.root) && node.home.binary.is_file() {
            return Ok(name);
        }
        self.layout
            .prepare_start(node, self.service_paths(node)?.as_ref())?;
        if !is_defined {
            self.refuse_masked(node)?;
            self.layout.paths.check_ancestors(node)?;
            tracing::warn!("`{name}` was missing or broken: writing it again");
            self.write_unit(node, &self.unit_text(node)?)?;
        }
        Ok(name)
    }

    /// An operator masks a unit with a symlink to /dev/null, because `systemctl mask` refuses units in /etc.
    fn refuse_masked(&self, node: &Node) -> Result<(), ManagerError> {
        let path = self.unit_path(node)?;
        let is_masked = fs::read_link(&path).is_ok_and(|target| target == Path::new("/dev/null"));
        if !is_masked {
            return Ok(());
        }
        Err(ManagerError::Refused {
            doing: "start",
            path,
            why: format!(
                "it is masked, a symlink to /dev/null; to keep the node stopped: `wnm --force_action disable \
                 --service_name {}`; to start it: delete the symlink",
                node.name.full()
            ),
        })
    }

    /// Starts or restarts prepared units and watches all of them for a moment.
    fn run(&self, verb: &'static str, names: &[String]) -> Result<Vec<Result<(), String>>, ManagerError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.reload()?;
        let before = self.systemctl.show(names)?;
        if before.iter().any(|unit| unit.needs_reload) {
            self.systemctl.daemon_reload()?;
        }
        let is_wanted = |unit: &UnitProperties| verb == "restart" || !unit.is_running();
        let wanted: Vec<String> = select(names, &before, is_wanted);
        // This also resets the restart counter, so that a restart after this start is noticed.
        let failed = select(names, &before, |unit| is_wanted(unit) && unit.has_failure());
        self.systemctl.reset_failed(&failed)?;
        let complaint = self.systemctl.command(verb, &wanted)?;
        let mut first: Option<Vec<UnitProperties>> = None;
        let mut results: Vec<Result<(), String>> = names.iter().map(|_| Ok(())).collect();
        let until = Instant::now() + STARTUP_WATCH;
        while !wanted.is_empty() {
            let is_last_check = Instant::now() >= until;
            let now = self.systemctl.show(names)?;
            let first = first.get_or_insert_with(|| now.clone());
            for (index, unit) in now.iter().enumerate() {
                let has_died = !unit.is_running() || unit.restarts > first[index].restarts;
                if has_died && wanted.contains(&names[index]) && results[index].is_ok() {
                    let complaint = complaint.as_ref().and_then(|all| all.about(&names[index]));
                    results[index] = Err(unit.explain(complaint));
                }
            }
            if is_last_check || results.iter().all(Result::is_err) {
                break;
            }
            sleep(SERVICE_CHECK_INTERVAL);
        }
        Ok(results)
    }

    fn restart(&self, node: &Node, name: &str) -> Result<(), ManagerError> {
        let result = self.run("restart", &[name.to_owned()])?.pop();
        result
            .unwrap_or(Ok(()))
            .map_err(|why| ManagerError::not_started(node, why))
    }

    fn delete(&self, node: &Node) -> Result<(), ManagerError> {
        let path = self.unit_directory().join(self.own_unit_name(node)?);
        let service = self.service_paths(node)?;
        self.layout.delete_with_service(node, service.as_ref(), || {
            if fs::symlink_metadata(&path).is_err() {
                return Vec::new();
            }
            self.needs_reload.store(true, Ordering::Relaxed);
            match self.layout.files.delete(&path) {
                Ok(()) => Vec::new(),
                Err(error) => vec![(path, error.to_string())],
            }
        })
    }
}

impl ProcessManager for Systemd {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        let name = self.own_unit_name(node)?;
        let text = self.unit_text(node)?;
        let is_defined = self.is_defined(node)?;
        self.layout
            .establish(node, binary, is_defined, || self.write_unit(node, &text))?;
        Ok(DefinedNode::as_requested(node, name))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let prepared: Vec<Result<String, ManagerError>> =
            nodes.iter().map(|node| self.prepare_start(node)).collect();
        let names: Vec<String> = prepared.iter().flatten().cloned().collect();
        let mut results = self
            .run("start", &names)
            .map(Vec::into_iter)
            .map_err(|error| error.to_string());
        let finish = |(prepared, node): (Result<String, ManagerError>, &&Node)| {
            prepared?;
            let result = match &mut results {
                Ok(results) => results.next().unwrap_or(Ok(())),
                Err(why) => Err(why.clone()),
            };
            result.map_err(|why| ManagerError::not_started(node, why))
        };
        prepared.into_iter().zip(nodes).map(finish).collect()
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let named: Vec<Result<String, ManagerError>> =
            nodes.iter().map(|node| self.own_unit_name(node)).collect();
        let names: Vec<String> = named.iter().flatten().cloned().collect();
        let stopped = self.systemctl.stop(&names);
        let shown = stopped.and_then(|complaint| Ok((complaint, self.systemctl.show(&names)?)));
        if let Err(ManagerError::NoSession { .. }) = &shown {
            return nodes
                .iter()
                .map(|node| check_no_process(node, "systemd"))
                .collect();
        }
        if let Ok((_, units)) = &shown {
            // A unit that crashed before is stopped now and must not count as a failure of the machine any more.
            let failed = select(&names, units, |unit| unit.active == "failed");
            if let Err(error) = self.systemctl.reset_failed(&failed) {
                tracing::debug!("{error}");
            }
        }
        let mut shown = shown
            .map(|(complaint, units)| (complaint, units.into_iter()))
            .map_err(|error| error.to_string());
        let finish = |(name, node): (Result<String, ManagerError>, &&Node)| {
            let name = name?;
            let why = match &mut shown {
                Err(why) => why.clone(),
                Ok((complaint, units)) => match units.next() {
                    Some(unit) if unit.is_alive() => {
                        unit.explain(complaint.as_ref().and_then(|all| all.about(&name)))
                    }
                    _ => return Ok(()),
                },
            };
            Err(ManagerError::not_stopped(node, why))
        };
        let stopped = named.into_iter().zip(nodes).map(finish).collect();
        stop_strays(nodes, stopped, &self.layout)
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        let name = self.own_unit_name(node)?;
        let service = self.service_paths(node)?;
        let runs_current = |is_replaced: bool| {
            let is_current = |pid| runs_file(pid, &node.home.binary).unwrap_or(!is_replaced);
            let units = self.systemctl.show(std::slice::from_ref(&name))?;
            Ok(units
                .iter()
                .all(|unit| unit.is_running() && unit.pid.is_some_and(is_current)))
        };
        let steps = UpgradeSteps {
            runs_current: &runs_current,
            restart: &|| {
                self.prepare_start(node)
                    .and_then(|name| self.restart(node, &name))
            },
            start_again: &|| self.restart(node, &name),
        };
        upgrade::run(&self.layout, node, new, service.as_ref(), &steps)
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        stop_and_delete(nodes, |all| self.stop_many(all), |node| self.delete(node))
    }

    fn remove_many(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        self.teardown(nodes)
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let named: Vec<Option<String>> = nodes.iter().map(|node| Systemd::unit_name(node).ok()).collect();
        let names: Vec<String> = named.iter().flatten().cloned().collect();
        let mut units = self.systemctl.show(&names)?.into_iter();
        // A row whose service name is invalid has no unit.
        let status = |name: Option<String>| {
            let unit = name.and_then(|_| units.next());
            unit.map_or(ProcessStatus::without(ProcessState::Unknown), |unit| {
                unit.process_status()
            })
        };
        Ok(named.into_iter().map(status).collect())
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        self.systemctl.answers_in(environment)
    }

    fn leftovers(&self) -> Vec<Leftover> {
        let mut all = leftovers::in_node_directories(self.layout.policy());
        all.extend(leftovers::in_directory(
            self.unit_directory(),
            leftovers::number_in_unit_name,
        ));
        all
    }

    /// Rows of the Python wnm do not say where logs are: the unit does, or they are in the root.
    fn outdated_rows(&self, nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        let own_unit = |node: &Node| {
            let found = self.installed_node(node).ok()?;
            found.filter(|found| found.root == node.home.root)
        };
        nodes
            .iter()
            .filter(|node| node.manager == self.kind && node.home.logs.is_none())
            .filter_map(|node| Some((node.id, DefinedNode::with_logs(node, own_unit(node)?.logs))))
            .collect()
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        discover::in_units(self.unit_directory(), self.kind, self.layout.policy())
    }

    fn reload_definitions(&self) -> Result<(), ManagerError> {
        match self.reload() {
            // A systemd that is started later reads all units anyway.
            Err(ManagerError::NoSession { .. }) => Ok(()),
            reloaded => reloaded,
        }
    }
}
