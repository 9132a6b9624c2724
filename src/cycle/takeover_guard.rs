//! What a run owes to nodes that were taken over: to touch none before they were seen to be what they were taken
//! for, none while their former manager is back, and to keep those up to date who read its files.

use std::path::{self, PathBuf};

use crate::colony::{ManagerKind, Node};
use crate::error::ExitError;
use crate::plan;
use crate::session::{Colony, Session};
use crate::survey::HttpProbe;
use crate::takeover::anm::{Server, after_takeover::FinishedTakeover};

/// What anm left on a machine whose nodes it had.
pub(super) struct TakeoverGuard {
    server: Server,
    legacy: FinishedTakeover,
    /// The colony of this run.
    database: PathBuf,
}

impl TakeoverGuard {
    /// Looks whether anm is back.
    ///
    /// # Errors
    /// When it is: nothing may be done.
    pub(super) fn begin(session: &Session, colony: &Colony) -> Result<Option<TakeoverGuard>, ExitError> {
        let kind = colony.settings.process_manager;
        if kind != ManagerKind::ANM {
            return Ok(None);
        }
        let server = Server::real(Box::new(HttpProbe::new()));
        let Some(legacy) = FinishedTakeover::of(&server)? else {
            return Ok(None);
        };
        legacy.refuse_two(&server)?;
        let database = path::absolute(&session.place.db_path).map_err(ExitError::refused)?;
        Ok(Some(TakeoverGuard {
            server,
            legacy,
            database,
        }))
    }

    /// Tells NTracking how the nodes are now. The nodes do not suffer if that fails.
    pub(super) fn tell_others(&self, nodes: &[Node]) {
        if let Err(error) = self.legacy.tell_ntracking(&self.server, &self.database, nodes) {
            tracing::warn!("NTracking is not told how the nodes are: {error}");
        }
    }
}

/// Ends the time in which nothing is done to nodes that were taken over, if this survey found all of them as they
/// were `before` it.
pub(super) fn confirm(colony: &mut Colony, before: &[Node]) -> Result<(), ExitError> {
    let strayed = plan::strayed(before, &colony.nodes);
    if strayed.is_empty() {
        tracing::info!(
            "this survey found all {} nodes as they were taken over; the next cycles act as the settings say",
            colony.nodes.len()
        );
        return Ok(colony.store.confirm_takeover(colony.now())?);
    }
    for node in strayed {
        let was = before.iter().find(|was| was.id == node.id);
        tracing::warn!(
            "{} was {}, and this survey found it {}{}; nothing is done until a survey finds every node as it was \
             written down",
            node.service,
            was.map_or("not there", |was| was.state.word()),
            node.state,
            if node.memory.silent > 0 { ", silent" } else { "" },
        );
    }
    Ok(())
}
