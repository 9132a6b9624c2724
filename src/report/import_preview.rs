//! The nodes of an import, as a dry run shows them.

use serde::Serialize;

use crate::colony::{Node, NodeState, Version};
use crate::terminal::Coloring;

use super::node_status::state_color;
use super::table::{self, Cell, Column, Row};

/// How many nodes there are, and in which states: `12 nodes (10 RUNNING, 2 STOPPED)`.
#[must_use]
pub fn count(nodes: &[Node]) -> String {
    let of = |state: NodeState| nodes.iter().filter(|node| node.state == state).count();
    let states: Vec<String> = NodeState::ALL
        .iter()
        .map(|state| (state, of(*state)))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {}", state.word()))
        .collect();
    match nodes.len() {
        0 => "no nodes, because none were found,".to_owned(),
        1 => format!("1 node ({})", states.join(", ")),
        many => format!("{many} nodes ({})", states.join(", ")),
    }
}

/// A line for each node with what an operator needs to check it, then how many there are.
#[must_use]
pub fn table(nodes: &[Node], style: Coloring) -> String {
    let columns = [
        Column::number("Id", 0),
        Column::text("Service", 0),
        Column::text("Status", 0),
        Column::text("Version", 0),
        Column::number("Port", 0),
        Column::number("Metrics", 0),
        Column::text("Rewards", 0),
        Column::text("Data", 0),
    ];
    let mut lines = Vec::new();
    if !nodes.is_empty() {
        let rows: Vec<Row> = nodes.iter().map(row).collect();
        lines = table::lines(&columns, &rows, style);
    }
    lines.push(count(nodes));
    lines.join("\n")
}

fn row(node: &Node) -> Row {
    Row {
        cells: vec![
            node.id.to_string().into(),
            node.service.0.as_str().into(),
            Cell::colored(node.state.word(), state_color(node.state)),
            node.version.as_ref().map_or("-", Version::as_str).into(),
            node.ports.node.to_string().into(),
            node.ports.metrics.to_string().into(),
            node.wallet.as_deref().map_or("-".to_owned(), shorten).into(),
            node.home.root.display().to_string().into(),
        ],
        note: environment_and_arguments(node).map(|note| (1, note)),
    }
}

fn environment_and_arguments(node: &Node) -> Option<String> {
    let parts = [
        ("environment", &node.environment),
        ("arguments", &node.memory.start_args),
    ];
    let set = parts.into_iter().filter_map(|(name, text)| {
        let text = text.as_deref().filter(|text| !text.is_empty())?;
        Some(format!("{name} {text}"))
    });
    let note = set.collect::<Vec<String>>().join("; ");
    (!note.is_empty()).then_some(note)
}

/// The first and last letters of an address, which people compare.
fn shorten(address: &str) -> String {
    let letters: Vec<char> = address.chars().collect();
    if letters.len() <= 14 {
        return address.to_owned();
    }
    let (head, tail) = (&letters[..8], &letters[letters.len() - 4..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

/// The columns of a node's row that an import fills.
#[derive(Serialize)]
struct ImportRow<'a> {
    id: u32,
    service: &'a str,
    manager_type: String,
    status: &'static str,
    version: Option<&'a str>,
    peer_id: Option<&'a str>,
    port: u16,
    metrics_port: u16,
    rpc_port: u16,
    rewards_address: Option<&'a str>,
    network: &'a str,
    user: &'a str,
    root_dir: &'a std::path::Path,
    log_dir: Option<&'a std::path::Path>,
    binary: &'a std::path::Path,
    environment: Option<&'a str>,
    start_args: Option<&'a str>,
}

/// All columns that an import fills, as JSON.
#[must_use]
pub fn as_json(nodes: &[Node]) -> String {
    let rows: Vec<ImportRow> = nodes
        .iter()
        .map(|node| ImportRow {
            id: node.id.0,
            service: &node.service.0,
            manager_type: node.manager.to_string(),
            status: node.state.word(),
            version: node.version.as_ref().map(Version::as_str),
            peer_id: node.peer_id.as_deref(),
            port: node.ports.node,
            metrics_port: node.ports.metrics,
            rpc_port: node.ports.rpc,
            rewards_address: node.wallet.as_deref(),
            network: &node.network,
            user: &node.user,
            root_dir: &node.home.root,
            log_dir: node.home.logs.as_deref(),
            binary: &node.home.binary,
            environment: node.environment.as_deref(),
            start_args: node.memory.start_args.as_deref(),
        })
        .collect();
    super::pretty(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_an_address_to_its_ends() {
        assert_eq!(
            shorten("0x00455d78f850b0358E8cea5be24d415E01E107CF"),
            "0x00455d…07CF"
        );
        assert_eq!(shorten("0xabc"), "0xabc");
    }
}
