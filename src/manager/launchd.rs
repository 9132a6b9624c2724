//! Nodes as jobs of launchd on macOS: of the user's desktop, or of the machine (through sudo).
//!
//! A node's job is `com.autonomi.antnode-ID`, as in the Python wnm, whose nodes are taken on as they run.

mod discover;
mod job_file;
mod launchctl;
mod start;
mod stop;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::{Binary, ManagerKind, Mode, Node, NodeId, ProcessState, ProcessStatus, Tool};
use crate::program::Program;

use super::node_layout::{NodeLayout, ServicePaths};
use super::ownership::refuse_foreign;
use super::{
    DefinedNode, LaunchPolicy, Leftover, ManagerError, ProcessManager, launch_command, leftovers,
    upgrade_commit,
};
pub use job_file::JobFile;
use launchctl::{Launchctl, LoadedJob};
use start::StartingJob;

/// Before the number of a node in the name of its job.
const FAMILY: &str = "com.autonomi.antnode-";

/// Between two looks at jobs that are starting or ending.
const LOOK: Duration = Duration::from_millis(100);

/// Runs nodes as jobs.
#[derive(Debug)]
pub struct Launchd {
    premises: NodeLayout,
    kind: ManagerKind,
    launchctl: Launchctl,
}

impl Launchd {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> Launchd {
        Launchd {
            premises: NodeLayout::new(mode, policy),
            kind: ManagerKind::new(Tool::Launchd, mode),
            launchctl: Launchctl::new(mode),
        }
    }

    fn folder(&self) -> &Path {
        let policy = self.premises.policy();
        match self.premises.mode() {
            Mode::User => &policy.user_agents,
            Mode::Sudo => &policy.system_daemons,
        }
    }

    fn file(&self, node: &Node) -> PathBuf {
        self.folder().join(format!("{}.plist", label(node)))
    }

    fn on_disk(&self, node: &Node) -> Option<JobFile> {
        discover::read(&self.file(node)).ok()
    }

    /// Whether there is a job on disk for this very node; whoever wrote it.
    fn is_defined(&self, node: &Node) -> bool {
        let Some(job) = self.on_disk(node).filter(|job| job.label == label(node)) else {
            return false;
        };
        job.told().is_some_and(|told| {
            told.root == node.home.root
                && told.binary == node.home.binary
                && (told.port, told.metrics_port) == (node.ports.node, node.ports.metrics)
        })
    }

    fn text(&self, node: &Node) -> Result<String, ManagerError> {
        let word = |path: &Path| path.to_string_lossy().into_owned();
        let mut command = vec![word(&node.home.binary)];
        command.extend(launch_command::arguments(node, self.premises.policy())?);
        let job = JobFile {
            label: label(node),
            command,
            directory: word(&node.home.root),
            environment: launch_command::environment(node)?,
            console: Some(word(&node.logs().join("console.log"))),
            user: match self.premises.mode() {
                Mode::User => None,
                Mode::Sudo => Some(launch_command::user(node)?.to_owned()),
            },
        };
        job.text().map_err(|why| ManagerError::Refused {
            doing: "write",
            path: self.file(node),
            why,
        })
    }

    /// What the node's job on disk says of where it lives.
    fn told(&self, node: &Node) -> Option<ServicePaths> {
        let job = self.on_disk(node)?;
        job.told().map(ServicePaths::from)
    }

    /// Refuses a job on disk that is not the node's.
    pub(super) fn refuse_foreign(&self, node: &Node) -> Result<(), ManagerError> {
        let command = match self.on_disk(node) {
            Some(job) => match job.told() {
                Some(found) => {
                    let word = |path: PathBuf| path.to_string_lossy().into_owned();
                    vec![word(found.binary), "--root-dir".to_owned(), word(found.root)]
                }
                None => job.command,
            },
            None => Vec::new(),
        };
        refuse_foreign(node, &command, &self.file(node))
    }

    fn write(&self, node: &Node, text: &str) -> Result<(), ManagerError> {
        let path = self.file(node);
        if fs::read_to_string(&path).is_ok_and(|written| written == text) {
            return Ok(());
        }
        let files = &self.premises.files;
        files.make_dir(self.folder(), None)?;
        files.write(&path, text, &super::files::beside(&path, "new"))
    }

