//! Files and directories on disk that have a node's number, whether or not a row has it: a directory with an identity
//! must not be given to another node, and a service with that name would be overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::NodeId;

use super::LaunchPolicy;

/// A number, and the path that has it.
pub type Leftover = (NodeId, PathBuf);

/// Data and log directories.
#[must_use]
pub fn in_node_directories(policy: &LaunchPolicy) -> Vec<Leftover> {
    let mut all = in_directory(&policy.storage, number_of);
    all.extend(in_directory(&policy.logs, number_of));
    all
}

/// The entries of `folder` in whose names `number` finds a number; none if the directory cannot be read.
#[must_use]
pub fn in_directory(folder: &Path, number: impl Fn(&str) -> Option<NodeId>) -> Vec<Leftover> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path())))
        .collect()
}

/// The number in `antnode0007`, with any count of digits.
#[must_use]
pub fn number_of(name: &str) -> Option<NodeId> {
    let digits = name.strip_prefix("antnode")?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(NodeId)
}

/// The number in the name of a unit, or of a directory of drop-ins, which would change the next unit with that name.
#[must_use]
pub fn number_in_unit_name(name: &str) -> Option<NodeId> {
    let name = name.strip_suffix(".d").unwrap_or(name);
    number_of(name.strip_suffix(".service")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_of_any_width_only() {
        for (name, number) in [
            ("antnode7", 7),
            ("antnode007", 7),
            ("antnode0007", 7),
            ("antnode12345", 12345),
        ] {
            assert_eq!(number_of(name), Some(NodeId(number)), "{name}");
        }
        for name in [
            "antnode",
            "antnode+7",
            "antnode0007.old",
            "node7",
            ".antnode7",
            "antnode99999999999",
        ] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }
}
