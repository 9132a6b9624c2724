//! `wnm status`: a summary line, and one line for each node that fits the terminal.

use std::cmp::Reverse;

use crate::colony::{Node, NodeState, Timestamp, Version};
use crate::plan::ProblemContext;
use crate::settings::StatusColumn;
use crate::terminal::{Color, Coloring};

use super::node_status::state_color;
use super::table::{self, Cell, Column, Row};

/// What the summary line shows.
pub struct StatusSummary<'a> {
    /// Every node of the colony, also those that the table does not show.
    pub all: &'a [Node],
    pub cap: u32,
    /// When the last cycle ran.
    pub last_cycle: Option<Timestamp>,
    /// What a paused colony waits for.
    pub pause: Option<String>,
    pub problems: ProblemContext<'a>,
}

/// The columns that the table shows unless others are requested.
const USUAL: &[StatusColumn] = &[
    StatusColumn::Id,
    StatusColumn::State,
    StatusColumn::Version,
    StatusColumn::Age,
    StatusColumn::Uptime,
    StatusColumn::Memory,
    StatusColumn::Cpu,
    StatusColumn::Peers,
    StatusColumn::Records,
    StatusColumn::Storage,
    StatusColumn::Problem,
];

/// Sorts nodes by a column: numbers from high to low, texts from A to Z.
pub fn sort(nodes: &mut [&Node], column: StatusColumn) {
    let text = |node: &Node| match column {
        StatusColumn::Service => node.service.0.clone(),
        StatusColumn::Manager => node.manager.to_string(),
        StatusColumn::Storage => node.home.root.display().to_string(),
        StatusColumn::PeerId => node.peer_id.clone().unwrap_or_default(),
        StatusColumn::Wallet => node.wallet.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let number = |node: &Node| {
        let figures = &node.figures;
        match column {
            StatusColumn::Age => -node.born.0,
            StatusColumn::Uptime => figures.uptime,
            StatusColumn::Memory => figures.mem,
            StatusColumn::Cpu => figures.cpu,
            StatusColumn::Peers => figures.connected_peers,
            StatusColumn::Records => figures.records,
            StatusColumn::Shunned => figures.shunned,
            StatusColumn::Problem => i64::from(node.memory.last_error.is_some() || node.memory.silent > 0),
            _ => 0,
        }
    };
    match column {
        StatusColumn::Id => nodes.sort_by_key(|node| node.id),
        StatusColumn::State => nodes.sort_by_key(|node| (node.state, node.id)),
        StatusColumn::Rewards => nodes.sort_by_key(|node| {
            let digits = node.figures.rewards.trim_start_matches('0').to_owned();
            Reverse((digits.len(), digits))
        }),
        StatusColumn::Version => nodes.sort_by(|one, other| match (&one.version, &other.version) {
            (Some(one), Some(other)) if one.is_older_than(other) => std::cmp::Ordering::Less,
            (Some(one), Some(other)) if other.is_older_than(one) => std::cmp::Ordering::Greater,
            (one, other) => one.is_some().cmp(&other.is_some()),
        }),
        _ => nodes.sort_by_key(|node| (Reverse(number(node)), text(node), node.id)),
    }
}

/// The summary and the table. `width`: that of the terminal; without one, no line is cut.
#[must_use]
pub fn render(
    nodes: &[&Node],
    summary: &StatusSummary<'_>,
    columns: Option<&[StatusColumn]>,
    width: Option<usize>,
    style: Coloring,
) -> String {
    let mut lines = vec![summary_line(summary, style)];
    if let Some(pause) = &summary.pause {
        lines.push(style.paint(Color::Yellow, pause));
    }
    if nodes.is_empty() {
        lines.push("No nodes found.".to_owned());
        return lines.join("\n");
    }
    let is_chosen = columns.is_some();
    let mut columns: Vec<StatusColumn> = columns.unwrap_or(USUAL).to_vec();
    if !is_chosen && nodes.iter().all(|node| summary.problems.describe(node).is_none()) {
        columns.retain(|column| *column != StatusColumn::Problem);
    }
    let storages = storage_labels(nodes);
    let rows: Vec<Vec<Cell>> = nodes
        .iter()
        .zip(&storages)
        .map(|(node, storage)| {
            let cell = |column: &StatusColumn| cell(*column, node, storage, summary);
            columns.iter().map(cell).collect()
        })
        .collect();
    lines.extend(fitted(&columns, rows, width, style));
    lines.join("\n")
}

/// The lines of the table. The last two columns that have text are cut, so that each node is one line.
fn fitted(
    columns: &[StatusColumn],
    mut rows: Vec<Vec<Cell>>,
    width: Option<usize>,
    style: Coloring,
) -> Vec<String> {
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let cells = rows.iter().map(|row| table::width(&row[place].text));
            cells.max().unwrap_or_default().max(heading(*column).len())
        })
        .collect();
    if let Some(width) = width {
        let mut excess = (widths.iter().sum::<usize>() + 2 * (widths.len() - 1)).saturating_sub(width);
        for (column, least) in [(StatusColumn::Storage, 8), (StatusColumn::Problem, 7)] {
            let Some(place) = columns.iter().position(|own| *own == column) else {
                continue;
            };
            let room = widths[place].saturating_sub(excess).max(least).min(widths[place]);
            for row in &mut rows {
                row[place].text = match column {
                    StatusColumn::Storage => table::fit_end(&row[place].text, room),
                    _ => table::fit(&row[place].text, room),
                };
            }
            excess = excess.saturating_sub(widths[place] - room);
        }
    }
    let columns: Vec<Column> = columns
        .iter()
        .map(|column| match is_number(*column) {
            true => Column::number(heading(*column), 0),
            false => Column::text(heading(*column), 0),
        })
        .collect();
    let rows: Vec<Row> = rows.into_iter().map(Row::from).collect();
    table::lines(&columns, &rows, style)
}

