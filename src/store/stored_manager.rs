//! The process manager that a stored word means. Old rows lack the mode, which then follows from paths.

use rusqlite::{Connection, OptionalExtension};

use crate::colony::{ManagerKind, Mode};

use super::error::Fault;

/// The mode of nodes below `path`, for a row that does not contain it; None if the path does not show it.
pub(super) fn mode_of_path(path: &str) -> Option<Mode> {
    let under = |roots: &[&str]| roots.iter().any(|root| path.starts_with(root));
    if under(&["/var/antctl", "/var/lib/", "/etc/", "/Library/"]) {
        Some(Mode::Sudo)
    } else if under(&["/home/", "/root/", "/Users/", "/var/home/", "~"]) {
        Some(Mode::User)
    } else {
        None
    }
}

/// The manager that a stored `manager_type` means.
pub(super) fn stored_manager(
    text: &str,
    root: &str,
    service: &str,
    default_mode: Mode,
) -> Option<ManagerKind> {
    let mode = mode_of_path(service).or_else(|| mode_of_path(root));
    ManagerKind::from_stored(text, mode.unwrap_or(default_mode))
}

/// The mode of nodes whose rows and paths do not show it: that of the colony.
pub(super) fn default_mode(connection: &Connection) -> Result<Mode, Fault> {
    let word: Option<Option<String>> = connection
        .prepare_cached("SELECT CAST(process_manager AS TEXT) FROM machine WHERE id = 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let kind = word
        .flatten()
        .and_then(|word| ManagerKind::from_stored(&word, Mode::User));
    Ok(kind.map_or(Mode::User, |kind| kind.mode))
}
