//! Looking: the machine's instruments, the antnode on it, and every node asked how it is.
//!
//! What is seen is not judged here. Processes come in as values; nothing here knows a manager or the store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::colony::{
    Answer, Binary, Counters, Instruments, Node, Process, Rates, Sighting, State, Timestamp,
};

pub mod gauge;
pub mod openmetrics;
pub mod probe;

pub use gauge::RealGauge;
pub use probe::HttpProbe;

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An instrument of the machine.
    Instrument { what: String, cause: String },
    /// No antnode in any of the places looked at.
    NoBinary { looked: Vec<PathBuf> },
    /// There, but not for us to run.
    NotExecutable { path: PathBuf },
    /// It was run and failed or took too long.
    Unwilling { path: PathBuf, cause: String },
    /// It was run and what it said is no version of antnode.
    NoVersion { path: PathBuf, said: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Instrument { what, cause } => write!(f, "read {what}: {cause}"),
            Error::NoBinary { looked } if looked.is_empty() => f.write_str("find `antnode`: PATH is empty"),
            Error::NoBinary { looked } => {
                f.write_str("find `antnode`: looked for")?;
                for (index, path) in looked.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma} `{}`", path.display())?;
                }
                Ok(())
            }
            Error::NotExecutable { path } => {
                write!(
                    f,
                    "run `{}`: it is not an executable file for this user",
                    path.display()
                )
            }
            Error::Unwilling { path, cause } => {
                write!(f, "ask `{}` for its version: {cause}", path.display())
            }
            Error::NoVersion { path, said } => write!(
                f,
                "ask `{}` for its version: it answered `{said}` and not `Autonomi Node v...`",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Error {}

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
pub trait Gauge {
    /// Levels and raw counters, without waiting; rates lie between two readings.
    fn read(&self, storage: &Path) -> Result<Instruments, Error>;
    /// The antnode at `path`; `known` saves asking it for a version it has already told.
    fn binary(&self, path: &Path, known: &[Binary]) -> Result<Binary, Error>;
    /// Which filesystem a path lies on: a number that changes when another is mounted there. None: no such path.
    fn device(&self, path: &Path) -> Option<u64>;
    /// Which of `roots` are directories, in their order. One that cannot be looked at, for want of
    /// permission or because its disk fails, counts as there: only what is known to be gone is gone.
    fn rooted(&self, roots: &[PathBuf]) -> Vec<bool>;
}

/// Where the antnode of new nodes is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// At this path and nowhere else: `antnode_path`.
    At(&'a Path),
    /// As `antnode` in the directories of this PATH.
    On(&'a str),
}

/// The antnode of new nodes: the first that can be run.
///
/// What lies on PATH and is not executable is passed over, as a shell does; what runs and gives no
/// version is an error and not passed over.
pub fn find_antnode(gauge: &dyn Gauge, lookup: Lookup, known: &[Binary]) -> Result<Binary, Error> {
    let path = match lookup {
        Lookup::At(path) => return gauge.binary(path, known),
        Lookup::On(path) => path,
    };
    let mut looked = Vec::new();
    for directory in path.split(':').filter(|directory| !directory.is_empty()) {
        let candidate = Path::new(directory).join("antnode");
        match gauge.binary(&candidate, known) {
            Err(Error::NoBinary { .. } | Error::NotExecutable { .. }) => looked.push(candidate),
            found => return found,
        }
    }
    Err(Error::NoBinary { looked })
}

/// What one survey looks at, and what it knows from before.
pub struct Survey<'a> {
    /// All nodes; disabled ones are not asked.
    pub nodes: &'a [Node],
    /// `node_storage`.
    pub storage: &'a Path,
    /// How nodes are asked.
    pub limits: Limits,
    /// The counters of the last survey, and when the machine had been booted then.
    pub last: Option<(Counters, Timestamp)>,
    /// Where the antnode of new nodes is.
    pub antnode: Lookup<'a>,
    /// Binaries whose versions are known.
    pub known: &'a [Binary],
    /// The processes of nodes that are silent, in their order; called only when there are any.
    pub processes: &'a dyn Fn(&[Node]) -> Vec<Option<Process>>,
}

/// All that was seen, not yet judged.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When the survey began.
    pub at: Timestamp,
    /// The newest reading; its counters are what the next survey starts from.
    pub instruments: Instruments,
    /// Since the last survey, or over a second of this one.
    pub rates: Rates,
    /// The filesystem `node_storage` lies on; None: it is missing.
    pub device: Option<u64>,
    /// The antnode of new nodes.
    pub binary: Result<Binary, Error>,
    /// One for each node, in their order.
    pub sightings: Vec<Sighting>,
}

/// How long counters are sampled when the last survey's are of no use.
const SAMPLE: Duration = Duration::from_secs(1);

/// Looks at everything once.
///
/// Takes as long as the nodes take to answer; and at least a second when the last counters are too old,
/// too young, or of another boot.
pub fn survey(
    gauge: &dyn Gauge,
    probe: &dyn NodeProbe,
    clock: &dyn Clock,
    look: &Survey,
) -> Result<Observation, Error> {
    let at = clock.now();
    let before = gauge.read(look.storage)?;
    let begun = Instant::now();
    let since_last = look
        .last
        .and_then(|(counters, boot)| Rates::since(&counters, boot, &before));

    let answers = probe.ask(look.nodes, &look.limits, at);
    let sightings = sightings(gauge, look, answers);
    let binary = find_antnode(gauge, look.antnode, look.known);
    let device = gauge.device(look.storage);

    let (instruments, rates) = match since_last {
        Some(rates) => (before, rates),
        None => {
            clock.sleep(SAMPLE.saturating_sub(begun.elapsed()));
            let after = gauge.read(look.storage)?;
            let rates = Rates::between(&before.counters, &after.counters).unwrap_or_default();
            (after, rates)
        }
    };
    Ok(Observation {
        at,
        instruments,
        rates,
        device,
        binary,
        sightings,
    })
}

fn sightings(gauge: &dyn Gauge, look: &Survey, answers: Vec<Answer>) -> Vec<Sighting> {
    let roots: Vec<PathBuf> = look.nodes.iter().map(|node| node.home.root.clone()).collect();
    let mut sightings: Vec<Sighting> = answers
        .into_iter()
        .zip(look.nodes)
        .zip(gauge.rooted(&roots))
        .map(|((answer, node), rooted)| Sighting {
            answer: match node.state {
                State::Disabled => Answer::Unasked,
                _ => answer,
            },
            rooted,
            process: None,
        })
        .collect();

    let silent: Vec<usize> = sightings
        .iter()
        .enumerate()
        .filter(|(_, sighting)| sighting.answer == Answer::Silent)
        .map(|(index, _)| index)
        .collect();
    if !silent.is_empty() {
        let mute: Vec<Node> = silent.iter().map(|index| look.nodes[*index].clone()).collect();
        for (index, process) in silent.into_iter().zip((look.processes)(&mute)) {
            sightings[index].process = process;
        }
    }
    sightings
}
