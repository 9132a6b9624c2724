//! Whether a service belongs to a node: that the node's row names it is not enough.

use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::{Mode, Node};

use super::{ManagerError, discovered_node, installed_unit};

/// Refuses a service that runs something else than the node: `command` is what it runs, `file` the file of the service.
///
/// An empty service, or one that runs an antnode without a root, counts as the node's own, which is damaged.
pub fn refuse_foreign(node: &Node, command: &[String], file: &Path) -> Result<(), ManagerError> {
    refuse_other_root(node, discovered_node::root_in(command), command, file)
}

/// [`refuse_foreign`] with the absolute root that the service passes to its antnode.
fn refuse_other_root(
    node: &Node,
    service_root: Option<PathBuf>,
    command: &[String],
    file: &Path,
) -> Result<(), ManagerError> {
    let refuse = |why: String| {
        Err(ManagerError::Refused {
            doing: "handle",
            path: file.to_owned(),
            why: format!("{why}, and not `{}`", node.name.full()),
        })
    };
    let root = &node.home.root;
    if let Some(service_root) = service_root {
        return match is_same(&service_root, root) {
            true => Ok(()),
            false => refuse(format!(
                "it is the service of a node in `{}`",
                service_root.display()
            )),
        };
    }
    let Some(program) = command.first() else {
        return Ok(());
    };
    let is_antnode = Path::new(program)
        .file_name()
        .is_some_and(|name| name == "antnode");
    if is_antnode || command.iter().any(|word| Path::new(word).starts_with(root)) {
        return Ok(());
    }
    refuse(format!("it runs `{}`", program.escape_debug()))
}

/// [`refuse_foreign`] for a systemd unit with its drop-ins; a unit that cannot be read counts as empty.
pub fn refuse_foreign_unit(node: &Node, file: &Path, mode: Mode) -> Result<(), ManagerError> {
    let Ok(unit) = installed_unit::read(file, mode) else {
        return Ok(());
    };
    // The root may be relative to a directory that only the unit names.
    let service_root = unit.found.map(|found| found.root);
    refuse_other_root(
        node,
        service_root.or_else(|| discovered_node::root_in(&unit.command)),
        &unit.command,
        file,
    )
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| Some(one) == real(other))
}

#[cfg(test)]
mod tests {
    use crate::colony::NodeId;
    use crate::manager::LaunchPolicy;

    use super::*;

    fn is_own(line: &str) -> bool {
        let policy = LaunchPolicy::under(Path::new("/b"));
        let kind = crate::colony::ManagerKind::from_choice("systemd+sudo").unwrap();
        let told =
            discovered_node::from_line("/s/antnode0001/antnode --root-dir /s/antnode0001 --port 1").unwrap();
        let mut node = told.into_node(kind, &policy);
        node.id = NodeId(1);
        let words = shell_words::split(line).unwrap();
        refuse_foreign(&node, &words, Path::new("/u/antnode0001.service")).is_ok()
    }

    #[test]
    fn accepts_service_with_the_nodes_root_and_damaged_service() {
        for line in [
            "/s/antnode0001/antnode --root-dir /s/antnode0001 --port 1",
            "/usr/bin/antnode --root-dir=/s/antnode0001/ --port 2",
            "/s/antnode0001/antnode",
            "/nowhere/antnode",
            "/bin/sh /s/antnode0001/run.sh",
            "",
        ] {
            assert!(is_own(line), "{line}");
        }
    }

    #[test]
    fn refuses_service_that_runs_something_else() {
        for line in [
            "/s/antnode0002/antnode --root-dir /s/antnode0002 --port 2",
            "/s/antnode0001/antnode --root-dir /s/antnode0002 --port 2",
            "/bin/bash -c x /s/antnode0002/antnode --root-dir /s/antnode0002",
            "/usr/bin/watch df",
            "/bin/sh /s/antnode00011/run.sh",
            "/usr/bin/antnode-exporter",
        ] {
            assert!(!is_own(line), "{line}");
        }
    }

    #[test]
    fn resolves_root_in_the_working_directory_of_a_unit() {
        let folder = tempfile::TempDir::new().unwrap();
        let policy = LaunchPolicy::under(folder.path());
        let kind = crate::colony::ManagerKind::from_choice("systemd+user").unwrap();
        let storage = folder.path().join("a disk");
        let root = storage.join("antnode0001");
        let words = |root: &Path| format!("{0}/antnode --root-dir '{0}' --port 1", root.display());
        let mut node =
            discovered_node::from_line(&format!("'/s/antnode' --root-dir '{}' --port 1", root.display()))
                .unwrap()
                .into_node(kind, &policy);
        node.id = NodeId(1);
        let file = folder.path().join("antnode0001.service");
        for (told, is_own) in [("antnode0001", true), ("antnode0002", false)] {
            let unit = format!(
                "[Service]\nWorkingDirectory={}\nExecStart=/s/{}\n",
                storage.display(),
                words(Path::new(told))
            );
            fs::write(&file, unit).unwrap();
            assert_eq!(
                refuse_foreign_unit(&node, &file, Mode::User).is_ok(),
                is_own,
                "{told}"
            );
        }
    }
}
