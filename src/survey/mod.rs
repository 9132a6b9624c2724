//! Looking: the machine's instruments, the antnode on it, and every node asked how it is.
//!
//! What is seen is not judged here. Processes come in as values; nothing here knows a manager or the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::{Answer, Binary, BinarySharing, MachineReadings, Node, NodePorts, Timestamp};

pub mod machine_reader;
pub mod observation;
pub mod openmetrics;
pub mod probe;

pub use machine_reader::SystemReader;
pub use observation::{NodeFilesystems, Observation, SAMPLE, Survey, footing, survey};
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

/// How long and how many at a time nodes are asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one node.
    pub each: Duration,
    /// For all of them.
    pub all: Duration,
    /// How many at a time.
    pub in_flight: usize,
    /// Between the starts of two probes; zero: as fast as `in_flight` allows. What the spacing of all of
    /// them takes is added to `all`.
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

/// Asks nodes how they are, many at a time.
pub trait NodeProbe {
    /// One answer for each of `nodes`, in their order, before `limits.all` has passed. Disabled nodes are
    /// not asked. `now` is the moment of asking, against which uptimes are held.
    fn ask(&self, nodes: &[Node], limits: &Limits, now: Timestamp) -> Vec<Answer>;
}

/// Reads the machine's instruments, and what antnode is installed.
pub trait MachineReader {
    /// Levels and raw counters, without waiting; rates lie between two readings.
    fn read(&self, storage: &Path) -> Result<MachineReadings, SurveyError>;
    /// The antnode at `path`; `known` saves asking it for a version it has already told.
    fn binary(&self, path: &Path, known: &[Binary]) -> Result<Binary, SurveyError>;
    /// Which filesystem a path lies on: a number that changes when another is mounted there. None: no such path.
    fn device(&self, path: &Path) -> Option<u64>;
    /// What stands at each of `roots`, in their order. One that cannot be looked at, for want of permission, because
    /// its disk fails or because a link leads nowhere, counts as there: only what is known to be gone is gone.
    fn rooted(&self, roots: &[PathBuf]) -> Vec<RootState>;
    /// Whether a directory has nothing in it but what a new filesystem has by itself, and no identity; one that cannot
    /// be looked into has.
    fn is_bare(&self, folder: &Path) -> bool;
    /// How the file of each of `programs` has its bytes; None where it is not there or may not be read.
    fn sharing(&self, programs: &[&Path]) -> Vec<Option<BinarySharing>>;
    /// The first of `ports` that some program on this machine already has.
    fn busy_port(&self, ports: &NodePorts) -> Option<u16>;
}

/// How many of `nodes` have their antnode in which way; those without one are left out.
#[must_use]
pub fn sharing(gauge: &dyn MachineReader, nodes: &[Node]) -> BTreeMap<BinarySharing, usize> {
    let programs: Vec<&Path> = nodes.iter().map(|node| node.home.binary.as_path()).collect();
    let mut counts = BTreeMap::new();
    for way in gauge.sharing(&programs).into_iter().flatten() {
        *counts.entry(way).or_default() += 1;
    }
    counts
}

/// What stands where a node's root directory is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootState {
    Gone,
    There {
        /// The filesystem it lies on; None where that cannot be told.
        device: Option<u64>,
    },
}

impl RootState {
    /// Whether it is the node's root, where the root is no filesystem of its own.
    #[must_use]
    pub fn is_there(self) -> bool {
        self != RootState::Gone
    }
}

/// Where the antnode of new nodes is looked for.
#[derive(Clone, Copy, Debug)]
pub struct BinaryLookup<'a> {
    /// First at this path: `antnode_path`.
    pub path: &'a Path,
    /// Then as `antnode` in the directories of this PATH.
    pub search: &'a str,
}

/// How long an antnode may take to tell its version; a real one takes 20 ms.
pub const VERSION_LIMIT: Duration = Duration::from_secs(5);

/// The antnode of new nodes: the one at its path, or else the first on PATH that can be run.
///
/// What lies on PATH and is not executable is passed over, as a shell does; what runs and gives no
/// version is an error and not passed over.
pub fn find_antnode(
    gauge: &dyn MachineReader,
    lookup: BinaryLookup,
    known: &[Binary],
) -> Result<Binary, SurveyError> {
    match gauge.binary(lookup.path, known) {
        Err(SurveyError::NoBinary { .. }) => {}
        found => return found,
    }
    let mut looked = vec![lookup.path.to_owned()];
    for directory in lookup.search.split(':').filter(|directory| !directory.is_empty()) {
        let candidate = Path::new(directory).join("antnode");
        if looked.contains(&candidate) {
            continue;
        }
        match gauge.binary(&candidate, known) {
            Err(SurveyError::NoBinary { .. } | SurveyError::NotExecutable { .. }) => looked.push(candidate),
            found => return found,
        }
    }
    Err(SurveyError::NoBinary { looked })
}
