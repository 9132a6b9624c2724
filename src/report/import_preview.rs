//! The nodes of an import, as a dry run shows them.

use serde_json::{Value, json};

use crate::colony::{Node, NodeState};
use crate::terminal::{Color, Coloring};

use super::node_status::ink;

/// How many nodes there are, in which states: `12 nodes (10 RUNNING, 2 STOPPED)`.
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
        0 => "no nodes, as none was found,".to_owned(),
        1 => format!("1 node ({})", states.join(", ")),
        many => format!("{many} nodes ({})", states.join(", ")),
    }
}

/// A line each, with what is needed to tell whether it was read right; under the table how many there are.
#[must_use]
pub fn table(nodes: &[Node], style: Coloring) -> String {
    const HEADER: [&str; 8] = [
        "Id", "Service", "Status", "Version", "Port", "Metrics", "Rewards", "Data",
    ];
    const NUMBERS: [usize; 3] = [0, 4, 5];
    let count = count(nodes);
    if nodes.is_empty() {
        return count;
    }
    let cells: Vec<[String; 8]> = nodes.iter().map(cells).collect();
    let widths: Vec<usize> = (0..HEADER.len())
        .map(|column| {
            let longest = cells.iter().map(|row| row[column].chars().count()).max();
            longest.unwrap_or(0).max(HEADER[column].len())
        })
        .collect();
    let pad = |text: &str, column: usize| {
        let width = widths[column];
        match NUMBERS.contains(&column) {
            true => format!("{text:>width$}"),
            false => format!("{text:<width$}"),
        }
    };
    let line = |words: Vec<String>| words.join("  ").trim_end().to_owned();
    let header = line(
        (0..HEADER.len())
            .map(|column| pad(HEADER[column], column))
            .collect(),
    );
    let mut lines = vec![style.paint(Color::Bold, &header)];
    for (node, row) in nodes.iter().zip(&cells) {
        let words = (0..HEADER.len()).map(|column| {
            let text = pad(&row[column], column);
            match column {
                2 => style.paint(ink(node.state), &text),
                _ => text,
            }
        });
        lines.push(line(words.collect()));
        lines.extend(beyond(node).map(|words| format!("{:>width$}  {words}", "", width = widths[0])));
    }
    lines.push(count);
    lines.join("\n")
}

fn cells(node: &Node) -> [String; 8] {
    let version = node.version.as_ref().map_or("-", |version| version.as_str());
    [
        node.id.to_string(),
        node.service.0.clone(),
        node.state.word().to_owned(),
        version.to_owned(),
        node.ports.node.to_string(),
        node.ports.metrics.to_string(),
        node.wallet.as_deref().map_or("-".to_owned(), short),
        node.home.root.display().to_string(),
    ]
}

/// Its variables and own words, if it has any.
fn beyond(node: &Node) -> Option<String> {
    let set = node.environment.iter().filter(|text| !text.is_empty());
    let environment = set.map(|text| format!("environment {text}"));
    let words = node
        .memory
        .start_args
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| format!("arguments {text}"));
    let all: Vec<String> = environment.chain(words).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// An address as people compare it, by its ends.
fn short(address: &str) -> String {
    let letters: Vec<char> = address.chars().collect();
    if letters.len() <= 14 {
        return address.to_owned();
    }
    let (head, tail) = (&letters[..8], &letters[letters.len() - 4..]);
    format!(
        "{}…{}",
        head.iter().collect::<String>(),
        tail.iter().collect::<String>()
    )
}

/// All that a row will hold of each.
#[must_use]
pub fn as_json(nodes: &[Node]) -> String {
    let rows: Vec<Value> = nodes
        .iter()
        .map(|node| {
            json!({
                "id": node.id.0,
                "service": node.service.0,
                "manager_type": node.manager.to_string(),
                "status": node.state.word(),
                "version": node.version.as_ref().map(|version| version.as_str()),
                "peer_id": node.peer_id,
                "port": node.ports.node,
                "metrics_port": node.ports.metrics,
                "rpc_port": node.ports.rpc,
                "rewards_address": node.wallet,
                "network": node.network,
                "user": node.user,
                "root_dir": node.home.root,
                "log_dir": node.home.logs,
                "binary": node.home.binary,
                "environment": node.environment,
                "start_args": node.memory.start_args,
            })
        })
        .collect();
    super::cycle_result::pretty(&Value::Array(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_by_its_ends() {
        assert_eq!(
            short("0x00455d78f850b0358E8cea5be24d415E01E107CF"),
            "0x00455d…07CF"
        );
        assert_eq!(short("0xabc"), "0xabc");
    }
}
