//! What on disk bears the number of a node, whether or not a row does: a folder that holds an identity is not to
//! become another node's, and a service of that name would be overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::NodeId;

use super::LaunchPolicy;

/// A number, and what bears it.
pub type Leftover = (NodeId, PathBuf);

/// Folders of data and of logs.
#[must_use]
pub fn of_premises(policy: &LaunchPolicy) -> Vec<Leftover> {
    let mut all = in_folder(&policy.storage, number_of);
    all.extend(in_folder(&policy.logs, number_of));
    all
}

/// What `number` knows by its name in `folder`. A folder that cannot be read has nothing.
#[must_use]
pub fn in_folder(folder: &Path, number: impl Fn(&str) -> Option<NodeId>) -> Vec<Leftover> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((number(entry.file_name().to_str()?)?, entry.path())))
        .collect()
}

/// The number in `antnode0007`, in as many digits as it may have.
#[must_use]
pub fn number_of(name: &str) -> Option<NodeId> {
    let digits = name.strip_prefix("antnode")?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).map(NodeId)
}

/// The number in the name of a unit, or of a folder of drop-ins: one that outlived its unit would change the next of
/// that number.
#[must_use]
pub fn number_of_unit(name: &str) -> Option<NodeId> {
    let name = name.strip_suffix(".d").unwrap_or(name);
    number_of(name.strip_suffix(".service")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_in_any_width_and_nothing_else_is() {
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
