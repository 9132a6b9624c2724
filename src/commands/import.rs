//! `--import`: takes the nodes of the machine that have no row into the colony.

use super::init::import::Import;
use crate::clock::Clock;
use crate::colony::Plural;
use crate::error::ExitError;
use crate::session::{Session, absent};
use crate::store::Store;

/// Imports the nodes of the machine that the colony does not have. A dry run lists them.
///
/// # Errors
/// When there is no colony, it has all nodes already, or they cannot be read: nothing is changed.
pub(super) fn import(session: &Session) -> Result<String, ExitError> {
    let dry = session.run.dry_run;
    let _lock = if dry { None } else { Some(session.lock()?) };
    let store = if dry {
        Store::open_read_only(&session.place.db_path)
    } else {
        Store::open(&session.place.db_path)
    };
    let store = store.map_err(|error| absent(session, error))?;
    let rows = store.node_rows()?;
    if let Some(row) = rows.unread.first() {
        // Its node would be taken a second time.
        return Err(ExitError::refused(format_args!(
            "cannot import while a row of the database cannot be read: {}",
            row.why
        ))
        .hint("`wnm --doctor` lists these rows"));
    }
    let import = Import::find(session, Some(&store), &rows.nodes)?;
    if import.batch.nodes.is_empty() && !rows.nodes.is_empty() {
        let count = i64::try_from(rows.nodes.len()).unwrap_or(i64::MAX);
        return Err(ExitError::refused(format_args!(
            "the colony at `{}` already has {}, and there are no others to import",
            session.place.db_path.display(),
            Plural(count, "node")
        ))
        .hint("omit `--import`; to survey its nodes: `wnm --force_action survey`"));
    }
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
