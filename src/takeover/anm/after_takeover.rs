//! What a colony owes to anm, whose nodes it has taken over: to do nothing when anm is back, and to keep the file up
//! to date that others read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::colony::Node;

use super::fs_ops::{FileOps, FileOwner};
use super::journal::Journal;
use super::node_details_file::NodeDetail;
use super::ntracking;
use super::paths::{BLOCK, CRON, KEPT};
use super::{Server, TakeoverError};

/// The file that tells every cycle of a takeover; all may read it.
const FILE: &str = "anm.json";

/// A takeover, as each cycle must know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedTakeover {
    /// The colony that has the nodes.
    pub database: PathBuf,
    /// Where anm's own files lie.
    pub backup: PathBuf,
}

impl FinishedTakeover {
    /// What was taken over from anm on this server; None: nothing.
    ///
    /// # Errors
    /// When the file is there and cannot be understood.
    pub fn of(server: &Server) -> Result<Option<FinishedTakeover>, TakeoverError> {
        let path = file();
        let Some(text) = server.read(&path)? else {
            return Ok(None);
        };
        let legacy = serde_json::from_str(&text).map_err(|error| TakeoverError::Unreadable {
            path,
            why: error.to_string(),
        })?;
        Ok(Some(legacy))
    }

    /// Writes it down for the cycles to come.
    pub(super) fn keep(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
        let legacy = FinishedTakeover {
            database: journal.state.database.clone(),
            backup: journal.backup.clone(),
        };
        let text = serde_json::to_string_pretty(&legacy).unwrap_or_default() + "\n";
        FileOps::of(server).write(&server.path(file()), &text, FileOwner::ROOTS_CRON)
    }

    /// Forgets it, when the nodes are anm's again.
    pub(super) fn forget(server: &Server) -> Result<(), TakeoverError> {
        FileOps::of(server).remove(&server.path(file()))
    }

    /// Whether anm may run again: its cron file is back.
    ///
    /// # Errors
    /// When it is: two managers of the same nodes would undo each other's work.
    pub fn refuse_two(&self, server: &Server) -> Result<(), TakeoverError> {
        if !server.has(CRON) {
            return Ok(());
        }
        let block = if server.has(BLOCK) {
            format!("its runs still end at `{BLOCK}`")
        } else {
            format!("and `{BLOCK}` is gone, so that it acts on the nodes")
        };
        Err(TakeoverError::refused(
            format_args!(
                "`{CRON}` is back, {block}: two managers would undo each other's work, so wnm does nothing"
            ),
            format_args!(
                "`sudo rm {CRON}` if wnm shall go on, `wnm --rollback_anm` if anm shall have its nodes back; \
                 backup: `{}`",
                self.backup.display()
            ),
        ))
    }

    /// Keeps `NodeDetails` as the nodes of the colony in `database` are now; says whether that changed it. Another
    /// colony's nodes are not told of there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tell_ntracking(
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
