//! Chooses the nodes of a command: by names, ranges, patterns and filters.

use std::path::PathBuf;

use glob::Pattern;
use thiserror::Error;

use crate::colony::{ManagerKind, Node, NodeState, Version};

use super::blocker::Refusal;
use super::node_selection::{find, number_of};

/// The word that names every node.
const ALL: &str = "all";

/// Which nodes a command may choose from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeFilter {
    pub state: Option<NodeState>,
    pub older_than: Option<Version>,
    /// A directory that contains the node's data directory.
    pub storage: Option<PathBuf>,
    pub manager: Option<ManagerKind>,
    /// Only nodes that did not answer the last survey.
    pub is_silent: bool,
}

impl NodeFilter {
    /// Whether every node passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == NodeFilter::default()
    }

    fn passes(&self, node: &Node) -> bool {
        let is_older = |limit: &Version| {
            node.version
                .as_ref()
                .is_some_and(|version| version.is_older_than(limit))
        };
        self.state.is_none_or(|state| node.state == state)
            && self.older_than.as_ref().is_none_or(is_older)
            && self
                .storage
                .as_ref()
                .is_none_or(|storage| node.home.root.starts_with(storage))
            && self.manager.is_none_or(|manager| node.manager == manager)
            && (!self.is_silent || node.memory.silent > 0)
    }
}

/// A name that chooses no node.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChoiceError {
    #[error("no node is named `{0}`")]
    Nothing(String),
    #[error("`{name}`: {why}")]
    Ambiguous { name: String, why: Refusal },
    #[error("`{0}` is no valid pattern")]
    Pattern(String),
}

/// How the names of a command are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCheck {
    /// Each name must match a node.
    Strict,
    /// A plain name that matches no node is kept as it is, for the caller to report. Only ranges and patterns must match.
    PatternsOnly,
}

/// Replaces ranges, patterns and `all` in `names` by the names of the nodes that they match, and drops the nodes that
/// `filter` does not pass. `accepts`: which nodes a range or pattern can choose; a plain name chooses any node. Without
/// names, all nodes are chosen from.
///
/// # Errors
/// A name that matches no node.
pub fn choose_nodes(
    names: &[String],
    filter: &NodeFilter,
    check: NameCheck,
    accepts: &dyn Fn(&Node) -> bool,
    nodes: &[Node],
) -> Result<Vec<String>, ChoiceError> {
    let every = [ALL.to_owned()];
    let names = if names.is_empty() { &every } else { names };
    let mut chosen: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim();
        match find(name, nodes) {
            Ok(node) if filter.passes(node) => chosen.push(name.to_owned()),
            Ok(_) => {}
            Err(Refusal::NotFound) => {
                let matches = match parse_pattern(name)? {
                    Some(matches) => matches,
                    None if check == NameCheck::PatternsOnly && filter.is_empty() => {
                        chosen.push(name.to_owned());
                        continue;
                    }
                    None => return Err(ChoiceError::Nothing(name.to_owned())),
                };
                let mut matching = nodes.iter().filter(|node| matches.matches(node)).peekable();
                if matching.peek().is_none() && matches != NodePattern::All {
                    return Err(ChoiceError::Nothing(name.to_owned()));
                }
                let fitting = matching.filter(|node| filter.passes(node) && accepts(node));
                chosen.extend(fitting.map(|node| node.service.0.clone()));
            }
            Err(why) => {
                return Err(ChoiceError::Ambiguous {
                    name: name.to_owned(),
                    why,
                });
            }
        }
    }
    Ok(chosen)
}

/// Whether a name is a range or a pattern.
#[must_use]
pub fn is_pattern(name: &str) -> bool {
    !matches!(parse_pattern(name), Ok(None))
}

#[derive(Clone, Debug, PartialEq)]
enum NodePattern {
    All,
    Range(u32, u32),
    Glob(Pattern),
}

impl NodePattern {
    fn matches(&self, node: &Node) -> bool {
        match self {
            NodePattern::All => true,
            NodePattern::Range(first, last) => (*first..=*last).contains(&number_of(node)),
            NodePattern::Glob(pattern) => {
                pattern.matches(&node.service.0)
                    || pattern.matches(&node.name.full())
                    || pattern.matches(node.service.0.trim_end_matches(".service"))
            }
        }
    }
}

