//! Deletes what antctl leaves, keeps what it could lose, and protects existing identities.

use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::Node;

use super::super::files::{DirectoryToDelete, beside, refuse_mounts_below};
use super::super::process_scan::Processes;
use super::super::{ManagerError, launch_command};
use super::command_line::{AntctlCommand, FolderChoice};
use super::manager::AntctlManager;
use super::registry::{Registry, RegistryEntry};

impl AntctlManager {
    /// Copies the registry. Without it antctl would start again at antnode1, and overwrite running nodes.
    pub(super) fn keep_copy(&self) {
        let copy = &self.policy().antctl.copy;
        let files = &self.layout.files;
        let kept = match fs::read_to_string(self.registry_path()) {
            Ok(text) if Registry::parse(&text).is_ok_and(|registry| !registry.entries.is_empty()) => {
                if fs::read_to_string(copy).is_ok_and(|kept| kept == text) {
                    return;
                }
                files.write(copy, &text, &beside(copy, "new"))
            }
            _ => Ok(()),
        };
        if let Err(error) = kept {
            tracing::warn!("antctl's registry was not copied: cannot {error}");
        }
    }

    /// Refuses to start a new registry if the old one was lost: the units of its nodes still exist.
    pub(super) fn refuse_lost_registry(&self, registry: &Registry) -> Result<(), ManagerError> {
        if !registry.entries.is_empty() {
            return Ok(());
        }
        let copy = &self.policy().antctl.copy;
        let Some(kept) = Registry::read(copy).ok().flatten() else {
            return Ok(());
        };
        let is_there = |entry: &RegistryEntry| {
            self.root_in_unit(&entry.unit())
                .is_some_and(|root| root == entry.root)
        };
        if kept.live().any(is_there) {
            return Err(ManagerError::RegistryLost {
                registry: self.registry_path().to_owned(),
                copy: copy.clone(),
            });
        }
        Ok(())
    }

    /// Refuses a directory with an identity, which antctl would give to the new node.
    pub(super) fn refuse_occupied(&self, node: &Node) -> Result<(), ManagerError> {
        if self.places == FolderChoice::Chosen {
            return Ok(());
        }
        let folders = fs::read_dir(&node.home.root).into_iter().flatten().flatten();
        let mut roots = folders.map(|entry| entry.path()).chain([node.home.root.clone()]);
        match roots.find(|root| fs::symlink_metadata(root.join("secret-key")).is_ok()) {
            Some(root) => Err(ManagerError::IdentityExists { root }),
            None => Ok(()),
        }
    }

    /// Undoes a failed add: removes new entries and empty directories.
    pub(super) fn undo(&self, node: &Node, before: &Registry, after: &Registry) -> Result<(), ManagerError> {
        let is_new = |entry: &&RegistryEntry| {
            before
                .entries
                .iter()
                .all(|old| old.service_name != entry.service_name)
        };
        let made: Vec<&RegistryEntry> = after.live().filter(is_new).collect();
        for entry in &made {
            let left = |error: ManagerError| ManagerError::NotRemoved {
                node: node.name.full(),
                remains: vec![(entry.root.clone(), error.to_string())],
            };
            self.remove_from_antctl(node, &entry.service_name).map_err(left)?;
            self.clear(node, Some(entry), after).map_err(left)?;
        }
        if made.is_empty() && self.places == FolderChoice::Given {
            self.clear(node, None, after)?;
        }
        Ok(())
    }

    /// Deletes the unit of a node that is not in the registry.
    pub(super) fn sweep(&self, node: &Node, registry: &Registry) -> Result<(), ManagerError> {
        let Some(unit) = self.unit_of(node, registry)? else {
            return Ok(());
        };
        self.layout.files.delete(&self.units().join(unit))?;
        self.note_change();
        Ok(())
    }

