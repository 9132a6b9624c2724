//! Surveys: reads the figures of the machine, finds the antnode of new nodes, and queries every node.
//!
//! A survey decides nothing. It gets processes as values, and knows neither managers nor the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::{Answer, Binary, BinarySharing, BusyPort, MachineReadings, Node, NodePorts, Timestamp};

pub mod machine_reader;
pub mod observation;
pub mod openmetrics;
pub mod probe;

pub use machine_reader::SystemReader;
pub use observation::{NodeFilesystems, Observation, SAMPLE, Survey, node_filesystems, survey};
pub use probe::HttpProbe;

/// What could not be read. "cannot" precedes the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    /// A figure of the machine.
    #[error("read {what}: {cause}")]
    Instrument { what: String, cause: String },
    /// There is no antnode in any of these places.
    #[error("find `antnode`: {}", list(looked))]
    NoBinary { looked: Vec<PathBuf> },
    /// It exists, but this user cannot run it.
    #[error("run `{}`: it is not an executable file for this user", path.display())]
    NotExecutable { path: PathBuf },
    /// It failed or took too long.
    #[error("ask `{}` for its version: {cause}", path.display())]
    Unwilling { path: PathBuf, cause: String },
    /// Its output is not the version of an antnode.
    #[error("ask `{}` for its version: it answered `{said}` and not `Autonomi Node v...`", path.display())]
    NoVersion { path: PathBuf, said: String },
}

fn list(looked: &[PathBuf]) -> String {
    if looked.is_empty() {
        return "no place to look".to_owned();
    }
    let paths: Vec<String> = looked
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    format!("looked for {}", paths.join(", "))
}

/// Limits of time and number for querying nodes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one node.
    pub each: Duration,
    /// For all of them.
    pub all: Duration,
    /// Number of nodes that are queried at the same time.
    pub in_flight: usize,
    /// Time between the starts of two probes; zero: as fast as `in_flight` allows. The spacing of all probes is added
    /// to `all`.
    pub spacing: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            each: Duration::from_secs(5),
            all: Duration::from_secs(20),
            in_flight: 256,
            spacing: Duration::ZERO,
        }
    }
}

/// Queries many nodes at a time.
pub trait NodeProbe {
    /// One answer for each of `nodes`, in their order, within `limits.all`. Disabled nodes are not queried. `now` is the
    /// time of the query, which uptimes are compared with.
    fn ask(&self, nodes: &[Node], limits: &Limits, now: Timestamp) -> Vec<Answer>;
}

/// Reads the figures of the machine, and finds its antnode.
pub trait MachineReader {
    /// Levels and raw counters, without waiting. Rates follow from two readings.
    fn read(&self, storage: &Path) -> Result<MachineReadings, SurveyError>;
    /// The antnode at `path`. A binary in `known` is not run for its version again.
    fn binary(&self, path: &Path, known: &[Binary]) -> Result<Binary, SurveyError>;
    /// The device number of the filesystem of a path; None if the path does not exist.
    fn device(&self, path: &Path) -> Option<u64>;
    /// The state of each of `roots`, in their order. A root that cannot be read (no permission, a failing disk, a broken
    /// symlink) counts as present: only a root that is certainly missing is gone.
    fn has_root(&self, roots: &[PathBuf]) -> Vec<RootState>;
    /// When a file was last written, replaced or touched; None if that cannot be read.
    fn changed_at(&self, path: &Path) -> Option<Timestamp>;
    /// Whether a directory has no identity file and nothing except what a new filesystem contains. A directory that
    /// cannot be read counts as not empty.
    fn is_bare(&self, folder: &Path) -> bool;
    /// How the file of each of `programs` shares its blocks; None if it is missing or cannot be read.
    fn sharing(&self, programs: &[&Path]) -> Vec<Option<BinarySharing>>;
    /// The first of `ports` that a program on this machine already uses.
    fn busy_port(&self, ports: &NodePorts) -> Option<BusyPort>;
}

/// How many of `nodes` share their binary in each way; nodes without a binary are not counted.
#[must_use]
pub fn sharing(machine_reader: &dyn MachineReader, nodes: &[Node]) -> BTreeMap<BinarySharing, usize> {
    let programs: Vec<&Path> = nodes.iter().map(|node| node.home.binary.as_path()).collect();
    let mut counts = BTreeMap::new();
    for way in machine_reader.sharing(&programs).into_iter().flatten() {
        *counts.entry(way).or_default() += 1;
    }
    counts
}

/// What exists at the path of a node's root directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootState {
    Gone,
    There {
        /// The device number of its filesystem; None if it cannot be read.
        device: Option<u64>,
    },
}

impl RootState {
    /// Whether the root exists, for a root that is not a mount point.
    #[must_use]
    pub fn is_there(self) -> bool {
        self != RootState::Gone
    }
}

/// Where to find the antnode of new nodes.
#[derive(Clone, Copy, Debug)]
pub struct BinaryLookup<'a> {
    /// First at this path: `antnode_path`.
    pub path: &'a Path,
    /// Then as `antnode` in the directories of this PATH.
    pub search: &'a str,
}

/// Timeout of `antnode --version`; a real antnode needs 20 ms.
pub const VERSION_LIMIT: Duration = Duration::from_secs(5);

/// The antnode of new nodes: the one at its path, otherwise the first executable one on PATH.
///
/// A file on PATH that is not executable is skipped, as a shell does; one that runs without printing a version is an
/// error.
pub fn find_antnode(
    machine_reader: &dyn MachineReader,
    lookup: BinaryLookup,
    known: &[Binary],
) -> Result<Binary, SurveyError> {
    match machine_reader.binary(lookup.path, known) {
        Err(SurveyError::NoBinary { .. }) => {}
        found => return found,
    }
    let mut looked = vec![lookup.path.to_owned()];
    for directory in lookup.search.split(':').filter(|directory| !directory.is_empty()) {
        let candidate = Path::new(directory).join("antnode");
        if looked.contains(&candidate) {
            continue;
        }
        match machine_reader.binary(&candidate, known) {
            Err(SurveyError::NoBinary { .. } | SurveyError::NotExecutable { .. }) => looked.push(candidate),
            found => return found,
        }
    }
    Err(SurveyError::NoBinary { looked })
}
