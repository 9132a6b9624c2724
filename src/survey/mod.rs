//! Looking: the machine's instruments, the antnode on it, and every node asked how it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::{Answer, Binary, Instruments, Node};

/// What could not be read.
#[derive(Debug)]
pub enum Error {}

/// How long and how many at a time nodes are asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one node.
    pub each: Duration,
    /// For all of them.
    pub all: Duration,
    /// How many at a time.
    pub in_flight: usize,
    /// Between the starts of two probes; zero: as fast as `in_flight` allows.
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
    /// One answer for each of `nodes`, in their order, before `limits.all` has passed.
    fn ask(&self, nodes: &[Node], limits: &Limits) -> Vec<Answer>;
}

/// Reads the machine's instruments, and what antnode is installed.
pub trait Gauge {
    /// Levels and raw counters, without waiting; rates lie between two readings.
    fn read(&self, storage: &Path) -> Result<Instruments, Error>;
    /// The antnode at `path`; `known` saves asking it for a version it has already told.
    fn binary(&self, path: &Path, known: &[Binary]) -> Result<Binary, Error>;
    /// Which filesystem a path lies on: a number that changes when another is mounted there. None: no such path.
    fn device(&self, path: &Path) -> Option<u64>;
    /// Which of `roots` are directories, in their order.
    fn rooted(&self, roots: &[PathBuf]) -> Vec<bool>;
}
