//! The nodes of which installed units tell, up or down.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::colony::{ManagerKind, Mode, Node};
use crate::manager::discovered_node::DiscoveredNode;
use crate::manager::{LaunchPolicy, ManagerError, installed_unit};

/// The nodes that units in `folder` tell of, up or down, whoever wrote them. What is left out is said.
pub fn in_units(folder: &Path, kind: ManagerKind, policy: &LaunchPolicy) -> Result<Vec<Node>, ManagerError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(ManagerError::file("read", folder))?,
    };
    let mut nodes = Vec::new();
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file
            .strip_suffix(".service")
            .filter(|name| name.starts_with("antnode"))
        else {
            continue;
        };
        let path = entry.path();
        let unit = installed_unit::read(&path, kind.mode)?;
        let why = left_out(name, &unit.command, unit.found.as_ref(), kind).or(unit.doubt);
        if let Some(why) = why {
            tracing::warn!("`{}` is left alone: {why}", path.display());
            continue;
        }
        for unread in unit.unread {
            tracing::warn!(
                "`{file}` takes variables from `{}`, which cannot be read: should the unit be lost, they are not in the \
                 new one",
                unread.display()
            );
        }
        let Some(mut found) = unit.found else { continue };
        found.service = Some(file);
        found.user = match kind.mode {
            Mode::Sudo => found.user.or_else(|| Some("root".to_owned())),
            Mode::User => None,
        };
        nodes.push(found.into_node(kind, policy));
    }
    nodes.sort_by(|one, other| (one.id, &one.service).cmp(&(other.id, &other.service)));
    Ok(nodes)
}

/// Why a unit called `name` is not one to take over; none where it is.
fn left_out(
    name: &str,
    command: &[String],
    found: Option<&DiscoveredNode>,
    kind: ManagerKind,
) -> Option<String> {
    let Some(found) = found else {
        // What else an operator calls so need not be a node at all.
        let why = "it runs no antnode with --root-dir and --port";
        return Some(why.to_owned());
    };
    if found.words.first().is_some_and(|word| word == "--rpc") {
        let mode = match kind.mode {
            Mode::Sudo => "sudo",
            Mode::User => "user",
        };
        return Some(format!(
            "antctl made it; its nodes are taken over with `--process_manager antctl+{mode}`"
        ));
    }
    let digits = name.strip_prefix("antnode").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("its name is not `antnode` and a number".to_owned());
    }
    let program = command.first().map_or("", String::as_str);
    found.crooked(Path::new(program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::discovered_node::from_words;

    const LINE: &str = "/s/antnode0001/antnode --root-dir '/s/antnode 1' --port 55001 evm-arbitrum-one";

    #[test]
    fn a_unit_that_is_no_node_of_ours_says_why() {
        let kind = ManagerKind::from_choice("systemd+sudo").unwrap();
        let why = |name: &str, line: &str| {
            let words = shell_words::split(line).unwrap();
            left_out(name, &words, from_words(&words, Vec::new()).as_ref(), kind)
        };
        for name in ["antnode001", "antnode12345"] {
            assert_eq!(why(name, LINE), None, "{name}");
        }
        for name in ["antnode", "antnode@1", "antnode-x", "antnode1a"] {
            assert!(why(name, LINE).unwrap().contains("a number"), "{name}");
        }
        let antctl =
            "/s/antnode1/antnode --rpc 127.0.0.1:30001 --root-dir /s/antnode1 --port 55001 evm-arbitrum-one";
        assert!(why("antnode1", antctl).unwrap().contains("antctl+sudo"));
        assert!(why("antnode1", "/bin/sleep 5").unwrap().contains("no antnode"));
        let specifier = "/s/antnode --root-dir %h/antnode1 --port 55001";
        assert!(why("antnode1", specifier).unwrap().contains("`%h/antnode1`"));
    }
}
