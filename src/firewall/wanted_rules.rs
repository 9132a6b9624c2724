//! Which UDP ports a colony wants open: one range for all its nodes, or one port for each node that runs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::colony::FirewallRules;

/// The comment of wnm's rule for the range.
pub(super) const COMMENT: &str = "wnm";

/// The first and the last UDP port of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub(super) fn single(port: u16) -> PortRange {
        PortRange {
            first: port,
            last: port,
        }
    }

    pub(super) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    pub(super) fn overlaps(self, other: PortRange) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The parts of it that none of `others` covers.
    pub(super) fn without(self, others: &[PortRange]) -> Vec<PortRange> {
        let mut parts = vec![self];
        for other in others {
            parts = parts
                .into_iter()
                .flat_map(|part| {
                    if !part.overlaps(*other) {
                        return vec![part];
                    }
                    let before = (part.first < other.first).then(|| PortRange {
                        last: other.first - 1,
                        ..part
                    });
                    let after = (other.last < part.last).then(|| PortRange {
                        first: other.last + 1,
                        ..part
                    });
                    before.into_iter().chain(after).collect()
                })
                .collect();
        }
        parts
    }

    /// As ufw prints it, and with `-` as firewalld and nftables do.
    pub(super) fn text(self, separator: char) -> String {
        match self.first == self.last {
            true => self.first.to_string(),
            false => format!("{}{separator}{}", self.first, self.last),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text('-'))
    }
}

/// Where the ports of a colony lie, and how they are opened.
#[derive(Clone, Copy, Debug)]
pub struct PortLayout {
    pub rules: FirewallRules,
    /// The setting `port_start`, in thousands.
    pub port_start: u32,
    pub node_cap: u32,
}

/// A node as a firewall sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeOfPort {
    pub name: String,
    pub runs: bool,
}

/// The nodes of the colony by their UDP ports.
pub type NodesByPort = BTreeMap<u16, NodeOfPort>;

/// The rules that the colony wants: ports and comments, the range first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedRules(pub(super) Vec<(PortRange, String)>);

impl WantedRules {
    pub(super) fn ranges(&self) -> Vec<PortRange> {
        self.0.iter().map(|(range, _)| *range).collect()
    }

    pub(super) fn has(&self, range: PortRange, comment: &str) -> bool {
        self.0
            .iter()
            .any(|(wanted, of)| *wanted == range && of == comment)
    }

    /// A text that changes when the rules change.
    pub(super) fn key(&self) -> String {
        let rules = self.0.iter().map(|(range, comment)| format!("{range} {comment}"));
        rules.collect::<Vec<_>>().join(", ")
    }
}

impl PortLayout {
    /// The first port of the colony; None: its nodes have no valid ports.
    fn first(self) -> Option<u16> {
        u16::try_from(self.port_start * 1000 + 1).ok()
    }

    /// The ports of all nodes that the cap allows.
    #[must_use]
    pub fn range(self) -> Option<PortRange> {
        let first = self.first()?;
        let last = u32::from(first) + self.node_cap.max(1) - 1;
        Some(PortRange {
            first,
            last: u16::try_from(last).unwrap_or(u16::MAX),
        })
    }

    /// The rules for these nodes. A colony without nodes wants none.
    pub(super) fn wanted(self, nodes: &NodesByPort) -> WantedRules {
        let running = nodes.iter().filter(|(_, node)| node.runs);
        let single = |(port, node): (&u16, &NodeOfPort)| (PortRange::single(*port), clean(&node.name));
        let mut rules = Vec::new();
        let range = match self.rules {
            FirewallRules::Range if !nodes.is_empty() => self.range_of(nodes),
            _ => None,
        };
        if let Some(range) = range {
            rules.push((range, COMMENT.to_owned()));
        }
        let is_outside = |port: u16| range.is_none_or(|range| !range.contains(port));
        rules.extend(running.filter(|(port, _)| is_outside(**port)).map(single));
        WantedRules(rules)
    }

    /// The range of the cap, and of nodes beyond it that are not removed yet.
    fn range_of(self, nodes: &NodesByPort) -> Option<PortRange> {
        const THOUSAND: u16 = 999;
        let range = self.range()?;
        let most = range.last.max(range.first.saturating_add(THOUSAND - 1));
        let highest = nodes.range(range.first..=most).next_back();
        Some(PortRange {
            last: range.last.max(highest.map_or(0, |(port, _)| *port)),
            ..range
        })
    }

