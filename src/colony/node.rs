//! One node of the colony.

use std::path::{Component, Path, PathBuf};

use super::{
    BinaryKey, ManagerKind, NodeFigures, NodeId, NodeName, NodePorts, NodeState, ServiceName, Timestamp,
    Version,
};

/// The paths of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePaths {
    /// Its data directory, which contains its identity (`secret-key`).
    pub root: PathBuf,
    /// Its log directory. None in some rows of the peer: then it is `root/logs`, the default of antnode.
    pub logs: Option<PathBuf>,
    /// Its own copy of antnode.
    pub binary: PathBuf,
}

/// The history of a node over several surveys and starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeHistory {
    /// The number of surveys in a row without an answer.
    pub silent: u32,
    /// The number of surveys in a row in which it exceeded the limit of shuns.
    pub shunned: u32,
    /// The time of its last answer.
    pub last_seen: Option<Timestamp>,
    /// The number of starts in a row that failed.
    pub start_failures: u32,
    /// It is not started again before this time.
    pub retry_at: Option<Timestamp>,
    /// The last error; None if the last action succeeded.
    pub last_error: Option<String>,
    /// Its binary when its version was last read.
    pub binary_key: Option<BinaryKey>,
    /// How often pressure stopped it lately, and when it last did.
    pub pressure_stops: u32,
    pub pressure_stopped_at: Option<Timestamp>,
    /// The further arguments of an imported node, quoted for a shell. When its service is written again, they replace
    /// `no_upnp` and `start_args` of the settings. None: the settings apply.
    pub start_args: Option<String>,
}

/// The columns of a node's row that only the Python wnm uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerColumns {
    pub machine_id: i64,
    pub container_id: Option<i64>,
    /// The stored text; without the mode in old rows.
    pub manager_type: String,
    /// The stored text; old rows have an empty text instead of NULL.
    pub version: Option<String>,
    pub method: String,
    pub layout: String,
}

/// One node: a row of table `node`.
///
/// The row is written before the process is created, and deleted after the files, so that no process of ours is ever
/// without a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Starts at 1; determines the name, ports and directory of a new node.
    pub id: NodeId,
    /// `0001`; an imported node keeps its name, so it does not always match the id.
    pub name: NodeName,
    /// The name of its service: a unit, a launchd label, or the name that antctl chose.
    pub service: ServiceName,
    /// The manager that created it and controls it.
    pub manager: ManagerKind,
    pub ports: NodePorts,
    /// A resolved address, never `faucet` or `donate`; rows of the peer may lack it.
    pub wallet: Option<String>,
    pub peer_id: Option<String>,
    /// The host of its metrics port.
    pub host: String,
    /// The account that runs it.
    pub user: String,
    pub network: String,
    /// `K=V K="V W"`.
    pub environment: Option<String>,
    pub home: NodePaths,
    /// The version of its own binary; None until it is known.
    pub version: Option<Version>,
    /// Column `age`: the time of its creation. Nodes of the same age are ordered by id.
    pub born: Timestamp,
    pub state: NodeState,
    /// Column `timestamp`: since when it is in `state`.
    pub since: Timestamp,
    /// The last figures that it reported.
    pub figures: NodeFigures,
    pub memory: NodeHistory,
}

/// A stop because of pressure counts for the waits of later ones so long, in seconds.
const LATELY_S: i64 = 6 * 3600;

impl NodeHistory {
    /// Records that pressure stops the node.
    pub fn note_pressure_stop(&mut self, now: Timestamp) {
        let is_repeated = self
            .pressure_stopped_at
            .is_some_and(|last| (0..LATELY_S).contains(&now.since(last)));
        self.pressure_stops = if is_repeated {
            self.pressure_stops.saturating_add(1)
        } else {
            1
        };
        self.pressure_stopped_at = Some(now);
    }
}

impl Node {
    /// Its log directory, or the default if the row has none.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.home
            .logs
            .clone()
            .unwrap_or_else(|| self.home.root.join("logs"))
    }

    /// Whether its binary is inside its root directory, and the root directory inside `storage`. Only then may wnm run
    /// the binary: a row of the database may name any file.
    #[must_use]
    pub fn has_own_binary(&self, storage: &Path) -> bool {
        let NodePaths { root, binary, .. } = &self.home;
        let has_parent_parts = binary.components().any(|part| part == Component::ParentDir);
        binary.starts_with(root) && root.starts_with(storage) && !has_parent_parts
    }
}
