//! Nodes as launchd jobs on macOS, of the user's desktop or of the machine (through sudo).
//!
//! A node's job is `com.autonomi.antnode-ID` as in the Python wnm, whose nodes are taken over while they run.

mod discover;
mod job_directory;
pub mod job_file;
mod label;
mod launchctl;
mod start;
mod stop;

use std::path::{Path, PathBuf};

use crate::colony::{Binary, ManagerKind, Mode, Node, NodeId, ProcessState, ProcessStatus, Tool};
use crate::program::Program;

use super::node_layout::NodeLayout;
use super::process_manager::stop_and_delete;
use super::stop_processes::stop_strays;
use super::upgrade::{self, UpgradeSteps};
use super::{DefinedNode, LaunchPolicy, Leftover, ManagerError, ProcessManager, leftovers};
use job_directory::JobDirectory;
use label::{label, number_of};
use launchctl::{Launchctl, LoadedJob};
use start::StartingJob;

/// Runs nodes as jobs.
#[derive(Debug)]
pub struct Launchd {
    layout: NodeLayout,
    kind: ManagerKind,
    jobs: JobDirectory,
    launchctl: Launchctl,
}

impl Launchd {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> Launchd {
        Launchd {
            jobs: JobDirectory::new(mode, &policy),
            layout: NodeLayout::new(mode, policy),
            kind: ManagerKind::new(Tool::Launchd, mode),
            launchctl: Launchctl::new(mode),
        }
    }

    fn write_job(&self, node: &Node, text: &str) -> Result<(), ManagerError> {
        self.jobs.write(node, text, &self.layout)
    }

    /// Repairs what is missing or broken of a node's job file and binary; returns whether launchd must read the file
    /// again.
    fn prepare_start(&self, node: &Node) -> Result<bool, ManagerError> {
        self.jobs.refuse_foreign(node)?;
        self.layout
            .prepare_start(node, self.jobs.service_paths(node).as_ref())?;
        if self.jobs.is_defined(node) {
            return Ok(false);
        }
        self.layout.paths.check_ancestors(node)?;
        let file = self.jobs.file(node);
        tracing::warn!("`{}` was missing or broken: writing it again", file.display());
        self.write_job(node, &self.jobs.text(node, self.layout.policy())?)?;
        Ok(true)
    }

    /// Replaces the node's process by one of its current binary, or starts one if it has none.
    fn restart(&self, node: &Node) -> Result<(), ManagerError> {
        let must_reload = self.prepare_start(node)?;
        let before = self.launchctl.jobs()?.get(&label(node)).and_then(|job| job.pid);
        if before.is_none() || must_reload {
            self.stop(node)?;
            return self.start(node);
        }
        let job = StartingJob::restart(&self.launchctl, label(node), self.jobs.file(node), before)?;
        let result = start::watch(&self.launchctl, &[&job])?.pop();
        result
            .unwrap_or(Ok(()))
            .map_err(|why| ManagerError::not_started(node, why))
    }

    fn delete(&self, node: &Node) -> Result<(), ManagerError> {
        self.jobs.refuse_foreign(node)?;
        let path = self.jobs.file(node);
        let mut node = node.clone();
        // The Python wnm writes a log file beside the log directory, and its rows do not contain that directory.
        let logs = self.layout.policy().logs.join(node.name.full());
        let log_file = logs.with_extension("log");
        let has_log_file = self
            .jobs
            .job(&node)
            .and_then(|job| job.console)
            .is_some_and(|console| Path::new(&console) == log_file);
        node.home.logs.get_or_insert(logs);
        let service = self.jobs.service_paths(&node);
        let is_outside = self.layout.is_outside_storage(&node);
        self.layout.delete_with_service(&node, service.as_ref(), || {
            let files = &self.layout.files;
            let mut remains: Vec<(PathBuf, String)> = Vec::new();
            if has_log_file && let Err(error) = files.delete(&log_file) {
                remains.push((log_file, error.to_string()));
            }
            if (remains.is_empty() || !is_outside)
                && let Err(error) = files.delete(&path)
            {
                remains.push((path, error.to_string()));
            }
            remains
        })?;
        // A new node, or a job made by hand, may get this label one day.
        self.launchctl.enable(&label(&node)).map(drop)
    }
}

impl ProcessManager for Launchd {
    fn define(&self, node: &Node, binary: &Binary) -> Result<DefinedNode, ManagerError> {
        self.jobs.refuse_foreign(node)?;
        let text = self.jobs.text(node, self.layout.policy())?;
        let is_defined = self.jobs.is_defined(node);
        self.layout
            .establish(node, binary, is_defined, || self.write_job(node, &text))?;
        Ok(DefinedNode::as_requested(node, label(node)))
    }