    /// Has everything in place for a start, mending a job or binary that was broken or lost. Says whether
    /// launchd has to read the job anew.
    fn ready(&self, node: &Node) -> Result<bool, ManagerError> {
        self.refuse_foreign(node)?;
        self.premises.ready(node, self.told(node).as_ref())?;
        let is_lost = !self.is_defined(node);
        if is_lost {
            self.premises.check_ground(node)?;
            tracing::warn!(
                "`{}` was lost or broken and is written anew",
                self.file(node).display()
            );
            self.write(node, &self.text(node)?)?;
        }
        Ok(is_lost)
    }

    fn erase(&self, node: &Node) -> Result<(), ManagerError> {
        self.refuse_foreign(node)?;
        let path = self.file(node);
        let mut left = Vec::new();
        let mut node = node.clone();
        // The Python wnm writes next to the folder of logs, and its rows do not tell of the folder.
        let logs = self.premises.policy().logs.join(node.name.full());
        let beside = logs.with_extension("log");
        let was_beside = self
            .on_disk(&node)
            .and_then(|job| job.console)
            .is_some_and(|console| Path::new(&console) == beside);
        if was_beside && let Err(error) = self.premises.files.delete(&beside) {
            left.push((beside, error.to_string()));
        }
        node.home.logs.get_or_insert(logs);
        let is_elsewhere = self.premises.is_elsewhere(&node);
        if is_elsewhere {
            left.extend(self.premises.clear(&node, self.told(&node).as_ref()));
        }
        if (left.is_empty() || !is_elsewhere)
            && let Err(error) = self.premises.files.delete(&path)
        {
            left.push((path, error.to_string()));
        }
        if !is_elsewhere {
            left.extend(self.premises.clear(&node, None));
        }
        self.premises.tidy();
        ManagerError::if_left(&node, left)?;
        // The number may be a new node's one day, or that of a job made by hand.
        self.launchctl.enable(&label(&node)).map(|_| ())
    }
}