fn summary_line(summary: &StatusSummary<'_>, style: Coloring) -> String {
    let count = |wanted: NodeState| summary.all.iter().filter(|node| node.state == wanted).count();
    let mut parts: Vec<String> = NodeState::ALL
        .iter()
        .zip(NodeState::WORDS)
        .filter(|(state, _)| count(**state) > 0)
        .map(|(state, word)| style.paint(state_color(*state), &format!("{} {word}", count(*state))))
        .collect();
    let silent = summary.all.iter().filter(|node| node.memory.silent > 0).count();
    if silent > 0 {
        parts.push(style.paint(Color::Yellow, &format!("{silent} silent")));
    }
    let states = match parts.is_empty() {
        true => "no nodes".to_owned(),
        false => format!("{} nodes: {}", summary.all.len(), parts.join(", ")),
    };
    let cycle = match summary.last_cycle {
        Some(at) => format!("last run {} ago", span(summary.problems.now.since(at))),
        None => "no run yet".to_owned(),
    };
    let version = summary
        .problems
        .newest
        .map(|newest| format!("; antnode {newest}"));
    format!(
        "{states}; cap {}; {cycle}{}",
        summary.cap,
        version.unwrap_or_default()
    )
}

fn heading(column: StatusColumn) -> &'static str {
    match column {
        StatusColumn::Id => "ID",
        StatusColumn::Service => "SERVICE",
        StatusColumn::State => "STATE",
        StatusColumn::Version => "VERSION",
        StatusColumn::Age => "AGE",
        StatusColumn::Uptime => "UP",
        StatusColumn::Memory => "MEM",
        StatusColumn::Cpu => "CPU",
        StatusColumn::Peers => "PEERS",
        StatusColumn::Records => "RECS",
        StatusColumn::Rewards => "REWARDS",
        StatusColumn::Shunned => "SHUN",
        StatusColumn::Manager => "MANAGER",
        StatusColumn::Storage => "STORAGE",
        StatusColumn::PeerId => "PEER ID",
        StatusColumn::Wallet => "WALLET",
        StatusColumn::Problem => "PROBLEM",
    }
}

