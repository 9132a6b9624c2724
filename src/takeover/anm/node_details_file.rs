//! `NodeDetails`: what anm believed of its nodes, a bash array in one line, and the same written by us.

use std::fmt::Write as _;

use crate::colony::{Node, NodeState};

/// One node as `NodeDetails` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDetail {
    /// The digits of its name as they were when it was written: `0001`.
    pub key: String,
    /// `antnode0001`.
    pub name: String,
    /// May be empty, or another node's: anm reads it wrongly now and then.
    pub peer_id: String,
    /// Without `v`; may be empty.
    pub version: String,
    pub is_running: bool,
}

impl NodeDetail {
    /// A node of the colony: its number, four digits wide, and its name as it is; None for one that is going.
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

/// What a file says; what is no entry is passed over.
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
                // A phantom of a node that was never found may lack it.
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

/// The nodes as one line of bash. anm and NTracking run it, and a node chooses its own words: what is not plain is
/// left out.
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
    fn it_is_written_as_it_was_read() {
        let read = read(LINE);
        assert_eq!(read[0].key, "0012");
        assert!(read[0].is_running && !read[1].is_running);
        assert_eq!(read[1].peer_id, "");
        assert_eq!(write(&read), LINE);
    }

    #[test]
    fn no_nodes_are_an_empty_array() {
        assert_eq!(write(&[]), "declare -A node_details_store\n");
        assert!(super::read("declare -A node_details_store\n").is_empty());
        assert!(super::read("[0001]=\"antnode0001,x").is_empty());
    }

    #[test]
    fn a_word_of_a_node_cannot_leave_its_place() {
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
