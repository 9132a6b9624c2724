//! Replaces the names, ranges, patterns and filters of a command by the names of nodes, before anything is done.

use super::RunResult;
use crate::arguments::{OtherCommand, Subcommand};
use crate::colony::{ForcedAction, Node, NodeState};
use crate::error::ExitError;
use crate::plan::{self, NameCheck, NodeFilter};
use crate::report;
use crate::request::Request;
use crate::session::{Session, absent, read_node_rows};
use crate::settings::ReportKind;
use crate::store::Store;

/// Chooses the nodes of a command. Returns its answer if there is none to act on.
///
/// # Errors
/// A name that matches no node, or an action in words without nodes: exit code 2.
pub(super) fn choose_nodes(session: &mut Session) -> Result<Option<RunResult>, ExitError> {
    let command = session.command.as_ref().map(|words| words.command);
    let run = &session.run;
    let request = Request::new(session.command.as_ref(), run);
    let filter = NodeFilter {
        state: run.state,
        older_than: run.older_than.clone(),
        storage: run.storage.clone(),
        manager: run.manager,
        is_silent: run.silent,
    };
    let has_names = !run.service_name.is_empty();
    if command.is_some_and(Subcommand::needs_nodes) && !has_names && filter.is_empty() && run.count.is_none()
    {
        let word = command.map_or("", Subcommand::word);
        return Err(
            ExitError::mistaken(format_args!("`wnm {word}` needs to know which nodes")).hint(format_args!(
                "`wnm {word} 3 5-7`, `wnm {word} all`; `wnm help {word}` shows more"
            )),
        );
    }
    // The names of removed nodes, which no row has.
    let is_about_removed = matches!(
        request,
        Request::Order(ForcedAction::Restore, _) | Request::Report(ReportKind::History)
    );
    let check = match command {
        Some(_) if !is_about_removed => NameCheck::Strict,
        _ => NameCheck::PatternsOnly,
    };
    let has_patterns = run.service_name.iter().any(|name| plan::is_pattern(name));
    let is_needed = !filter.is_empty() || has_patterns || (check == NameCheck::Strict && has_names);
    if !is_needed {
        return Ok(None);
    }
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let nodes = read_node_rows(&store)?.nodes;
    let chosen = plan::choose_nodes(
        &run.service_name,
        &filter,
        check,
        &accepts(&request, command),
        &nodes,
    )
    .map_err(|error| ExitError::mistaken(error).hint("nothing was changed; `wnm status` lists the nodes"))?;
    if chosen.is_empty() {
        return Ok(Some(nothing_chosen(session, &request)));
    }
    session.run.service_name = chosen;
    Ok(None)
}

/// The nodes that a range or a pattern can choose: those on which the command has an effect.
fn accepts(request: &Request, command: Option<Subcommand>) -> impl Fn(&Node) -> bool {
    use NodeState::{Disabled, Restarting, Running, Stopped, Upgrading};
    let is_enable = command == Some(Subcommand::Other(OtherCommand::Enable));
    let states: &[NodeState] = match request {
        Request::Order(ForcedAction::Start, _) if is_enable => &[Disabled],
        Request::Order(ForcedAction::Start, _) => &[Stopped],
        Request::Order(ForcedAction::Stop, _) | Request::Restart(_) => &[Running, Restarting, Upgrading],
        Request::Order(ForcedAction::Upgrade, _) => &[Running, Stopped, Restarting],
        Request::Order(ForcedAction::Disable, _) => &[Running, Stopped, Restarting, Upgrading],
        _ => NodeState::ALL,
    };
    move |node| states.contains(&node.state)
}

fn nothing_chosen(session: &Session, request: &Request) -> RunResult {
    let is_report = matches!(request, Request::Report(_) | Request::Status);
    let text = match is_report {
        true => "No nodes found.",
        false => "Nothing to do: none of these nodes is in a state for it.",
    };
    RunResult::success(
        match (session.run.json || session.terminal.columns.is_none(), is_report) {
            (true, false) => report::pretty(&serde_json::json!({ "status": "no-nodes", "message": text })),
            (true, true) if session.run.json => {
                report::pretty(&serde_json::json!({ "error": "No nodes found" }))
            }
            _ => text.to_owned(),
        },
    )
}