fn is_number(column: StatusColumn) -> bool {
    use StatusColumn::{Age, Cpu, Id, Memory, Peers, Records, Rewards, Shunned, Uptime};
    matches!(
        column,
        Id | Age | Uptime | Memory | Cpu | Peers | Records | Rewards | Shunned
    )
}

fn cell(column: StatusColumn, node: &Node, storage: &str, summary: &StatusSummary<'_>) -> Cell {
    let figures = &node.figures;
    let is_up = node.state == NodeState::Running;
    let if_up = |text: String| if is_up { text } else { "-".to_owned() };
    let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
    match column {
        StatusColumn::Id => node.id.0.to_string().into(),
        StatusColumn::Service => node.service.0.as_str().into(),
        StatusColumn::State => Cell::colored(node.state.word().to_ascii_lowercase(), state_color(node.state)),
        StatusColumn::Version => or_dash(node.version.as_ref().map(Version::as_str)).into(),
        StatusColumn::Age => span(summary.problems.now.since(node.born)).into(),
        StatusColumn::Uptime => if_up(span(figures.uptime)).into(),
        StatusColumn::Memory => if_up(megabytes(figures.mem)).into(),
        StatusColumn::Cpu => if_up(format!("{:.1}%", figures.cpu as f64 / 100.0)).into(),
        StatusColumn::Peers => if_up(figures.connected_peers.to_string()).into(),
        StatusColumn::Records => if_up(figures.records.to_string()).into(),
        StatusColumn::Rewards => tokens(&figures.rewards).into(),
        StatusColumn::Shunned => if_up(figures.shunned.to_string()).into(),
        StatusColumn::Manager => node.manager.to_string().into(),
        StatusColumn::Storage => storage.into(),
        StatusColumn::PeerId => or_dash(node.peer_id.as_deref()).into(),
        StatusColumn::Wallet => or_dash(node.wallet.as_deref()).into(),
        StatusColumn::Problem => match summary.problems.describe(node) {
            Some(problem) => Cell::colored(problem, Color::Yellow),
            None => "".into(),
        },
    }
}

/// The directory of each node's data directory.
fn storage_labels(nodes: &[&Node]) -> Vec<String> {
    let parent = |node: &&Node| {
        let parent = node.home.root.parent().unwrap_or(&node.home.root);
        parent.display().to_string()
    };
    nodes.iter().map(parent).collect()
}

/// A duration in at most four letters: `59s`, `59m`, `47h`, `999d`.
#[must_use]
pub fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ ..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Memory from hundredths of a megabyte.
fn megabytes(hundredths: i64) -> String {
    match hundredths / 100 {
        megabytes @ ..1000 => format!("{megabytes}M"),
        megabytes => format!("{:.1}G", megabytes as f64 / 1000.0),
    }
}

/// Atto tokens as tokens with three digits.
fn tokens(atto: &str) -> String {
    let is_number = !atto.is_empty() && atto.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return "-".to_owned();
    }
    let padded = format!("{atto:0>19}");
    let (whole, part) = padded.split_at(padded.len() - 18);
    let whole = whole.trim_start_matches('0');
    format!("{}.{}", if whole.is_empty() { "0" } else { whole }, &part[..3])
}

#[cfg(test)]
mod tests {
    use super::{megabytes, span, tokens};

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0, 59, 60, 3599, 3600, 172_799].map(span),
            ["0s", "59s", "1m", "59m", "1h", "47h"]
        );
        assert_eq!([172_800, 86_400 * 400].map(span), ["2d", "400d"]);
        assert_eq!([9725, 99_999, 100_000].map(megabytes), ["97M", "999M", "1.0G"]);
        assert_eq!(tokens("1250000000000000000"), "1.250");
        assert_eq!(tokens("0"), "0.000");
        assert_eq!(tokens("many"), "-");
    }
}
