//! The directory of launchd job files: `~/Library/LaunchAgents` or `/Library/LaunchDaemons`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bounded_read::{ReadError, bytes_in};
use crate::colony::{Mode, Node};
use crate::manager::files::beside;
use crate::manager::node_layout::{NodeLayout, ServicePaths};
use crate::manager::ownership::refuse_foreign;
use crate::manager::{LaunchPolicy, ManagerError, launch_command};

use super::job_file::JobFile;
use super::label::label;

/// No node's job file is this long; longer files are not read.
const MAX_BYTES: u64 = 64 << 10;

/// Reads and writes job files.
#[derive(Debug)]
pub(super) struct JobDirectory {
    path: PathBuf,
    mode: Mode,
}

impl JobDirectory {
    pub(super) fn new(mode: Mode, policy: &LaunchPolicy) -> JobDirectory {
        let path = match mode {
            Mode::User => &policy.user_agents,
            Mode::Sudo => &policy.system_daemons,
        };
        JobDirectory {
            path: path.clone(),
            mode,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, node: &Node) -> PathBuf {
        self.path.join(format!("{}.plist", label(node)))
    }

    pub(super) fn job(&self, node: &Node) -> Option<JobFile> {
        read(&self.file(node)).ok()
    }

    /// Whether a job file runs this very node; whoever wrote it.
    pub(super) fn is_defined(&self, node: &Node) -> bool {
        let job = self.job(node).filter(|job| job.label == label(node));
        job.and_then(|job| job.node())
            .is_some_and(|found| found.runs(node))
    }

    /// The node's paths as its job file has them.
    pub(super) fn service_paths(&self, node: &Node) -> Option<ServicePaths> {
        self.job(node)?.node().map(ServicePaths::from)
    }

    /// Refuses a job file that runs something else than the node.
    pub(super) fn refuse_foreign(&self, node: &Node) -> Result<(), ManagerError> {
        let command = match self.job(node) {
            Some(job) => match job.node() {
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

    /// The text of a node's job file.
    pub(super) fn text(&self, node: &Node, policy: &LaunchPolicy) -> Result<String, ManagerError> {
        let word = |path: &Path| path.to_string_lossy().into_owned();
        let mut command = vec![word(&node.home.binary)];
        command.extend(launch_command::arguments(node, policy)?);
        let job = JobFile {
            label: label(node),
            command,
            directory: word(&node.home.root),
            environment: launch_command::environment(node)?,
            console: Some(word(&node.logs().join("console.log"))),
            user: match self.mode {
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

    pub(super) fn write(&self, node: &Node, text: &str, layout: &NodeLayout) -> Result<(), ManagerError> {
        let path = self.file(node);
        if fs::read_to_string(&path).is_ok_and(|written| written == text) {
            return Ok(());
        }
        layout.files.make_dir(&self.path, None)?;
        layout.files.write(&path, text, &beside(&path, "new"))
    }
}

/// Reads a job file, or says why it is none.
pub(super) fn read(path: &Path) -> Result<JobFile, String> {
    let bytes = bytes_in(path, MAX_BYTES).map_err(|why| match why {
        ReadError::Io(error) => format!("it cannot be read ({error})"),
        why => why.to_string(),
    })?;
    JobFile::read(&bytes).ok_or_else(|| "it is not a property list of a job".to_owned())
}