fn parse_pattern(name: &str) -> Result<Option<NodePattern>, ChoiceError> {
    if name == ALL {
        return Ok(Some(NodePattern::All));
    }
    if name.contains(['*', '?', '[']) {
        let pattern = Pattern::new(name).map_err(|_| ChoiceError::Pattern(name.to_owned()))?;
        return Ok(Some(NodePattern::Glob(pattern)));
    }
    let number = |text: &str| {
        let digits = text.strip_prefix("antnode").unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let range = name
        .split_once('-')
        .and_then(|(first, last)| Some((number(first)?, number(last)?)));
    match range {
        Some((first, last)) if first <= last => Ok(Some(NodePattern::Range(first, last))),
        Some(_) => Err(ChoiceError::Nothing(name.to_owned())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixtures::nodes;

    fn chosen(names: &[&str], filter: &NodeFilter, check: NameCheck) -> Result<Vec<String>, String> {
        use NodeState::{Disabled, Running, Stopped};
        let mut colony = nodes(&[Running, Stopped, Running, Disabled, Running]);
        colony[2].version = Some(Version::new("0.4.10"));
        colony[3].memory.silent = 2;
        colony[4].home.root = PathBuf::from("/mnt/a/antnode0005");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        choose_nodes(&names, filter, check, &|_| true, &colony).map_err(|error| error.to_string())
    }

    fn services(ids: &[u32]) -> Vec<String> {
        let colony = nodes(&[NodeState::Running; 5]);
        let of = |id: &u32| colony[(*id - 1) as usize].service.0.clone();
        ids.iter().map(of).collect()
    }

    #[test]
    fn ranges_patterns_and_lists_choose_nodes_in_their_order() {
        let all = NodeFilter::default();
        let strict = |names: &[&str]| chosen(names, &all, NameCheck::Strict);
        assert_eq!(
            strict(&["3", "antnode0001"]),
            Ok(vec!["3".to_owned(), "antnode0001".to_owned()])
        );
        assert_eq!(strict(&["2-4"]), Ok(services(&[2, 3, 4])));
        assert_eq!(strict(&["antnode0004-antnode0009"]), Ok(services(&[4, 5])));
        assert_eq!(strict(&["antnode000[15]*"]), Ok(services(&[1, 5])));
        assert_eq!(strict(&["all"]), Ok(services(&[1, 2, 3, 4, 5])));
        assert_eq!(strict(&[]), Ok(services(&[1, 2, 3, 4, 5])));
    }

    #[test]
    fn name_that_matches_nothing_is_an_error() {
        let all = NodeFilter::default();
        for name in ["9", "queen", "6-9", "5-2", "anm*"] {
            let expected = Err(format!("no node is named `{name}`"));
            assert_eq!(chosen(&["1", name], &all, NameCheck::Strict), expected);
        }
        assert_eq!(
            chosen(&["[1"], &all, NameCheck::Strict),
            Err("`[1` is no valid pattern".to_owned())
        );
        assert_eq!(
            chosen(&["queen"], &all, NameCheck::PatternsOnly),
            Ok(vec!["queen".to_owned()])
        );
        assert!(chosen(&["7-9"], &all, NameCheck::PatternsOnly).is_err());
    }

    #[test]
    fn filters_drop_nodes() {
        let filtered = |filter: NodeFilter| chosen(&[], &filter, NameCheck::Strict).unwrap();
        let none = NodeFilter::default;
        let state = Some(NodeState::Stopped);
        assert_eq!(filtered(NodeFilter { state, ..none() }), services(&[2]));
        let older_than = Some(Version::new("0.4.11"));
        assert_eq!(filtered(NodeFilter { older_than, ..none() }), services(&[3]));
        let storage = Some(PathBuf::from("/mnt/a"));
        assert_eq!(filtered(NodeFilter { storage, ..none() }), services(&[5]));
        let is_silent = true;
        assert_eq!(filtered(NodeFilter { is_silent, ..none() }), services(&[4]));
        let state = Some(NodeState::Running);
        assert_eq!(
            chosen(&["1-2", "3"], &NodeFilter { state, ..none() }, NameCheck::Strict),
            Ok(vec![services(&[1])[0].clone(), "3".to_owned()])
        );
    }
}
