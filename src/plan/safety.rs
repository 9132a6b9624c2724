//! What must not pass for the death of nodes: a disk that is not there.
//!
//! The author of the peer once took 80 healthy nodes for dead because their storage was elsewhere. So no
//! node is taken for dead while the storage itself is in doubt, or when too many would die at once.

use std::fmt;
use std::path::PathBuf;

use crate::colony::{Node, Sighting, State};

/// Where nodes are stored, and whether that place is what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    pub path: PathBuf,
    /// Whether it is a directory now.
    pub present: bool,
    /// The filesystem it lay on at the last run; None: not known.
    pub device_before: Option<u64>,
    /// The filesystem it lies on now; None: not known.
    pub device_now: Option<u64>,
}

/// Why nothing may be done in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafetyStop {
    StorageMissing {
        path: PathBuf,
        roots: usize,
    },
    StorageChanged {
        path: PathBuf,
        before: u64,
        now: u64,
        roots: usize,
    },
    /// More roots went missing in one run than nodes die of.
    TooManyMissing {
        roots: usize,
        nodes: usize,
        limit: usize,
        one: PathBuf,
    },
}

/// Refuses when missing roots speak of a missing disk and not of dead nodes.
pub(super) fn check(nodes: &[Node], seen: &[Sighting], storage: &Storage) -> Result<(), SafetyStop> {
    let missing = || {
        nodes
            .iter()
            .zip(seen)
            .filter(|(node, sighting)| node.state != State::Disabled && !sighting.rooted)
            .map(|(node, _)| node)
    };
    let roots = missing().count();
    if roots == 0 {
        return Ok(());
    }
    let path = storage.path.clone();
    if !storage.present {
        return Err(SafetyStop::StorageMissing { path, roots });
    }
    if let (Some(before), Some(now)) = (storage.device_before, storage.device_now)
        && before != now
    {
        return Err(SafetyStop::StorageChanged {
            path,
            before,
            now,
            roots,
        });
    }
    let limit = most_deaths(nodes.len());
    let mut newly = missing().filter(|node| may_die(node.state));
    match newly.next() {
        Some(one) if 1 + newly.count() > limit => Err(SafetyStop::TooManyMissing {
            roots: missing().filter(|node| may_die(node.state)).count(),
            nodes: nodes.len(),
            limit,
            one: one.home.root.clone(),
        }),
        _ => Ok(()),
    }
}

/// Whether a node in this state becomes DEAD when its root is missing. A node that is being removed has
/// half lost it already, one that is being moved has it elsewhere, and a disabled one is left alone.
pub(super) fn may_die(state: State) -> bool {
    match state {
        State::Running | State::Stopped | State::Restarting | State::Upgrading => true,
        State::Removing | State::Migrating | State::Dead | State::Disabled => false,
    }
}

/// The most nodes that may die in one run: one, or a tenth of them.
fn most_deaths(nodes: usize) -> usize {
    (nodes / 10).max(1)
}

impl fmt::Display for SafetyStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SafetyStop::StorageMissing { path, roots } => write!(
                f,
                "safety stop: `node_storage` `{}` is not there, and {roots} nodes have no root directory; \
                 check that its disk is mounted, or give `--confirm` to have those nodes removed",
                path.display()
            ),
            SafetyStop::StorageChanged {
                path,
                before,
                now,
                roots,
            } => write!(
                f,
                "safety stop: `node_storage` `{}` lies on another filesystem than before (device {now}, was \
                 {before}), and {roots} nodes have no root directory; check what is mounted there, or give \
                 `--confirm` to have those nodes removed",
                path.display()
            ),
            SafetyStop::TooManyMissing {
                roots,
                nodes,
                limit,
                one,
            } => write!(
                f,
                "safety stop: {roots} of {nodes} nodes lost their root directory at once, no more than \
                 {limit} may; check the disk of `{}`, or give `--confirm` to have those nodes removed",
                one.display()
            ),
        }
    }
}
