//! Nodes as plain processes in their own sessions, which works on every system.
//!
//! The command line of a process decides which node it is. `ROOT/node.pid` is only a hint for people, and
//! `ROOT/node.command` is the node's service: it says how the node is started.

mod discover;
mod node_files;
mod spawn;

use std::path::PathBuf;

use crate::bounded_read::words_in;
use crate::colony::{
    Binary, ManagerKind, Mode, Node, NodeId, ProcessState, ProcessStatus, ServiceName, Tool,
};
use crate::program::Program;
use crate::program::detached::DetachedProgram;

use super::node_layout::NodeLayout;
use super::process_manager::stop_and_delete;
use super::process_scan::{Processes, can_see_other_users, runs_file};
use super::stop_processes;
use super::upgrade::{self, UpgradeSteps};
use super::upgrade_group::UpgradeGroup;
use super::{DefinedNode, LaunchPolicy, Leftover, ManagerError, ProcessManager, launch_command, leftovers};
use node_files::{command_file, console, owner, pid_file, service_of, shell_line};
use spawn::SpawnedNode;

/// Runs nodes as detached processes.
#[derive(Debug)]
pub struct Setsid {
    layout: NodeLayout,
    kind: ManagerKind,
}

impl Setsid {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> Setsid {
        Setsid {
            layout: NodeLayout::new(mode, policy),
            kind: ManagerKind::new(Tool::Setsid, mode),
        }
    }

    /// All nodes that run. Fails when other users' processes are hidden: then no node can be known not to run.
    fn processes(&self) -> Result<Processes, ManagerError> {
        if self.kind.mode == Mode::Sudo && !can_see_other_users() {
            return Err(ManagerError::Refused {
                doing: "look for nodes in",
                path: PathBuf::from("/proc"),
                why: "it hides the processes of other users (`hidepid`); run wnm as root".to_owned(),
            });
        }
        Processes::scan()
    }

    fn command(&self, node: &Node) -> Result<DetachedProgram, ManagerError> {
        let mut words = vec![node.home.binary.clone().into_os_string()];
        let arguments = launch_command::arguments(node, self.layout.policy())?;
        words.extend(arguments.into_iter().map(Into::into));
        Ok(DetachedProgram {
            words,
            environment: launch_command::environment(node)?,
            account: self.layout.account(node)?,
            // In sudo mode the directory belongs to the node's account, which could redirect what root writes there.
            console: (self.kind.mode == Mode::User).then(|| console(node)),
        })
    }

    /// Writes the PID file if it does not contain this PID. The node runs whether or not this succeeds.
    fn write_pid(&self, node: &Node, pid: u32) {
        let (text, staging) = (format!("{pid}\n"), self.layout.staging(node, "pid"));
        if words_in(&pid_file(node)).is_some_and(|written| written == text) && !staging.exists() {
            return;
        }
        let checked = self.layout.paths.check_root(node);
        let files = &self.layout.files;
        if let Err(error) = checked.and_then(|()| files.write_unsynced(&pid_file(node), &text, &staging)) {
            tracing::debug!("{error}");
        }
    }

    /// Deletes the PID file of a stopped node, unless its row has an invalid root.
    fn delete_pid(&self, node: &Node) {
        let checked = self.layout.paths.check_root(node);
        let files = &self.layout.files;
        if let Err(error) = checked.and_then(|()| files.delete_unsynced(&pid_file(node))) {
            tracing::debug!("{error}");
        }
    }

    /// Writes the PID file of a node that runs already: the run that started it may have been killed before.
    fn correct_pid(&self, node: &Node, running: &Processes) {
        if let [process] = running.of(&node.home.root) {
            self.write_pid(node, process.pid);
        }
    }

    /// Spawns the process of a node; none if it runs already.
    fn spawn(&self, node: &Node, running: &Processes) -> Result<Option<SpawnedNode>, ManagerError> {
        if !running.of(&node.home.root).is_empty() {
            return Ok(None);
        }
        self.layout.prepare_start(node, None)?;
        let command = self.command(node)?;
        if !command_file(node).is_file() {
            // Without the file nobody could start this node once its row is lost.
            self.layout.paths.check_ancestors(node)?;
            self.write_command(node, &command)?;
        }
        SpawnedNode::spawn(node, command).map(Some)
    }

    fn write_command(&self, node: &Node, command: &DetachedProgram) -> Result<(), ManagerError> {
        let staging = self.layout.staging(node, "command");
        let files = &self.layout.files;
        files.write(&command_file(node), &shell_line(command), &staging)
    }

    /// Deletes the files of a stopped node.
    fn delete(&self, node: &Node) -> Result<(), ManagerError> {
        ManagerError::if_remains(node, self.layout.delete(node, None))
    }

    fn service_name(&self, node: &Node) -> Result<ServiceName, ManagerError> {
        let valid = launch_command::service(node)?;
        Ok(match node.service.0.is_empty() {
            true => valid,
            false => node.service.clone(),
        })
    }
}

