//! Labels: the names by which launchd knows the jobs of nodes.

use crate::colony::{Node, NodeId};

/// What all labels of nodes begin with; the node's number follows.
pub(super) const PREFIX: &str = "com.autonomi.antnode-";

/// The label of a node's job. If the service name in the row is not one of a node's job, its id is used instead.
pub(super) fn label(node: &Node) -> String {
    let own = node.service.0.strip_suffix(".plist").unwrap_or(&node.service.0);
    match number_of(own) {
        Some(_) => own.to_owned(),
        None => format!("{PREFIX}{}", node.id),
    }
}

/// The number of the node whose job has this label; none if it is no node's.
pub(super) fn number_of(label: &str) -> Option<NodeId> {
    let digits = label.strip_prefix(PREFIX)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(NodeId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_labels_of_nodes_have_a_number() {
        assert_eq!(number_of("com.autonomi.antnode-12"), Some(NodeId(12)));
        for label in [
            "com.autonomi.antnode-",
            "com.autonomi.antnode-x",
            "com.autonomi.antnode-+1",
            "com.autonomi.antnode-1/../x",
            "antnode0001",
            "",
        ] {
            assert_eq!(number_of(label), None, "{label}");
        }
    }
}
