//! `node-status`: one line for each node.

use serde_json::{Map, Value};

use crate::colony::{Node, NodeState};
use crate::terminal::{Color, Coloring};

use super::table::{self, Cell, Column, Row};
use super::{Format, as_json};

/// A column of the report: its key in JSON, its column as the peer prints it, and its value.
struct StatusColumn {
    key: &'static str,
    column: Column,
    value: fn(&Node) -> Value,
}

const COLUMNS: [StatusColumn; 4] = [
    StatusColumn {
        key: "service_name",
        column: Column::text("Service Name", 20),
        value: |node| node.service.0.as_str().into(),
    },
    StatusColumn {
        key: "peer_id",
        column: Column::text("Peer ID", 55),
        value: |node| match node.peer_id.as_deref() {
            None | Some("") => "-".into(),
            Some(peer_id) => peer_id.into(),
        },
    },
    StatusColumn {
        key: STATUS,
        column: Column::text("Status", 15),
        value: |node| node.state.word().into(),
    },
    StatusColumn {
        key: "connected_peers",
        column: Column::number("Connected Peers", 15),
        value: |node| node.figures.connected_peers.into(),
    },
];
const STATUS: &str = "status";

/// The report on `nodes`, in their order. As plain text its columns have the peer's widths; in colour each is as wide
/// as its widest cell.
#[must_use]
pub fn render(nodes: &[&Node], format: Format, style: Coloring) -> String {
    if format == Format::Json {
        let rows: Vec<Map<String, Value>> = nodes
            .iter()
            .map(|node| {
                let cells = COLUMNS.iter();
                cells
                    .map(|column| (column.key.to_owned(), (column.value)(node)))
                    .collect()
            })
            .collect();
        return as_json(&rows);
    }
    if nodes.is_empty() {
        return "No nodes found.".to_owned();
    }
    if style == Coloring::Colour {
        return in_colour(nodes);
    }
    let line = |text: &dyn Fn(&StatusColumn) -> String| -> String {
        let cells = COLUMNS.iter().map(|column| {
            let mut cell = column.column.pad(&text(column));
            // A cell as wide as its column still gets a space after it: the names of nodes from 10000 on.
            if !column.column.is_number && !cell.ends_with(' ') {
                cell.push(' ');
            }
            cell
        });
        cells.collect()
    };
    let heading = line(&|column| column.column.title.to_owned());
    let rows = nodes
        .iter()
        .map(|node| line(&|column| text_of((column.value)(node))));
    let lines: Vec<String> = std::iter::once(heading).chain(rows).collect();
    lines.join("\n")
}

fn in_colour(nodes: &[&Node]) -> String {
    let columns = COLUMNS.map(|column| Column {
        width: 0,
        ..column.column
    });
    let row = |node: &&Node| -> Row {
        let cells = COLUMNS.iter().map(|column| Cell {
            text: text_of((column.value)(node)),
            color: (column.key == STATUS).then(|| state_color(node.state)),
        });
        cells.collect::<Vec<Cell>>().into()
    };
    let rows: Vec<Row> = nodes.iter().map(row).collect();
    table::lines(&columns, &rows, Coloring::Colour).join("\n")
}

fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Green for a healthy node, and another colour for a node that needs attention.
pub(super) fn state_color(state: NodeState) -> Color {
    match state {
        NodeState::Running => Color::Green,
        NodeState::Restarting | NodeState::Upgrading | NodeState::Migrating => Color::Cyan,
        NodeState::Stopped | NodeState::Removing => Color::Yellow,
        NodeState::Dead => Color::Red,
        NodeState::Disabled => Color::Dim,
    }
}
