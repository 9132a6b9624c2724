//! What cycles need to know after a takeover: whether anm is enabled again, and which file to update for NTracking.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::colony::Node;

use super::fs_ops::{FileOps, FileOwner};
use super::journal::Journal;
use super::node_details_file::NodeDetail;
use super::ntracking;
use super::paths::{BLOCK, CRON, KEPT};
use super::{Server, TakeoverError};

/// The file that records the takeover. Everybody can read it.
const FILE: &str = "anm.json";

/// A finished takeover.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedTakeover {
    /// The database of the colony that took over the nodes.
    pub database: PathBuf,
    /// The directory with the backup of anm's files.
    pub backup: PathBuf,
}

impl FinishedTakeover {
    /// The takeover on this server; `None`: there was none.
    ///
    /// # Errors
    /// When the file cannot be parsed.
    pub fn of(server: &Server) -> Result<Option<FinishedTakeover>, TakeoverError> {
        let path = file();
        let Some(text) = server.read(&path)? else {
            return Ok(None);
        };
        let takeover = serde_json::from_str(&text);
        takeover
            .map(Some)
            .map_err(|error| TakeoverError::unreadable(path, error))
    }

    /// Records the takeover for later cycles.
    pub(super) fn keep(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
        let takeover = FinishedTakeover {
            database: journal.state.database.clone(),
            backup: journal.backup.clone(),
        };
        let text = serde_json::to_string_pretty(&takeover).unwrap_or_default() + "\n";
        FileOps::of(server).write(&server.path(file()), &text, FileOwner::ROOTS_CRON)
    }

    /// Deletes the record, when the nodes are returned to anm.
    pub(super) fn forget(server: &Server) -> Result<(), TakeoverError> {
        FileOps::of(server).remove(&server.path(file()))
    }

    /// Rejects the run if anm's cron file exists again.
    ///
    /// # Errors
    /// When it exists: two managers would undo each other's work.
    pub fn refuse_if_anm_is_back(&self, server: &Server) -> Result<(), TakeoverError> {
        if !server.has(CRON) {
            return Ok(());
        }
        let block = if server.has(BLOCK) {
            format!("but its runs end at `{BLOCK}`")
        } else {
            format!("and `{BLOCK}` does not exist, so that anm acts on the nodes")
        };
        Err(TakeoverError::refused(
            format_args!(
                "`{CRON}` is back, {block}; wnm does nothing, because two managers would undo each other's work"
            ),
            format_args!(
                "to continue with wnm: `sudo rm {CRON}`; to return the nodes to anm: `wnm --rollback_anm`; \
                 backup: `{}`",
                self.backup.display()
            ),
        ))
    }

    /// Updates `NodeDetails` with the nodes of the colony in `database`, and returns whether it changed. Does nothing for
    /// another colony.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn update_node_details(
        &self,
        server: &Server,
        database: &Path,
        nodes: &[Node],
    ) -> Result<bool, TakeoverError> {
        if self.database != database {
            return Ok(false);
        }
        let details: Vec<NodeDetail> = nodes.iter().filter_map(NodeDetail::of).collect();
        ntracking::refresh(server, &details)
    }
}

fn file() -> PathBuf {
    Path::new(KEPT).join(FILE)
}
