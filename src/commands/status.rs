//! `wnm status`: the nodes, one line each, and a summary above them.

use super::node_problems::ProblemFacts;
use crate::clock::Clock;
use crate::colony::{Node, Timestamp};
use crate::error::ExitError;
use crate::plan;
use crate::report::status_table::{self, StatusSummary};
use crate::report::{Format, node_status};
use crate::session::{Session, absent, read_node_rows};
use crate::settings::StatusColumn;
use crate::store::{ColonyNote, Store};

/// Renders the table on a terminal, and if columns or an order are requested; elsewhere the report `node-status`.
///
/// # Errors
/// When there is no colony, it cannot be read, or a column does not exist.
pub(super) fn status(session: &Session) -> Result<String, ExitError> {
    let run = &session.run;
    let columns = columns(&run.columns)?;
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let all = read_node_rows(&store)?.nodes;
    let names = &run.service_name;
    let mut nodes: Vec<&Node> = match names.is_empty() {
        true => all.iter().collect(),
        false => names
            .iter()
            .filter_map(|name| plan::find(name, &all).ok())
            .collect(),
    };
    if let Some(sort) = run.sort {
        status_table::sort(&mut nodes, sort);
    }
    let is_table = session.terminal.columns.is_some() || columns.is_some() || run.sort.is_some();
    if run.format() == Format::Json || !is_table {
        return Ok(node_status::render(&nodes, run.format(), session.terminal.out));
    }
    let settings = session.resolve(Some(&store))?.settings;
    let last = store.last_sample()?;
    let now = session.clock.now();
    let problems = ProblemFacts::read(&store, &settings, &all)?;
    let summary = StatusSummary {
        all: &all,
        cap: settings.node_cap,
        last_cycle: last.map(|sample| sample.at),
        pause: notice(&store, now)?,
        problems: problems.context(now),
    };
    Ok(status_table::render(
        &nodes,
        &summary,
        columns.as_deref(),
        session.terminal.columns,
        session.terminal.out,
    ))
}

/// What the operator must know before he reads the table: a safety stop, or a pause.
fn notice(store: &Store, now: Timestamp) -> Result<Option<String>, ExitError> {
    let stop = store.note_text(ColonyNote::SafetyStop)?;
    let stop = stop.map(|stop| format!("the last run changed nothing: {stop}"));
    let lines: Vec<String> = stop.into_iter().chain(store.pauses()?.describe(now)).collect();
    Ok((!lines.is_empty()).then(|| lines.join("\n")))
}

fn columns(words: &[String]) -> Result<Option<Vec<StatusColumn>>, ExitError> {
    if words.is_empty() {
        return Ok(None);
    }
    if words == ["all"] {
        return Ok(Some(StatusColumn::all().collect()));
    }
    let column = |word: &String| {
        word.to_ascii_lowercase().replace('-', "_").parse().map_err(|_| {
            let known: Vec<&str> = StatusColumn::all().map(StatusColumn::word).collect();
            ExitError::mistaken(format_args!(
                "invalid value '{word}' for '--columns'; possible values: all, {}",
                known.join(", ")
            ))
        })
    };
    words.iter().map(column).collect::<Result<_, _>>().map(Some)
}
