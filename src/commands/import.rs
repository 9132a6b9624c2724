//! `--import`: fills an empty colony with the nodes that exist on the machine.

use super::init::import::Import;
use crate::clock::Clock;
use crate::colony::Plural;
use crate::error::ExitError;
use crate::session::{Session, absent};
use crate::store::Store;

/// Imports the nodes of the machine into a colony without nodes. A dry run lists them.
///
/// # Errors
/// When there is no colony, it has nodes, or they cannot be read: nothing is changed.
pub(super) fn import(session: &Session) -> Result<String, ExitError> {
    let dry = session.run.dry_run;
    let _lock = if dry { None } else { Some(session.lock()?) };
    let store = if dry {
        Store::open_read_only(&session.place.db_path)
    } else {
        Store::open(&session.place.db_path)
    };
    let store = store.map_err(|error| absent(session, error))?;
    // An unreadable row counts too: it may be a node.
    let rows = store.node_rows()?;
    let count = rows.nodes.len() + rows.unread.len();
    if count > 0 {
        return Err(ExitError::refused(format_args!(
            "the colony at `{}` already has {}: `--import` needs a colony without nodes",
            session.place.db_path.display(),
            Plural(i64::try_from(count).unwrap_or(i64::MAX), "node")
        ))
        .hint("omit `--import`; to survey its nodes: `wnm --force_action survey`"));
    }
    let import = Import::find(session, Some(&store))?;
    if dry {
        let what = format!("would import into the colony {}", session.place);
        return Ok(import.preview(session, &what));
    }
    let mut columns = import.resolved.changes.clone();
    columns.push(("last_stopped_at", Some(session.clock.now().to_string())));
    store.import(&columns, &import.batch.nodes)?;
    import.log_result(session);
    Ok(String::new())
}
