//! Nodes as plain processes in sessions of their own: works wherever processes do.
//!
//! A node is what its command line says it is. `ROOT/node.pid` is a hint, believed only where the process
//! with that number names this root; `ROOT/node.command` is the node's service, for people and for discovery.

mod discover;
mod node_files;
mod spawn;
mod stop;

use std::path::PathBuf;

use crate::colony::{
    Binary, ManagerKind, Mode, Node, NodeId, ProcessState, ProcessStatus, ServiceName, Tool,
};
use crate::program::Program;
use crate::program::detached::DetachedProgram;

use super::node_layout::NodeLayout;
use super::process_scan::{Processes, runs_file, sees_others};
use super::{
    DefinedNode, LaunchPolicy, Leftover, ManagerError, ProcessManager, launch_command, leftovers,
    upgrade_commit,
};
use crate::bounded_read::words_in;
use node_files::{command_file, console, line, owner, pid_file, told};
use spawn::SpawnedNode;

/// Runs nodes as detached processes.
#[derive(Debug)]
pub struct Setsid {
    premises: NodeLayout,
    kind: ManagerKind,
}

impl Setsid {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> Setsid {
        Setsid {
            premises: NodeLayout::new(mode, policy),
            kind: ManagerKind::new(Tool::Setsid, mode),
        }
    }

    fn mode(&self) -> Mode {
        self.premises.mode()
    }

    /// All nodes that run. Where processes of others are hidden nobody can say that a node does not run.
    fn processes(&self) -> Result<Processes, ManagerError> {
        if self.mode() == Mode::Sudo && !sees_others() {
            return Err(ManagerError::Refused {
                doing: "look for nodes in",
                path: PathBuf::from("/proc"),
                why: "it hides the processes of others (`hidepid`); run wnm as root".to_owned(),
            });
        }
        Processes::scan()
    }

    fn command(&self, node: &Node) -> Result<DetachedProgram, ManagerError> {
        let mut words = vec![node.home.binary.clone().into_os_string()];
        let arguments = launch_command::arguments(node, self.premises.policy())?;
        words.extend(arguments.into_iter().map(Into::into));
        Ok(DetachedProgram {
            words,
            environment: launch_command::environment(node)?,
            account: self.premises.account(node)?,
            // In sudo mode the folder is another user's, and we are not to write there by its leave.
            console: (self.mode() == Mode::User).then(|| console(node)),
        })
    }

    /// Writes the pid where people look for it, unless it stands there. The node runs whether or not this works.
    fn note_pid(&self, node: &Node, pid: u32) {
        let (text, staging) = (format!("{pid}\n"), self.premises.staging(node, "pid"));
        if words_in(&pid_file(node)).is_some_and(|noted| noted == text) && !staging.exists() {
            return;
        }
        if let Err(error) = self.premises.check_root(node) {
            tracing::debug!("{error}");
            return;
        }
        if let Err(error) = self.premises.files.note(&pid_file(node), &text, &staging) {
            tracing::debug!("{error}");
        }
    }

    /// The same for a node found running: whoever started it may have been killed before.
    fn correct_pid(&self, node: &Node, running: &Processes) {
        if let [process] = running.of(&node.home.root) {
            self.note_pid(node, process.pid);
        }
    }

    /// Lets a node loose; none where it runs already.
    fn begin(&self, node: &Node, running: &Processes) -> Result<Option<SpawnedNode>, ManagerError> {
        if !running.of(&node.home.root).is_empty() {
            return Ok(None);
        }
        self.premises.ready(node, None)?;
        let command = self.command(node)?;
        if !command_file(node).is_file() {
            // Without it nobody would know how to start this node once its row is lost.
            self.premises.check_ground(node)?;
            self.write_command(node, &command)?;
        }
        SpawnedNode::begin(node, command).map(Some)
    }

    fn write_command(&self, node: &Node, command: &DetachedProgram) -> Result<(), ManagerError> {
        let staging = self.premises.staging(node, "command");
        self.premises
            .files
            .write(&command_file(node), &line(command), &staging)
    }

    /// Erases what a stopped node is made of.
    fn clear(&self, node: &Node) -> Result<(), ManagerError> {
        ManagerError::if_left(node, self.premises.clear(node, None))
    }

    fn service_name(&self, node: &Node) -> Result<ServiceName, ManagerError> {
        if node.service.0.is_empty() {
            return launch_command::service(node);
        }
        launch_command::service(node).map(|_| node.service.clone())
    }
}

