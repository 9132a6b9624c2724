//! Asks before nodes are removed: on a terminal with a question, elsewhere with `--confirm`.

use std::cmp::Reverse;

use crate::colony::{Node, NodeState, Plural};
use crate::error::ExitError;
use crate::settings::{Resolved, RunOptions};
use crate::store::Store;
use crate::terminal::Terminal;

/// A colony with fewer nodes needs no `--confirm` where no terminal is.
const SMALL_COLONY: usize = 10;

/// Checks that the operator wants `nodes` of `all` to be removed, because of `cause`.
///
/// # Errors
/// When the operator answers no, or has to pass `--confirm`.
pub fn check_removal(
    run: &RunOptions,
    terminal: &Terminal,
    cause: &str,
    nodes: &[&Node],
    all: usize,
) -> Result<(), ExitError> {
    if nodes.len() < 2 && cause == FORCED || nodes.is_empty() || run.confirm || run.dry_run {
        return Ok(());
    }
    let count = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
    let text = format!(
        "{cause} removes {count} of {}, with data and identities: {}",
        Plural(i64::try_from(all).unwrap_or(i64::MAX), "node"),
        names(nodes)
    );
    if terminal.has_operator {
        terminal.print(&text);
        let answer = terminal
            .ask("Remove them? [y/N]")
            .ok()
            .flatten()
            .unwrap_or_default();
        return match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" if !crate::signals::asked_to_end() => Ok(()),
            _ => Err(ExitError::refused("no node was removed").hint("nothing was changed")),
        };
    }
    if all >= SMALL_COLONY && nodes.len() * 10 > all {
        return Err(ExitError::refused(format_args!("{text}; this needs `--confirm`")).hint(
            "nothing was changed; add `--confirm` to the command to remove these nodes, or undo the change of `node_cap`",
        ));
    }
    Ok(())
}

/// The cause of a removal that the operator requested.
pub const FORCED: &str = "this command";

/// Checks a run that lowers `node_cap` below the number of nodes.
///
/// # Errors
/// As [`check_removal`].
pub(super) fn check_cap(
    run: &RunOptions,
    terminal: &Terminal,
    store: &Store,
    resolved: &Resolved,
    nodes: &[Node],
) -> Result<(), ExitError> {
    if !resolved.changes.iter().any(|(name, _)| *name == "node_cap") {
        return Ok(());
    }
    let stored = store.stored_settings()?;
    let before = stored.iter().find(|(name, _)| name == "node_cap");
    let before = before.and_then(|(_, text)| text.as_deref()?.parse::<usize>().ok());
    let cap = usize::try_from(resolved.settings.node_cap).unwrap_or(usize::MAX);
    let mut kept: Vec<&Node> = nodes
        .iter()
        .filter(|node| !matches!(node.state, NodeState::Removing | NodeState::Dead))
        .collect();
    let above = kept.len().saturating_sub(cap);
    if above == 0 || before.is_some_and(|before| before <= cap) {
        return Ok(());
    }
    // As the cycle does: stopped nodes first, then the youngest.
    kept.sort_by_key(|node| (node.state != NodeState::Stopped, Reverse((node.born, node.id))));
    let cause = format!(
        "node_cap = {cap} ({})",
        resolved
            .source_of("node_cap")
            .map_or_else(String::new, ToString::to_string)
    );
    check_removal(run, terminal, &cause, &kept[..above], nodes.len())
}

/// The first names, and how many more there are.
fn names(nodes: &[&Node]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = nodes.iter().take(SHOWN).map(|node| node.name.full()).collect();
    match nodes.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
