//! Who is asked, in which order, and what is known of him.

use crate::colony::hostname::is_host;
use crate::colony::{Node, NodeState, Timestamp};

/// One node to be asked.
pub struct ProbeTarget {
    /// Its place among the answers.
    pub index: usize,
    /// `http://HOST:PORT`; empty, which nobody can be asked at, where a row names no host.
    pub base: String,
    /// What is known, when the node may not have restarted since.
    pub known: Option<CachedMetadata>,
}

/// What a node that told who it is said before, and when.
#[derive(Clone, Copy)]
pub struct CachedMetadata {
    pub uptime: i64,
    pub seen: Timestamp,
}

/// All that are asked, those that were silent last, so that they keep nobody from his turn.
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

/// A row without a host is a node of this machine. One that would be more than a host in an address (`host/path#`)
/// would send us elsewhere.
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

/// Only of a RUNNING node: any other has most likely been started since.
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
    fn a_host_becomes_an_address() {
        assert_eq!(base("", 5), "http://127.0.0.1:5");
        assert_eq!(base("node.example", 5), "http://node.example:5");
        assert_eq!(base("::1", 5), "http://[::1]:5");
        assert_eq!(base("[::1]", 5), "http://[::1]:5");
    }

    #[test]
    fn what_is_more_than_a_host_is_none() {
        for host in ["a/b#", "me@a", "a:22/?", "a b", "-a", "[a", "a\n", "::1]/x#"] {
            assert_eq!(base(host, 5), "", "{host}");
        }
    }
}
