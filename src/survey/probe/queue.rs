//! The nodes to query, their order, and what is known of them.

use crate::colony::hostname::is_host;
use crate::colony::{Node, NodeState, Timestamp};

/// One node to query.
pub struct ProbeTarget {
    /// Its index among the answers.
    pub index: usize,
    /// `http://HOST:PORT`; empty if the host of the row is invalid, so that the query fails.
    pub base: String,
    /// Set if the node may not have restarted since it was last seen.
    pub known: Option<CachedMetadata>,
}

/// The last uptime of a node with known version and peer ID, and when it was seen.
#[derive(Clone, Copy)]
pub struct CachedMetadata {
    pub uptime: i64,
    pub seen: Timestamp,
}

/// All nodes to query; nodes that were silent come last, so that they delay no other node.
pub fn turns(nodes: &[Node]) -> Vec<ProbeTarget> {
    let mut order: Vec<usize> = (0..nodes.len())
        .filter(|index| nodes[*index].state != NodeState::Disabled)
        .collect();
    order.sort_by_key(|index| nodes[*index].memory.silent > 0);
    order
        .into_iter()
        .map(|index| {
            let node = &nodes[index];
            ProbeTarget {
                index,
                base: base(node.host.trim(), node.ports.metrics),
                known: known(node),
            }
        })
        .collect()
}

/// A row without a host is a node of this machine. A host with more parts of a URL (`host/path#`) is rejected, because it
/// would lead to another server.
fn base(host: &str, port: u16) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    if host.is_empty() {
        format!("http://127.0.0.1:{port}")
    } else if !is_host(host) {
        String::new()
    } else if host.contains(':') {
        format!("http://[{host}]:{port}")
    } else {
        format!("http://{host}:{port}")
    }
}

/// Only for a RUNNING node: other nodes have most likely been started since.
fn known(node: &Node) -> Option<CachedMetadata> {
    let told_who = node.version.is_some() && node.peer_id.as_ref().is_some_and(|peer_id| !peer_id.is_empty());
    if node.state != NodeState::Running || !told_who {
        return None;
    }
    Some(CachedMetadata {
        uptime: node.figures.uptime,
        seen: node.memory.last_seen?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_the_url_of_a_host() {
        assert_eq!(base("", 5), "http://127.0.0.1:5");
        assert_eq!(base("node.example", 5), "http://node.example:5");
        assert_eq!(base("::1", 5), "http://[::1]:5");
        assert_eq!(base("[::1]", 5), "http://[::1]:5");
    }

    #[test]
    fn rejects_hosts_with_other_url_parts() {
        for host in ["a/b#", "me@a", "a:22/?", "a b", "-a", "[a", "a\n", "::1]/x#"] {
            assert_eq!(base(host, 5), "", "{host}");
        }
    }
}