    /// Deletes the directories of a removed node, and their parents, which antctl leaves.
    pub(super) fn clear(
        &self,
        node: &Node,
        entry: Option<&RegistryEntry>,
        registry: &Registry,
    ) -> Result<(), ManagerError> {
        let (full, service) = (node.name.full(), launch_command::service(node)?.0);
        let service = entry.map_or(&service, |entry| &entry.service_name);
        let roots = [
            entry.map(|entry| entry.root.clone()),
            Some(node.home.root.clone()),
        ];
        let logs = [entry.map(|entry| entry.logs.clone()), Some(node.logs())];
        let is_others = |folder: &Path| {
            let others = registry.live().filter(|other| other.service_name != *service);
            others
                .into_iter()
                .any(|other| other.root.starts_with(folder) || other.logs.starts_with(folder))
        };
        let mut left: Vec<(PathBuf, String)> = Vec::new();
        for place in logs.into_iter().chain(roots).flatten() {
            for folder in [Some(place.as_path()), place.parent()].into_iter().flatten() {
                let policy = self.policy();
                let inside = [&policy.storage, &policy.logs]
                    .into_iter()
                    .find(|inside| folder.starts_with(inside) && folder != inside.as_path());
                let name = folder.file_name().and_then(|name| name.to_str());
                let name = name.filter(|name| *name == full || name == service);
                let (Some(inside), Some(name)) = (inside, name) else {
                    continue;
                };
                if is_others(folder) {
                    continue;
                }
                let doomed = DirectoryToDelete {
                    path: folder,
                    name,
                    inside,
                };
                let firm = self
                    .layout
                    .paths
                    .require_exclusive(folder.parent().unwrap_or(folder));
                if let Err(error) = firm.and_then(|()| self.layout.files.delete_dir(doomed)) {
                    left.push((folder.to_owned(), error.to_string()));
                }
            }
            if fs::symlink_metadata(&place).is_ok() && left.iter().all(|(path, _)| *path != place) {
                left.push((place, "it is outside of this colony's directories".to_owned()));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(ManagerError::NotRemoved {
            node: full,
            remains: left,
        })
    }

    /// Removes all nodes at once, if antctl has no others, and returns whether it did. Only directories remain.
    pub(super) fn reset(&self, nodes: &[Node]) -> Result<bool, ManagerError> {
        let registry = self.registry()?;
        let ours: Vec<&RegistryEntry> = nodes.iter().filter_map(|node| registry.entry_of(node)).collect();
        let is_ours = |entry: &RegistryEntry| ours.iter().any(|ours| ours.service_name == entry.service_name);
        if ours.is_empty() || !registry.live().all(is_ours) {
            return Ok(false);
        }
        let has_mounts = |entry: &&RegistryEntry| {
            refuse_mounts_below(&entry.root).is_err() || refuse_mounts_below(&entry.logs).is_err()
        };
        // antctl would delete them with what is mounted there; the removal of a single node is refused.
        if ours.iter().any(has_mounts) {
            return Ok(false);
        }
        // Through systemd, because a node that does not answer would block antctl.
        let units: Vec<String> = ours.iter().map(|entry| entry.unit()).collect();
        self.systemctl.stop(&units)?;
        if self.systemctl.show(&units)?.iter().any(|shown| shown.is_alive()) {
            return Ok(false);
        }
        ours.iter().for_each(|entry| self.forget_pid(&entry.root));
        // The removal of a node that still has a process stops the process.
        let processes = Processes::scan()?;
        if ours.iter().any(|entry| !processes.of(&entry.root).is_empty()) {
            return Ok(false);
        }
        let said = self.antctl.run(&AntctlCommand::reset())?;
        self.note_change();
        if let Err(failure) = said {
            return Err(ManagerError::Antctl {
                doing: "remove all nodes of",
                node: self.kind.to_string(),
                why: failure.to_string(),
            });
        }
        self.announce()?;
        self.systemctl.reset_failed(&units)?;
        self.layout.files.delete(&self.policy().antctl.copy)?;
        Ok(true)
    }

    /// Copies a node's binary, in case the new one does not start. A hard link would not do, because antctl overwrites the
    /// contents of the file.
    pub(super) fn keep_binary(&self, entry: &RegistryEntry) -> Result<PathBuf, ManagerError> {
        let shelf = &self.policy().shelf;
        let kept = shelf.join(format!(".antnode-{}.old", entry.service_name));
        self.layout.files.make_dir(shelf, None)?;
        self.layout.files.copy(&entry.binary, &kept)?;
        Ok(kept)
    }

    pub(super) fn forget_binary(&self, kept: &Path) {
        if let Err(error) = self.layout.files.delete(kept) {
            tracing::debug!("{error}");
        }
    }
}
