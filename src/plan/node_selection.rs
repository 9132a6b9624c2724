//! Finds the node for a name that the operator gave.
//!
//! Service names are tried first, then node names. A number matches the number in a service name or an id; it is
//! ambiguous if these belong to different nodes: antctl's `antnode3` may have id 7.

use crate::colony::{Node, NodeId};

use super::blocker::Refusal;

/// The node that `name` matches: `antnode0001`, `antnode0001.service`, `0001`, `1`, or the name that antctl chose.
///
/// # Errors
/// [`Refusal::NotFound`], or [`Refusal::Ambiguous`] with all matching nodes.
pub fn find<'a>(name: &str, nodes: &'a [Node]) -> Result<&'a Node, Refusal> {
    let name = name.trim();
    let by_service =
        |node: &&Node| node.service.0 == name || node.service.0.strip_suffix(".service") == Some(name);
    let by_name = |node: &&Node| node.name.0 == name || node.name.full() == stem(name);
    one_of(nodes.iter().filter(by_service))
        .or_else(|| one_of(nodes.iter().filter(by_name)))
        .or_else(|| by_number(name, nodes))
        .unwrap_or(Err(Refusal::NotFound))
}

fn by_number<'a>(name: &str, nodes: &'a [Node]) -> Option<Result<&'a Node, Refusal>> {
    let bare = stem(name);
    let digits = bare.strip_prefix("antnode").unwrap_or(bare);
    let wanted = number(digits)?;
    // After `antnode` the number is part of a name, so it does not match the id of a node with another name.
    let is_bare = digits.len() == bare.len();
    one_of(nodes.iter().filter(|node| {
        let own = own_number(node);
        own == Some(wanted) || (node.id.0 == wanted && (is_bare || own.is_none()))
    }))
}

/// The number at the end of its service name.
fn own_number(node: &Node) -> Option<u32> {
    let service = stem(&node.service.0);
    let family = service.trim_end_matches(|c: char| c.is_ascii_digit());
    number(&service[family.len()..])
}

/// The number of a node in ranges: that of its service name, or else its id.
pub(super) fn number_of(node: &Node) -> u32 {
    own_number(node).unwrap_or(node.id.0)
}

fn stem(name: &str) -> &str {
    name.strip_suffix(".service").unwrap_or(name)
}

fn number(digits: &str) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

fn one_of<'a>(mut found: impl Iterator<Item = &'a Node>) -> Option<Result<&'a Node, Refusal>> {
    let first = found.next()?;
    let others: Vec<NodeId> = found.map(|node| node.id).collect();
    if others.is_empty() {
        return Some(Ok(first));
    }
    let mut ids = others;
    ids.push(first.id);
    ids.sort_unstable();
    Some(Err(Refusal::Ambiguous(ids)))
}