    fn start_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let prepared: Vec<Result<bool, ManagerError>> =
            nodes.iter().map(|node| self.prepare_start(node)).collect();
        let loaded = match self.launchctl.jobs() {
            Ok(loaded) => loaded,
            Err(error) => return error.for_each(nodes, ManagerError::not_started),
        };
        let begin = |(prepared, node): (Result<bool, ManagerError>, &&Node)| {
            StartingJob::start(
                &self.launchctl,
                label(node),
                self.jobs.file(node),
                prepared?,
                &loaded,
            )
        };
        let begun: Vec<Result<StartingJob, ManagerError>> =
            prepared.into_iter().zip(nodes).map(begin).collect();
        let runs_already =
            |job: &StartingJob| loaded.get(&job.label).is_some_and(|loaded| loaded.pid.is_some());
        let starting: Vec<&StartingJob> = begun.iter().flatten().filter(|job| !runs_already(job)).collect();
        let mut results = match starting.is_empty() {
            true => Ok(Vec::new().into_iter()),
            false => start::watch(&self.launchctl, &starting)
                .map(Vec::into_iter)
                .map_err(|error| error.to_string()),
        };
        let finish = |(job, node): (Result<StartingJob, ManagerError>, &&Node)| {
            if runs_already(&job?) {
                return Ok(());
            }
            let result = match &mut results {
                Ok(results) => results.next().unwrap_or(Ok(())),
                Err(why) => Err(why.clone()),
            };
            result.map_err(|why| ManagerError::not_started(node, why))
        };
        begun.into_iter().zip(nodes).map(finish).collect()
    }

    fn stop_many(&self, nodes: &[&Node]) -> Vec<Result<(), ManagerError>> {
        let stopped = stop::stop_all(&self.launchctl, &self.jobs, nodes, true);
        stop_strays(nodes, stopped, &self.layout)
    }

    fn upgrade(&self, node: &Node, new: &Binary) -> Result<(), ManagerError> {
        self.jobs.refuse_foreign(node)?;
        let service = self.jobs.service_paths(node);
        let runs_current = |is_replaced: bool| {
            let loaded = self.launchctl.jobs()?;
            let runs = loaded.get(&label(node)).is_some_and(|job| job.pid.is_some());
            Ok(runs && !is_replaced)
        };
        let steps = UpgradeSteps {
            runs_current: &runs_current,
            restart: &|| self.restart(node),
            start_again: &|| self.restart(node),
        };
        upgrade::run(&self.layout, node, new, service.as_ref(), &steps)
    }

    fn teardown(&self, nodes: &[Node]) -> Vec<(NodeId, ManagerError)> {
        let stop = |all: &[&Node]| {
            let stopped = stop::stop_all(&self.launchctl, &self.jobs, all, false);
            stop_strays(all, stopped, &self.layout)
        };
        stop_and_delete(nodes, stop, |node| self.delete(node))
    }

    fn inspect(&self, nodes: &[Node]) -> Result<Vec<ProcessStatus>, ManagerError> {
        let loaded = self.launchctl.jobs()?;
        let status = |node: &Node| match loaded.get(&label(node)) {
            Some(LoadedJob { pid, last_exit }) => ProcessStatus {
                last_exit: *last_exit,
                ..pid.map_or(
                    ProcessStatus::without(ProcessState::Stopped),
                    ProcessStatus::running,
                )
            },
            None if self.jobs.file(node).is_file() => ProcessStatus::without(ProcessState::Stopped),
            None => ProcessStatus::without(ProcessState::Unknown),
        };
        Ok(nodes.iter().map(status).collect())
    }

    fn check_tool(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        Ok(Program::new("launchctl").arg("version").check_in(environment)?)
    }

    fn leftovers(&self) -> Vec<Leftover> {
        let mut all = leftovers::in_node_directories(self.layout.policy());
        all.extend(leftovers::in_directory(self.jobs.path(), |file| {
            number_of(file.strip_suffix(".plist")?)
        }));
        all
    }

    fn discover(&self) -> Result<Vec<Node>, ManagerError> {
        let directory = self.jobs.path();
        let nodes = discover::nodes(directory, self.kind, self.layout.policy())?;
        let loaded = self.launchctl.jobs().unwrap_or_default();
        let mut without_file: Vec<&String> = loaded
            .keys()
            .filter(|label| number_of(label).is_some())
            .filter(|label| !directory.join(format!("{label}.plist")).exists())
            .collect();
        without_file.sort();
        for label in without_file {
            tracing::warn!(
                "ignoring the launchd job `{label}`: its file is not in `{}`",
                directory.display()
            );
        }
        Ok(nodes)
    }
}
