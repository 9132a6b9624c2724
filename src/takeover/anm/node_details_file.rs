//! Parses and writes `NodeDetails`, the list of nodes that anm keeps as a bash array in one line.

use std::fmt::Write as _;

use crate::colony::{Node, NodeState};

/// One entry of `NodeDetails`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDetail {
    /// The key, the digits of its name: `0001`.
    pub key: String,
    /// `antnode0001`.
    pub name: String,
    /// May be empty or wrong.
    pub peer_id: String,
    /// Without `v`; may be empty.
    pub version: String,
    pub is_running: bool,
}

impl NodeDetail {
    /// The entry for a node of the colony; `None` for a node that is being removed.
    #[must_use]
    pub fn of(node: &Node) -> Option<NodeDetail> {
        let is_running = match node.state {
            NodeState::Running | NodeState::Restarting | NodeState::Upgrading => true,
            NodeState::Stopped | NodeState::Dead | NodeState::Disabled | NodeState::Migrating => false,
            NodeState::Removing => return None,
        };
        Some(NodeDetail {
            key: format!("{:04}", node.id.0),
            name: node.name.full(),
            peer_id: node.peer_id.clone().unwrap_or_default(),
            version: node.version.as_ref().map(ToString::to_string).unwrap_or_default(),
            is_running,
        })
    }
}

/// Parses the file; skips what is not an entry.
#[must_use]
pub fn read(text: &str) -> Vec<NodeDetail> {
    let mut all = Vec::new();
    for piece in text.split('[').skip(1) {
        let Some((key, rest)) = piece.split_once("]=\"") else {
            continue;
        };
        let Some((value, _)) = rest.split_once('"') else {
            continue;
        };
        if let [name, peer_id, version, state] = value.split(',').collect::<Vec<_>>()[..] {
            all.push(NodeDetail {
                key: key.to_owned(),
                // An entry of a node that never existed can lack the name.
                name: match name {
                    "" => format!("antnode{key}"),
                    name => name.to_owned(),
                },
                peer_id: peer_id.to_owned(),
                version: version.trim_start_matches('v').to_owned(),
                is_running: state == "RUNNING",
            });
        }
    }
    all
}

/// Renders the file. Drops special characters, because anm and NTracking run it as bash, and a node chooses its own
/// version and peer ID.
#[must_use]
pub fn write(nodes: &[NodeDetail]) -> String {
    if nodes.is_empty() {
        return "declare -A node_details_store\n".to_owned();
    }
    let mut line = "declare -A node_details_store=(".to_owned();
    for node in nodes {
        let state = if node.is_running { "RUNNING" } else { "STOPPED" };
        let [key, name, peer_id, version] =
            [&node.key, &node.name, &node.peer_id, &node.version].map(|text| plain(text));
        let _ = write!(line, "[{key}]=\"{name},{peer_id},{version},{state}\" ");
    }
    line + ")\n"
}

fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    text.chars().filter(is_plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "declare -A node_details_store=([0012]=\"antnode0012,12D3KooWF,0.4.3,RUNNING\" \
        [001]=\"antnode001,,,STOPPED\" )\n";

    #[test]
    fn writes_what_it_parsed() {
        let read = read(LINE);
        assert_eq!(read[0].key, "0012");
        assert!(read[0].is_running && !read[1].is_running);
        assert_eq!(read[1].peer_id, "");
        assert_eq!(write(&read), LINE);
    }

    #[test]
    fn empty_list_is_an_empty_array() {
        assert_eq!(write(&[]), "declare -A node_details_store\n");
        assert!(super::read("declare -A node_details_store\n").is_empty());
        assert!(super::read("[0001]=\"antnode0001,x").is_empty());
    }

    #[test]
    fn special_characters_are_dropped() {
        let evil = NodeDetail {
            key: "0001".into(),
            name: "antnode0001".into(),
            peer_id: "x\" )\n$(reboot) `reboot`,".into(),
            version: "1.0\"".into(),
            is_running: true,
        };
        assert_eq!(
            write(&[evil]),
            "declare -A node_details_store=([0001]=\"antnode0001,xrebootreboot,1.0,RUNNING\" )\n"
        );
    }
}