impl ProcessManager for Setsid {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        let service = self.service_name(node)?;
        let command = self.command(node)?;
        let is_ours = command_file(node).is_file() || pid_file(node).is_file();
        if self.premises.holds_identity(node) && !is_ours {
            return Err(ManagerError::Occupied {
                root: node.home.root.clone(),
            });
        }
        let was_there = node.home.root.is_dir();
        self.premises.furnish(node, binary)?;
        if let Err(error) = self.write_command(node, &command) {
            let left = match was_there {
                true => Vec::new(),
                false => self.premises.clear(node, None),
            };
            return Err(error.with_left(left));
        }
        Ok(DefinedNode::as_asked(node, service.0))
    }

    fn start(&self, node: &Node) -> Result<(), ManagerError> {
        self.start_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let running = match self.processes() {
            Ok(running) => running,
            Err(error) => return spread(error, nodes.len()),
        };
        let mut begun: Vec<Result<Option<SpawnedNode>, ManagerError>> = Vec::with_capacity(nodes.len());
        for (nth, node) in nodes.iter().enumerate() {
            let is_twice = nodes[..nth].iter().any(|other| other.home.root == node.home.root);
            begun.push(if is_twice {
                Ok(None)
            } else {
                self.begin(node, &running)
            });
        }
        let is_new = |begun: &Result<Option<SpawnedNode>, ManagerError>| matches!(begun, Ok(Some(_)));
        if !begun.iter().any(is_new) {
            let corrected = begun.into_iter().zip(nodes);
            return corrected
                .map(|(begun, node)| begun.map(|_| self.correct_pid(node, &running)))
                .collect();
        }
        let mut births: Vec<&mut SpawnedNode> = begun
            .iter_mut()
            .filter_map(|begun| match begun {
                Ok(Some(birth)) => Some(birth),
                _ => None,
            })
            .collect();
        spawn::watch(&mut births);
        let after = match self.mode() {
            Mode::User => Processes::default(),
            Mode::Sudo => match self.processes() {
                Ok(after) => after,
                Err(error) => return spread(error, nodes.len()),
            },
        };
        begun
            .into_iter()
            .zip(nodes)
            .map(|(begun, node)| match begun? {
                None => {
                    self.correct_pid(node, &running);
                    Ok(())
                }
                Some(mut birth) => {
                    let pid = birth.outcome(&after)?;
                    self.note_pid(node, pid);
                    Ok(())
                }
            })
            .collect()
    }

    fn stop(&self, node: &Node) -> Result<(), ManagerError> {
        self.stop_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        match self.processes() {
            Ok(running) => stop::end(nodes, &running, &self.premises),
            Err(error) => spread(error, nodes.len()),
        }
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        // A run that was killed between the swap and the restart left the old binary at hand.
        let is_due = self.premises.keeps_old(node);
        let swapped = self.premises.swap(node, new, None)?;
        let all = self.processes()?;
        let running = all.of(&node.home.root);
        let is_new = |pid| runs_file(pid, &node.home.binary).unwrap_or(!swapped && !is_due);
        if !running.is_empty() && running.iter().all(|process| is_new(process.pid)) {
            self.correct_pid(node, &all);
            self.premises.forget_old(node);
            return Ok(());
        }
        let started = self.stop(node).and_then(|()| self.start(node));
        upgrade_commit::conclude(&self.premises, node, swapped, started, || self.start(node))
    }

    fn remove(&self, node: &Node) -> Result<(), ManagerError> {
        self.stop(node)?;
        let cleared = self.clear(node);
        self.premises.tidy();
        cleared
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let all: Vec<&Node> = nodes.iter().collect();
        let left = self
            .stop_many(&all)
            .into_iter()
            .zip(nodes)
            .filter_map(|(stopped, node)| {
                let removed = stopped.and_then(|()| self.clear(node));
                removed.err().map(|error| (node.id, error))
            })
            .collect();
        self.premises.tidy();
        left
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let running = self.processes()?;
        Ok(nodes
            .iter()
            .map(|node| match running.of(&node.home.root).first() {
                Some(process) => ProcessStatus::running(process.pid),
                None if node.home.root.is_dir() => ProcessStatus::without(ProcessState::Stopped),
                None => ProcessStatus::without(ProcessState::Unknown),
            })
            .collect())
    }

    fn leftovers(&self) -> Vec<Leftover> {
        leftovers::of_premises(self.premises.policy())
    }

    /// Rows of the Python wnm do not say where a node's logs are; its process does, or where all logs are one folder
    /// bears its name. Where neither does, they are in its root, and nobody is asked again.
    fn misplaced(&self, nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        let is_unsaid = |node: &&Node| node.manager == self.kind && node.home.logs.is_none();
        let unsaid: Vec<&Node> = nodes.iter().filter(is_unsaid).collect();
        if unsaid.is_empty() {
            return Vec::new();
        }
        let Ok(running) = self.processes() else {
            return Vec::new();
        };
        let logs_of = |node: &Node| match running.of(&node.home.root).iter().find_map(told) {
            Some(told) => told.logs,
            None => Some(self.premises.policy().logs.join(node.name.full()))
                .filter(|usual| usual.is_dir() && !node.logs().is_dir()),
        };
        unsaid
            .into_iter()
            .map(|node| (node.id, DefinedNode::with_logs(node, logs_of(node))))
            .collect()
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        Ok(Program::new("setsid").arg("--version").check_in(environment)?)
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        let policy = self.premises.policy();
        let running = self.processes()?;
        let mut nodes = discover::running(&running, self.kind, policy);
        nodes.extend(discover::down(&running, &nodes, self.kind, policy));
        for node in &mut nodes {
            if let Some(owner) = owner(&node.home.root).filter(|_| self.mode() == Mode::Sudo) {
                node.user = owner;
            }
        }
        nodes.sort_by(|one, other| (one.id, &one.home.root).cmp(&(other.id, &other.home.root)));
        Ok(nodes)
    }
}

/// One error for all that wanted the same.
fn spread(error: ManagerError, count: usize) -> Vec<Result<(), ManagerError>> {
    let said = error.to_string();
    let mut all: Vec<Result<(), ManagerError>> = (1..count)
        .map(|_| {
            Err(ManagerError::NotStarted {
                node: "node".to_owned(),
                why: said.clone(),
            })
        })
        .collect();
    if count > 0 {
        all.insert(0, Err(error));
    }
    all
}
