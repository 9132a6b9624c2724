//! `node-status`: one line a node.

use serde::Serialize;

use crate::colony::Node;

use super::{Format, as_json};

/// What `node-status` says of one node; the peer's keys, in its order.
#[derive(Serialize)]
struct Status<'a> {
    service_name: &'a str,
    peer_id: &'a str,
    status: &'static str,
    connected_peers: i64,
}

impl<'a> From<&&'a Node> for Status<'a> {
    fn from(node: &&'a Node) -> Status<'a> {
        Status {
            service_name: &node.service.0,
            peer_id: node.peer_id.as_deref().filter(|id| !id.is_empty()).unwrap_or("-"),
            status: node.state.word(),
            connected_peers: node.figures.connected_peers,
        }
    }
}

/// The report on `nodes`, in their order.
#[must_use]
pub fn render(nodes: &[&Node], format: Format) -> String {
    let rows: Vec<Status> = nodes.iter().map(Status::from).collect();
    if format == Format::Json {
        return as_json(&rows);
    }
    if rows.is_empty() {
        return "No nodes found.".to_owned();
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
