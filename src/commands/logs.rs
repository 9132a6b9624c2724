//! `wnm logs`: the log of nodes, in their log directories or in the journal. `tail` and `journalctl` print it in place of wnm,
//! so that `--follow` ends as the operator expects.

use std::path::PathBuf;

use super::RunResult;
use crate::colony::{Mode, Node, Tool};
use crate::error::{ExitError, ExitKind};
use crate::plan;
use crate::program::attached;
use crate::session::{Session, absent, read_node_rows};
use crate::store::Store;

/// The number of lines without `--lines`.
const LINES: u32 = 20;

/// The files in a log directory: antnode's own log, and what it printed.
const FILES: [&str; 2] = ["antnode.log", "console.log"];

/// Prints the log of the named nodes. It returns only if that fails.
///
/// # Errors
/// When a node has no log, or the program that prints it cannot be run.
pub(super) fn logs(session: &Session) -> Result<RunResult, ExitError> {
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let all = read_node_rows(&store)?.nodes;
    let find = |name: &String| plan::find(name, &all).ok();
    let nodes: Vec<&Node> = session.run.service_name.iter().filter_map(find).collect();
    let mut files: Vec<PathBuf> = Vec::new();
    let mut units: Vec<&Node> = Vec::new();
    for node in &nodes {
        let own: Vec<PathBuf> = FILES
            .iter()
            .map(|name| node.logs().join(name))
            .filter(|path| path.exists())
            .collect();
        match (own.is_empty(), node.manager.tool) {
            (false, _) => files.extend(own),
            (true, Tool::Systemd) => units.push(node),
            (true, _) => {
                return Err(ExitError::new(
                    ExitKind::Incomplete,
                    format_args!("{} has no log in `{}`", node.name.full(), node.logs().display()),
                )
                .hint("a node writes its log when it starts: `wnm status` shows its last problem"));
            }
        }
    }
    let lines = session.run.lines.unwrap_or(LINES).to_string();
    let words = match files.is_empty() {
        false => tail(&lines, session.run.follow, &files),
        true => journal(&lines, session.run.follow, &units),
    };
    let error = attached::replace_process(&words);
    Err(ExitError::new(
        ExitKind::Incomplete,
        format_args!("cannot run `{}`: {error}", words[0]),
    ))
}

fn tail(lines: &str, follow: bool, files: &[PathBuf]) -> Vec<String> {
    let mut words = vec!["tail".to_owned(), "-n".to_owned(), lines.to_owned()];
    words.extend(follow.then(|| "-F".to_owned()));
    words.push("--".to_owned());
    words.extend(files.iter().map(|path| path.display().to_string()));
    words
}

fn journal(lines: &str, follow: bool, nodes: &[&Node]) -> Vec<String> {
    let mut words = vec![
        "journalctl".to_owned(),
        "--no-pager".to_owned(),
        format!("--lines={lines}"),
    ];
    let is_user = nodes.first().is_some_and(|node| node.manager.mode == Mode::User);
    words.extend(is_user.then(|| "--user".to_owned()));
    words.extend(follow.then(|| "--follow".to_owned()));
    words.extend(nodes.iter().map(|node| format!("--unit={}", node.service)));
    words
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::tail;

    #[test]
    fn file_with_a_dash_is_no_flag() {
        assert_eq!(
            tail("5", true, &[PathBuf::from("-rf")]),
            ["tail", "-n", "5", "-F", "--", "-rf"]
        );
    }
}
