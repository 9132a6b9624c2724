//! `node-status`: one line a node.

use serde::Serialize;

use crate::colony::{Node, NodeState};
use crate::terminal::{Color, Coloring};

use super::{Format, as_json};

/// What `node-status` says of one node; the peer's keys, in its order.
#[derive(Serialize)]
struct NodeStatusRow<'a> {
    service_name: &'a str,
    peer_id: &'a str,
    status: &'static str,
    #[serde(skip)]
    state: NodeState,
    connected_peers: i64,
}

impl<'a> From<&&'a Node> for NodeStatusRow<'a> {
    fn from(node: &&'a Node) -> NodeStatusRow<'a> {
        NodeStatusRow {
            service_name: &node.service.0,
            peer_id: node.peer_id.as_deref().filter(|id| !id.is_empty()).unwrap_or("-"),
            status: node.state.word(),
            state: node.state,
            connected_peers: node.figures.connected_peers,
        }
    }
}

/// The report on `nodes`, in their order. Style is for text: plain, its columns are the peer's to the blank;
/// painted, they are as wide as what stands in them.
#[must_use]
pub fn render(nodes: &[&Node], format: Format, style: Coloring) -> String {
    let rows: Vec<NodeStatusRow> = nodes.iter().map(NodeStatusRow::from).collect();
    if format == Format::Json {
        return as_json(&rows);
    }
    if rows.is_empty() {
        return "No nodes found.".to_owned();
    }
    if style == Coloring::Colour {
        return painted(&rows);
    }
    let mut lines = vec![format!(
        "{:<20}{:<55}{:<15}{:>15}",
        "Service Name", "Peer ID", "Status", "Connected Peers"
    )];
    lines.extend(rows.iter().map(|row| {
        // A name of the column's width still gets a space behind it: from node 10000 on.
        let mut name = format!("{:<20}", row.service_name);
        if !name.ends_with(' ') {
            name.push(' ');
        }
        format!(
            "{name}{:<55}{:<15}{:>15}",
            row.peer_id, row.status, row.connected_peers
        )
    }));
    lines.join("\n")
}

/// The table for a terminal: a healthy colony is green, and what wants a look is not.
fn painted(rows: &[NodeStatusRow]) -> String {
    let style = Coloring::Colour;
    let header = ["Service Name", "Peer ID", "Status", "Connected Peers"];
    let longest = |title: &str, cell: fn(&NodeStatusRow) -> usize| {
        let cells = rows.iter().map(cell).max().unwrap_or_default();
        cells.max(title.len())
    };
    let name = longest(header[0], |row| row.service_name.chars().count());
    let peer = longest(header[1], |row| row.peer_id.chars().count());
    let status = longest(header[2], |row| row.status.len());
    let peers = header[3].len();
    let mut lines = vec![style.paint(
        Color::Bold,
        &format!(
            "{:<name$}  {:<peer$}  {:<status$}  {:>peers$}",
            header[0], header[1], header[2], header[3]
        ),
    )];
    lines.extend(rows.iter().map(|row| {
        let word = style.paint(ink(row.state), &format!("{:<status$}", row.status));
        format!(
            "{:<name$}  {:<peer$}  {word}  {:>peers$}",
            row.service_name, row.peer_id, row.connected_peers
        )
    }));
    lines.join("\n")
}

pub(super) fn ink(state: NodeState) -> Color {
    match state {
        NodeState::Running => Color::Green,
        NodeState::Restarting | NodeState::Upgrading | NodeState::Migrating => Color::Cyan,
        NodeState::Stopped | NodeState::Removing => Color::Yellow,
        NodeState::Dead => Color::Red,
        NodeState::Disabled => Color::Dim,
    }
}
