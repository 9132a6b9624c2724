//! Finds nodes by installed units.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::bounded_read::bytes_in;
use crate::colony::{ManagerKind, Mode, Node, Plural};
use crate::manager::discovered_node::DiscoveredNode;
use crate::manager::{LaunchPolicy, ManagerError, installed_unit};

/// The nodes of the units in `folder`, running or not, whoever wrote them; warns of units that it ignores.
pub fn in_units(folder: &Path, kind: ManagerKind, policy: &LaunchPolicy) -> Result<Vec<Node>, ManagerError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(ManagerError::file("read", folder))?,
    };
    let mut nodes = Vec::new();
    let mut others = Vec::new();
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = file
            .strip_suffix(".service")
            .filter(|name| name.starts_with("antnode"))
        else {
            if file.ends_with(".service") && runs_node(&entry.path()) {
                others.push(file);
            }
            continue;
        };
        let path = entry.path();
        let unit = installed_unit::read(&path, kind.mode)?;
        let why = why_ignored(name, &unit.command, unit.found.as_ref(), kind).or(unit.doubt);
        if let Some(why) = why {
            tracing::warn!("`{}` is ignored: {why}", path.display());
            continue;
        }
        for unread in unit.unreadable {
            tracing::warn!(
                "the environment file `{}` of `{file}` cannot be read: if wnm has to write the unit again, its \
                 variables will be missing",
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
    if let Some(first) = others.iter().min() {
        tracing::warn!(
            "ignored in `{}`, because the name is not `antnode` and a number: {} with an antnode; the first is `{first}`",
            folder.display(),
            Plural(i64::try_from(others.len()).unwrap_or(i64::MAX), "unit")
        );
    }
    nodes.sort_by(|one, other| (one.id, &one.service).cmp(&(other.id, &other.service)));
    Ok(nodes)
}

/// Whether the text of a unit looks like that of a node.
fn runs_node(path: &Path) -> bool {
    const LONGEST: u64 = 64 << 10;
    let text = bytes_in(path, LONGEST).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_node = |line: &str| line.contains("antnode") && line.contains("--root-dir");
    text.lines()
        .any(|line| line.trim_start().starts_with("ExecStart") && is_node(line))
}

/// Why the unit `name` cannot be taken over; none if it can.
fn why_ignored(
    name: &str,
    command: &[String],
    found: Option<&DiscoveredNode>,
    kind: ManagerKind,
) -> Option<String> {
    let Some(found) = found else {
        // Other services of an operator may have such a name.
        let why = "it runs no antnode with --root-dir and --port";
        return Some(why.to_owned());
    };
    if found.words.first().is_some_and(|word| word == "--rpc") {
        let mode = kind.mode;
        return Some(format!(
            "antctl made it; import antctl's nodes with `--process_manager antctl+{mode}`"
        ));
    }
    let digits = name.strip_prefix("antnode").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("its name is not `antnode` and a number".to_owned());
    }
    let program = command.first().map_or("", String::as_str);
    found.invalid_path(Path::new(program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::discovered_node::from_words;

    const LINE: &str = "/s/antnode0001/antnode --root-dir '/s/antnode 1' --port 55001 evm-arbitrum-one";

    #[test]
    fn says_why_a_unit_is_ignored() {
        let kind = ManagerKind::from_choice("systemd+sudo").unwrap();
        let why = |name: &str, line: &str| {
            let words = shell_words::split(line).unwrap();
            why_ignored(name, &words, from_words(&words, Vec::new()).as_ref(), kind)
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
