//! The words that complete a command line in a shell. An error completes nothing: a shell has no place to show it.

use std::ffi::OsString;
use std::sync::Arc;

use super::RunResult;
use crate::arguments::{self, NodeNames};
use crate::session::{Session, SessionStart};
use crate::settings::Variables;
use crate::store::Store;
use crate::terminal::Terminal;

/// The words for `shell`. `args`: the program, `--`, and the words of the command line.
pub(super) fn complete(shell: &str, args: &[OsString], variables: &Variables) -> RunResult {
    let variables = variables.clone();
    let nodes: NodeNames = Arc::new(move || node_names(&variables).unwrap_or_default());
    RunResult::success(arguments::complete(shell, args, &nodes).unwrap_or_default())
}

/// The names of the nodes of this user's colony.
fn node_names(variables: &Variables) -> Option<Vec<String>> {
    let start = Session::begin(vec!["wnm".into()], variables.clone(), Terminal::default()).ok()?;
    let SessionStart::Session(session) = start else {
        return None;
    };
    let store = Store::open_read_only(&session.place.db_path).ok()?;
    store.service_names().ok()
}
