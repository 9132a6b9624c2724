//! After a takeover: change no node before a survey has confirmed all of them, or while anm is back, and update the file
//! that NTracking reads.

use std::path::{self, PathBuf};

use crate::colony::{ManagerKind, Node};
use crate::error::ExitError;
use crate::plan;
use crate::session::{Colony, Session};
use crate::survey::HttpProbe;
use crate::takeover::anm::{Server, after_takeover::FinishedTakeover};

/// The takeover on this machine.
pub(super) struct TakeoverGuard {
    server: Server,
    takeover: FinishedTakeover,
    /// The colony of this run.
    database: PathBuf,
}

impl TakeoverGuard {
    /// Checks whether anm is back.
    ///
    /// # Errors
    /// When it is.
    pub(super) fn begin(session: &Session, colony: &Colony) -> Result<Option<TakeoverGuard>, ExitError> {
        let kind = colony.settings.process_manager;
        if kind != ManagerKind::ANM {
            return Ok(None);
        }
        let server = Server::real(Box::new(HttpProbe::new()));
        let Some(takeover) = FinishedTakeover::of(&server)? else {
            return Ok(None);
        };
        takeover.refuse_if_anm_is_back(&server)?;
        let database = path::absolute(&session.place.db_path).map_err(ExitError::refused)?;
        Ok(Some(TakeoverGuard {
            server,
            takeover,
            database,
        }))
    }

    /// Updates the file that NTracking reads. A failure is a warning, because the nodes do not depend on it.
    pub(super) fn update_node_details(&self, nodes: &[Node]) {
        if let Err(error) = self
            .takeover
            .update_node_details(&self.server, &self.database, nodes)
        {
            tracing::warn!("the file for NTracking was not updated: {error}");
        }
    }
}

/// Confirms the takeover if this survey found every node in its state `before` it. Until then cycles change no node.
pub(super) fn confirm(colony: &mut Colony, before: &[Node]) -> Result<(), ExitError> {
    let strayed = plan::strayed(before, &colony.nodes);
    if strayed.is_empty() {
        tracing::info!(
            "this survey found all {} nodes in their imported states; the next cycles follow the settings",
            colony.nodes.len()
        );
        return Ok(colony.store.confirm_takeover(colony.now())?);
    }
    for node in strayed {
        let was = before.iter().find(|was| was.id == node.id);
        tracing::warn!(
            "{} was imported as {}, but this survey found it {}{}; wnm changes no node until a survey finds every node \
             in its imported state",
            node.service,
            was.map_or("missing", |was| was.state.word()),
            node.state,
            if node.memory.silent > 0 { ", silent" } else { "" },
        );
    }
    Ok(())
}