    /// Whether wnm may close these ports: the first of them is a port that nodes of this colony can have.
    pub(super) fn may_close(self, range: PortRange, nodes: &NodesByPort) -> bool {
        self.first().is_some_and(|first| range.first >= first) || nodes.contains_key(&range.first)
    }

    /// Whether a rule with these ports and this comment was made by wnm for this colony.
    pub(super) fn is_ours(self, range: PortRange, comment: &str, nodes: &NodesByPort) -> bool {
        let Some(first) = self.first() else { return false };
        if comment == COMMENT {
            return range.first == first && range.last > first || self.range() == Some(range);
        }
        if range.first != range.last {
            return false;
        }
        let port = range.first;
        // A rule for a node's port without a comment is as a Python wnm wrote it.
        let is_of_node = |node: &NodeOfPort| comment.is_empty() || clean(&node.name) == comment;
        if nodes.get(&port).is_some_and(is_of_node) {
            return true;
        }
        let id = comment
            .strip_prefix("antnode")
            .and_then(|id| id.parse::<u16>().ok());
        id.is_some_and(|id| id > 0 && first.checked_add(id - 1) == Some(port))
    }
}

/// Removes what ufw does not take in a comment: it rejects quotes, and would take a leading `-` for an option.
pub(super) fn clean(comment: &str) -> String {
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let kept: String = comment.chars().filter(is_allowed).take(64).collect();
    kept.trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange { first, last }
    }

    fn nodes(ports: &[u16]) -> NodesByPort {
        let node = |port: &u16| {
            let name = format!("antnode{:04}", port % 1000);
            (*port, NodeOfPort { name, runs: true })
        };
        ports.iter().map(node).collect()
    }

    const LAYOUT: PortLayout = PortLayout {
        rules: FirewallRules::Range,
        port_start: 55,
        node_cap: 20,
    };

    #[test]
    fn range_covers_the_cap_and_nodes_beyond_it() {
        let key = |ports: &[u16]| LAYOUT.wanted(&nodes(ports)).key();
        assert_eq!(key(&[]), "");
        assert_eq!(key(&[55001]), "55001-55020 wnm");
        assert_eq!(key(&[55003, 55031]), "55001-55031 wnm");
        assert_eq!(key(&[55003, 60001]), "55001-55020 wnm, 60001 antnode0001");
        let many = PortLayout {
            node_cap: 20_000,
            ..LAYOUT
        };
        assert_eq!(many.wanted(&nodes(&[55001])).key(), "55001-65535 wnm");
        let single = PortLayout {
            rules: FirewallRules::Single,
            ..LAYOUT
        };
        assert_eq!(
            single.wanted(&nodes(&[55001, 55003])).key(),
            "55001 antnode0001, 55003 antnode0003"
        );
    }

    #[test]
    fn rules_of_others_are_not_ours() {
        let nodes = nodes(&[55001, 60002]);
        for (ports, comment, ours) in [
            (range(55001, 55020), "wnm", true),
            (range(55001, 55500), "wnm", true),
            (range(56001, 56020), "wnm", false),
            (range(55001, 55020), "", false),
            (range(55001, 55001), "antnode0001", true),
            (range(55001, 55001), "", true),
            (range(55001, 55001), "mine", false),
            (range(55002, 55002), "", false),
            (range(55007, 55007), "antnode7", true),
            (range(55007, 55007), "antnode0008", false),
            (range(60002, 60002), "antnode0002", true),
            (range(60003, 60003), "antnode0003", false),
        ] {
            assert_eq!(LAYOUT.is_ours(ports, comment, &nodes), ours, "{ports} {comment}");
        }
    }

    #[test]
    fn only_uncovered_parts_are_left() {
        let rest = range(10, 30).without(&[range(1, 12), range(20, 20), range(29, 40)]);
        assert_eq!(rest, [range(13, 19), range(21, 28)]);
        assert_eq!(range(1, 5).without(&[range(1, 5)]), []);
    }

    #[test]
    fn comment_loses_characters_that_ufw_rejects() {
        assert_eq!(clean("antnode0001"), "antnode0001");
        assert_eq!(clean("--it's a \"node\"\n"), "itsanode");
    }
}