impl ProcessManager for Launchd {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        self.refuse_foreign(node)?;
        let is_defined = self.is_defined(node);
        if self.premises.holds_identity(node) && !is_defined {
            return Err(ManagerError::Occupied {
                root: node.home.root.clone(),
            });
        }
        let text = self.text(node)?;
        let was_there = node.home.root.is_dir();
        self.premises.furnish(node, binary)?;
        if let Err(error) = self.write(node, &text) {
            let left = match was_there {
                true => Vec::new(),
                false => self.premises.clear(node, None),
            };
            return Err(error.with_left(left));
        }
        Ok(DefinedNode::as_asked(node, label(node)))
    }

    fn start(&self, node: &Node) -> Result<(), ManagerError> {
        self.start_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let ready: Vec<Result<bool, ManagerError>> = nodes.iter().map(|node| self.ready(node)).collect();
        let jobs = match self.launchctl.jobs() {
            Ok(jobs) => jobs,
            Err(error) => return spread(nodes, &error, not_started),
        };
        let begun: Vec<Result<StartingJob, ManagerError>> = ready
            .into_iter()
            .zip(nodes)
            .map(|(ready, node)| self.begin(node, ready?, &jobs))
            .collect();
        let runs = |start: &StartingJob| jobs.get(&start.label).is_some_and(|found| found.pid.is_some());
        let starts: Vec<&StartingJob> = begun.iter().flatten().filter(|start| !runs(start)).collect();
        let mut outcomes = if starts.is_empty() {
            Ok(Vec::new().into_iter())
        } else {
            let watched = self.watch(&starts);
            watched.map(Vec::into_iter).map_err(|error| error.to_string())
        };
        begun
            .into_iter()
            .zip(nodes)
            .map(|(begun, node)| {
                if runs(&begun?) {
                    return Ok(());
                }
                let outcome = match &mut outcomes {
                    Ok(outcomes) => outcomes.next().unwrap_or(Ok(())),
                    Err(why) => Err(why.clone()),
                };
                outcome.map_err(|why| not_started(node, why))
            })
            .collect()
    }

    fn stop(&self, node: &Node) -> Result<(), ManagerError> {
        self.stop_many(&[node]).pop().unwrap_or(Ok(()))
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        self.end(nodes, true)
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        self.refuse_foreign(node)?;
        // A run that was killed between the swap and the restart left the old binary at hand.
        let was_swapped = self.premises.keeps_old(node);
        let swapped = self.premises.swap(node, new, self.told(node).as_ref())? || was_swapped;
        let jobs = self.launchctl.jobs()?;
        let runs = jobs.get(&label(node)).is_some_and(|found| found.pid.is_some());
        if runs && !swapped {
            return Ok(());
        }
        let started = self.restart(node);
        upgrade_commit::conclude(&self.premises, node, swapped, started, || self.restart(node))
    }

    fn remove(&self, node: &Node) -> Result<(), ManagerError> {
        self.teardown(std::slice::from_ref(node))
            .pop()
            .map_or(Ok(()), |(_, error)| Err(error))
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let all: Vec<&Node> = nodes.iter().collect();
        self.end(&all, false)
            .into_iter()
            .zip(nodes)
            .filter_map(|(ended, node)| {
                let removed = ended.and_then(|()| self.erase(node));
                removed.err().map(|error| (node.id, error))
            })
            .collect()
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let jobs = self.launchctl.jobs()?;
        Ok(nodes
            .iter()
            .map(|node| match jobs.get(&label(node)) {
                Some(LoadedJob {
                    pid: Some(pid),
                    last_exit,
                }) => ProcessStatus {
                    last_exit: *last_exit,
                    ..ProcessStatus::running(*pid)
                },
                Some(loaded) => ProcessStatus {
                    last_exit: loaded.last_exit,
                    ..ProcessStatus::without(ProcessState::Stopped)
                },
                None if self.file(node).is_file() => ProcessStatus::without(ProcessState::Stopped),
                None => ProcessStatus::without(ProcessState::Unknown),
            })
            .collect())
    }

    fn leftovers(&self) -> Vec<Leftover> {
        let mut all = leftovers::of_premises(self.premises.policy());
        all.extend(leftovers::in_folder(self.folder(), |file| {
            number_of(file.strip_suffix(".plist")?)
        }));
        all
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        Ok(Program::new("launchctl").arg("version").check_in(environment)?)
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        let nodes = discover::nodes(self.folder(), self.kind, self.premises.policy())?;
        let jobs = self.launchctl.jobs().unwrap_or_default();
        let mut stray: Vec<&String> = jobs
            .keys()
            .filter(|label| number_of(label).is_some())
            .filter(|label| !self.folder().join(format!("{label}.plist")).exists())
            .collect();
        stray.sort();
        for label in stray {
            tracing::warn!(
                "launchd has `{label}`, whose file is not in `{}`: it is left alone",
                self.folder().display()
            );
        }
        Ok(nodes)
    }
}

/// The name of a node's job. The row is not trusted: what is no name of a job of ours gives way to the id.
fn label(node: &Node) -> String {
    let own = node.service.0.strip_suffix(".plist").unwrap_or(&node.service.0);
    match number_of(own) {
        Some(_) => own.to_owned(),
        None => format!("{FAMILY}{}", node.id),
    }
}

/// The number of the node whose job has this label; none where it is no node's.
pub(super) fn number_of(label: &str) -> Option<NodeId> {
    let digits = label.strip_prefix(FAMILY)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(NodeId)
}

fn not_started(node: &Node, why: String) -> ManagerError {
    ManagerError::NotStarted {
        node: node.name.full(),
        why,
    }
}

fn not_stopped(node: &Node, why: String) -> ManagerError {
    ManagerError::NotStopped {
        node: node.name.full(),
        why,
    }
}

/// One error for all that wanted the same.
fn spread(
    nodes: &[&Node],
    error: &ManagerError,
    of: fn(&Node, String) -> ManagerError,
) -> Vec<Result<(), ManagerError>> {
    let said = error.to_string();
    nodes.iter().map(|node| Err(of(node, said.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_nodes_are_told_by_their_labels() {
        assert_eq!(number_of("com.autonomi.antnode-12"), Some(NodeId(12)));
        for label in [
            "com.autonomi.antnode-",
            "com.autonomi.antnode-x",
            "com.autonomi.antnode-+1",
            "com.autonomi.antnode-1/../x",
            "antnode0001",
            "",
        ] {
            assert_eq!(number_of(label), None, "{label}");
        }
    }
}
