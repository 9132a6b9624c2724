//! One node of the colony.

use std::path::{Component, Path, PathBuf};

use super::{
    BinaryKey, ManagerKind, NodeFigures, NodeId, NodeName, NodePorts, NodeState, ServiceName, Timestamp,
    Version,
};

/// Where a node lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePaths {
    /// Its data; the folder that holds its identity (`secret-key`).
    pub root: PathBuf,
    /// Its logs. Rows of the peer may lack it: then `root/logs`, where antnode puts them by itself.
    pub logs: Option<PathBuf>,
    /// Its own antnode.
    pub binary: PathBuf,
}

/// What is remembered of a node from survey to survey and from start to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeHistory {
    /// Surveys in a row that it was silent.
    pub silent: u32,
    /// Surveys in a row that it was shunned beyond the limit.
    pub shunned: u32,
    /// When it last answered.
    pub last_seen: Option<Timestamp>,
    /// Starts in a row that failed.
    pub start_failures: u32,
    /// Not to be started again before.
    pub retry_at: Option<Timestamp>,
    /// What went wrong last; empty when the last thing went well.
    pub last_error: Option<String>,
    /// Its binary when its version was last learned.
    pub binary_key: Option<BinaryKey>,
    /// Of a node that was imported: what its command line says beyond the rest of this row, as words for a
    /// shell. They stand in the place of the colony's `no_upnp` and `start_args` when its service has to be
    /// written anew. None: as the colony's settings say.
    pub start_args: Option<String>,
}

/// What a node's row holds beside the node: the peer's columns that nothing here acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerColumns {
    pub machine_id: i64,
    pub container_id: Option<i64>,
    /// As it is written, which in old rows lacks the mode.
    pub manager_type: String,
    /// As it is written: old rows have an empty text where others have nothing.
    pub version: Option<String>,
    pub method: String,
    pub layout: String,
}

/// One node: what it is, where it lives, how it stood when last seen. A row of table `node`.
///
/// The row is written before the process is made and goes only after the files have gone, so there
/// is never a process of ours without a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From 1; a new node's name, ports and folder follow from it.
    pub id: NodeId,
    /// `0001`; kept as found, never made from the id again.
    pub name: NodeName,
    /// The manager's own name for it: unit, label, antctl's name.
    pub service: ServiceName,
    /// The one that made it, and always handles it.
    pub manager: ManagerKind,
    pub ports: NodePorts,
    /// A resolved address, never `faucet` or `donate`; rows of the peer may lack it.
    pub wallet: Option<String>,
    pub peer_id: Option<String>,
    /// Where its metrics port is reached.
    pub host: String,
    /// In whose name it runs.
    pub user: String,
    pub network: String,
    /// `K=V K="V W"`.
    pub environment: Option<String>,
    pub home: NodePaths,
    /// Of its own binary; None until known.
    pub version: Option<Version>,
    /// Column `age`: decides youngest and oldest, then the id does.
    pub born: Timestamp,
    pub state: NodeState,
    /// Column `timestamp`: since when it is in `state`.
    pub since: Timestamp,
    /// The last it gave.
    pub figures: NodeFigures,
    pub memory: NodeHistory,
}

impl Node {
    /// The folder of its logs, also where the row does not say.
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