impl ProcessManager for Setsid {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        let service = self.service_name(node)?;
        let command = self.command(node)?;
        let is_defined = command_file(node).is_file() || pid_file(node).is_file();
        let write_service = || self.write_command(node, &command);
        self.layout.establish(node, binary, is_defined, write_service)?;
        Ok(DefinedNode::as_requested(node, service.0))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let before = match self.processes() {
            Ok(before) => before,
            Err(error) => return error.for_each(nodes, ManagerError::not_started),
        };
        let mut spawned: Vec<Result<Option<SpawnedNode>, ManagerError>> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let is_repeated = nodes[..index]
                .iter()
                .any(|other| other.home.root == node.home.root);
            spawned.push(match is_repeated {
                true => Ok(None),
                false => self.spawn(node, &before),
            });
        }
        let mut new: Vec<&mut SpawnedNode> = spawned
            .iter_mut()
            .filter_map(|spawned| spawned.as_mut().ok()?.as_mut())
            .collect();
        let mut after = Processes::default();
        if !new.is_empty() {
            spawn::watch(&mut new);
            // Only what sudo started has to be looked up.
            if self.kind.mode == Mode::Sudo {
                match self.processes() {
                    Ok(processes) => after = processes,
                    Err(error) => return error.for_each(nodes, ManagerError::not_started),
                }
            }
        }
        let finish = |(spawned, node): (Result<Option<SpawnedNode>, ManagerError>, &&Node)| {
            match spawned? {
                None => self.correct_pid(node, &before),
                Some(mut spawned) => self.write_pid(node, spawned.result(&after)?),
            }
            Ok(())
        };
        spawned.into_iter().zip(nodes).map(finish).collect()
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        match self.processes() {
            Ok(running) => {
                let stopped = stop_processes::stop_all(nodes, &running, &self.layout);
                for (node, _) in nodes.iter().zip(&stopped).filter(|(_, stopped)| stopped.is_ok()) {
                    self.delete_pid(node);
                }
                stopped
            }
            Err(error) => error.for_each(nodes, ManagerError::not_stopped),
        }
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        let runs_current = |is_replaced: bool| {
            let all = self.processes()?;
            let running = all.of(&node.home.root);
            let is_current = |pid| runs_file(pid, &node.home.binary).unwrap_or(!is_replaced);
            let is_done = !running.is_empty() && running.iter().all(|process| is_current(process.pid));
            if is_done {
                self.correct_pid(node, &all);
            }
            Ok(is_done)
        };
        let steps = UpgradeSteps {
            runs_current: &runs_current,
            restart: &|| self.stop(node).and_then(|()| self.start(node)),
            start_again: &|| self.start(node),
        };
        upgrade::run(&self.layout, node, new, None, &steps)
    }

    fn upgrade_many(&self, nodes: &[&Node], new: &Binary) -> Vec<Result<(), ManagerError>> {
        let running = match self.processes() {
            Ok(running) => running,
            Err(error) => return error.for_each(nodes, ManagerError::not_started),
        };
        for node in nodes {
            self.correct_pid(node, &running);
        }
        UpgradeGroup::new(self, &self.layout, nodes, new).run(&running)
    }

    fn remove_many(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        self.teardown(nodes)
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let failed = stop_and_delete(nodes, |all| self.stop_many(all), |node| self.delete(node));
        self.layout.delete_unused_binaries();
        failed
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let running = self.processes()?;
        let status = |node: &Node| match running.of(&node.home.root).first() {
            Some(process) => ProcessStatus::running(process.pid),
            None if node.home.root.is_dir() => ProcessStatus::without(ProcessState::Stopped),
            None => ProcessStatus::without(ProcessState::Unknown),
        };
        Ok(nodes.iter().map(status).collect())
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        Ok(Program::new("setsid").arg("--version").check_in(environment)?)
    }

    fn leftovers(&self) -> Vec<Leftover> {
        leftovers::in_node_directories(self.layout.policy())
    }

    /// Rows of the Python wnm do not say where a node's logs are. Its process does; else a directory with the node's
    /// name where all logs are; else they are in its root.
    fn outdated_rows(&self, nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        let is_outdated = |node: &&Node| node.manager == self.kind && node.home.logs.is_none();
        let outdated: Vec<&Node> = nodes.iter().filter(is_outdated).collect();
        if outdated.is_empty() {
            return Vec::new();
        }
        let Ok(running) = self.processes() else {
            return Vec::new();
        };
        let logs_of = |node: &Node| match running.of(&node.home.root).iter().find_map(service_of) {
            Some(found) => found.logs,
            None => Some(self.layout.policy().logs.join(node.name.full()))
                .filter(|usual| usual.is_dir() && !node.logs().is_dir()),
        };
        outdated
            .into_iter()
            .map(|node| (node.id, DefinedNode::with_logs(node, logs_of(node))))
            .collect()
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        let policy = self.layout.policy();
        let running = self.processes()?;
        let mut nodes = discover::running(&running, self.kind, policy);
        nodes.extend(discover::stopped(&running, &nodes, self.kind, policy));
        for node in &mut nodes {
            if let Some(owner) = owner(&node.home.root).filter(|_| self.kind.mode == Mode::Sudo) {
                node.user = owner;
            }
        }
        nodes.sort_by(|one, other| (one.id, &one.home.root).cmp(&(other.id, &other.home.root)));
        Ok(nodes)
    }
}
