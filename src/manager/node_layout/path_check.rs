//! Checks a node's paths before they are used: anybody may have written the row that has them.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::{Mode, Node, NodePaths};
use crate::manager::discovered_node::DiscoveredNode;
use crate::manager::files::{DirectoryOwnership, Files, has_only_normal_parts};
use crate::manager::{LaunchPolicy, ManagerError};
use crate::program::trusted_path::{self, TrustedAncestor, UntrustedPath};
use crate::program::user_account::{self, Account};

/// A node's paths as its service has them, not its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePaths {
    pub root: PathBuf,
    pub logs: Option<PathBuf>,
}

impl From<DiscoveredNode> for ServicePaths {
    fn from(found: DiscoveredNode) -> ServicePaths {
        ServicePaths {
            root: found.root,
            logs: found.logs,
        }
    }
}

/// Checks the paths of one colony's nodes.
#[derive(Clone, Debug)]
pub struct PathCheck {
    mode: Mode,
    policy: LaunchPolicy,
    files: Files,
}

impl PathCheck {
    pub(super) fn new(mode: Mode, policy: LaunchPolicy) -> PathCheck {
        PathCheck {
            mode,
            policy,
            files: Files::new(mode),
        }
    }

    /// Checks that the paths are where nodes may be, and that no other user can replace anything on the way to them.
    pub(in crate::manager) fn check(
        &self,
        node: &Node,
        service: Option<&ServicePaths>,
    ) -> Result<(), ManagerError> {
        self.check_row(node, service)?;
        self.check_ancestors(node)
    }

    /// Checks that no other user can replace what root handles of the node, or gives to it.
    pub(in crate::manager) fn check_ancestors(&self, node: &Node) -> Result<(), ManagerError> {
        self.check_each(node, PathCheck::require_exclusive)
    }

    /// [`check`](PathCheck::check) for a node that is about to be made: directories may be missing.
    pub(super) fn check_before_making(&self, node: &Node) -> Result<(), ManagerError> {
        self.check_row(node, None)?;
        self.check_each(node, PathCheck::require_trusted)
    }

    fn check_each(
        &self,
        node: &Node,
        require: fn(&PathCheck, &Path) -> Result<(), ManagerError>,
    ) -> Result<(), ManagerError> {
        if !trusted_path::is_required(self.mode) {
            return Ok(());
        }
        let (root, logs) = (&node.home.root, node.logs());
        require(self, parent_of(root))?;
        require(self, &self.policy.shelf)?;
        if !logs.starts_with(root) {
            require(self, parent_of(&logs))?;
        }
        Ok(())
    }

    /// Checks that nobody but the node's account can replace what root only starts as that account.
    pub(super) fn check_before_run(&self, node: &Node, owner: Option<&Account>) -> Result<(), ManagerError> {
        // Called even if it may fail: it gives directories of the nodes' account to root.
        let checked = self.check_ancestors(node);
        let Some(owner) = owner.filter(|_| checked.is_err()) else {
            return checked;
        };
        let place = parent_of(&node.home.root);
        match trusted_path::find_untrusted_except(place, owner.uid) {
            Some(found) => Err(untrusted(place, found)),
            None => Ok(()),
        }
    }

    /// Checks what can be checked without asking who owns the ancestors. Each path must be absolute and the binary in
    /// the root. In sudo mode root and logs must be in a directory of the colony and have the node's name, or be what
    /// the node's service says.
    pub(super) fn check_row(&self, node: &Node, service: Option<&ServicePaths>) -> Result<(), ManagerError> {
        let refuse = |path: &Path, why: String| {
            Err(ManagerError::Refused {
                doing: "use",
                path: path.to_owned(),
                why,
            })
        };
        let (root, binary, logs) = (&node.home.root, &node.home.binary, node.logs());
        for path in [root, binary, &logs] {
            if !has_only_normal_parts(path) {
                return refuse(path, "it is not an absolute path without `..`".to_owned());
            }
        }
        if binary.parent() != Some(root.as_path()) {
            let why = format!("it is not in the node's root `{}`", root.display());
            return refuse(binary, why);
        }
        let is_service_root = service.is_some_and(|service| service.root == *root);
        if self.mode == Mode::User {
            if !is_service_root && !root.starts_with(&self.policy.storage) && !contains_node(root) {
                let why = format!(
                    "it is not inside `{}`, contains nothing of a node, and no service names it",
                    self.policy.storage.display()
                );
                return refuse(root, why);
            }
            return Ok(());
        }
        let name = node.name.full();
        let is_service_logs = service.is_some_and(|service| service.logs.as_ref() == Some(&logs));
        for (path, inside, is_of_service) in [
            (root, &self.policy.storage, is_service_root),
            (&logs, &self.policy.logs, is_service_logs),
        ] {
            let is_below_root = path != root && path.starts_with(root);
            let is_ours = path.starts_with(inside) && path.file_name() == Some(OsStr::new(&name));
            if !is_of_service && !is_below_root && !is_ours {
                let why = format!(
                    "it is no `{name}` inside `{}`, and no service says that it is the node's",
                    inside.display()
                );
                return refuse(path, why);
            }
            if is_ours && !is_of_service && !stays_inside(path, inside) {
                return refuse(path, format!("a symlink leads out of `{}`", inside.display()));
            }
        }
        Ok(())
    }

    /// [`check`](PathCheck::check) of the root alone, for a caller that uses only the root and its process.
    pub(in crate::manager) fn check_root(&self, node: &Node) -> Result<(), ManagerError> {
        let root = node.home.root.clone();
        let home = NodePaths {
            binary: root.join("antnode"),
            logs: None,
            root,
        };
        self.check(&Node { home, ..node.clone() }, None)
    }

    /// Requires that no other user can replace `place` or an ancestor. Directories of the nodes' account are given to
    /// root first: anm and antctl give that account the directory that contains all nodes.
    ///
    /// # Errors
    /// With the first ancestor that another user can replace.
    pub fn require_trusted(&self, place: &Path) -> Result<(), ManagerError> {
        self.trusted_ancestor(place).map(drop)
    }

    /// Also requires that no other user can create what is missing of `place`.
    pub(in crate::manager) fn require_exclusive(&self, place: &Path) -> Result<(), ManagerError> {
        if self.is_exclusive(place)? {
            return Ok(());
        }
        match trusted_path::find_not_exclusive(place) {
            Some(found) => Err(untrusted(place, found)),
            None => Ok(()),
        }
    }

    /// Whether only root and we can create what is missing of a trusted `place`.
    pub(super) fn is_exclusive(&self, place: &Path) -> Result<bool, ManagerError> {
        Ok(self.trusted_ancestor(place)? == TrustedAncestor::Exclusive)
    }

    fn trusted_ancestor(&self, place: &Path) -> Result<TrustedAncestor, ManagerError> {
        if !trusted_path::is_required(self.mode) {
            return Ok(TrustedAncestor::Exclusive);
        }
        let mut last_given = None;
        loop {
            let found = match trusted_path::check(place) {
                Ok(ancestor) => return Ok(ancestor),
                Err(found) => found,
            };
            let ownership = self.ownership_by_nodes(&found);
            let next = ownership.map(|ownership| (found.at.clone(), ownership));
            let Some((at, ownership)) = next.filter(|next| last_given.as_ref() != Some(next)) else {
                return Err(untrusted(place, found));
            };
            self.files.give_to_root(&at, ownership)?;
            tracing::info!(
                "gave `{}` to root: it contains nodes and belonged to their account",
                at.display()
            );
            last_given = Some((at, ownership));
        }
    }

    /// How an untrusted directory belongs to the nodes' account; none when it does not, or contains that account's home.
    fn ownership_by_nodes(&self, found: &UntrustedPath) -> Option<DirectoryOwnership> {
        let nodes = user_account::named(&self.policy.user).ok()?;
        if self.mode != Mode::Sudo || nodes.home.starts_with(&found.at) {
            return None;
        }
        if found.owner() == Some(&*self.policy.user) {
            return Some(DirectoryOwnership::ByOwner);
        }
        // Any other group may have more members; only the administrator may take a directory from it.
        (found.group() == Some(&*self.policy.user)).then_some(DirectoryOwnership::ByGroup)
    }
}

fn untrusted(place: &Path, found: UntrustedPath) -> ManagerError {
    ManagerError::Untrusted {
        place: place.to_owned(),
        found,
    }
}

pub(super) fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Whether a directory contains a file of a node, so that it is no other directory of the operator.
fn contains_node(root: &Path) -> bool {
    const FILES: [&str; 5] = [
        "secret-key",
        "record_store",
        "antnode.pid",
        "node.pid",
        "node.command",
    ];
    FILES
        .iter()
        .any(|name| fs::symlink_metadata(root.join(name)).is_ok())
}

/// Whether no symlink in the existing part of `path` leads out of `inside`.
fn stays_inside(path: &Path, inside: &Path) -> bool {
    let Ok(inside) = inside.canonicalize() else {
        return fs::symlink_metadata(path).is_err();
    };
    path.ancestors()
        .find_map(|part| part.canonicalize().ok())
        .is_some_and(|real| real.starts_with(&inside) || inside.starts_with(&real))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, chown};

    use tempfile::TempDir;

    use super::*;

    /// anm and antctl leave a server so: the nodes' account owns the directory that contains them.
    #[test]
    fn gives_storage_of_the_nodes_account_to_root_and_refuses_storage_of_others() {
        if !user_account::is_root() {
            eprintln!("SKIPPED: only root can give a folder away");
            return;
        }
        let folder = TempDir::new().unwrap();
        let (disk, storage) = (folder.path().join("disk"), folder.path().join("disk/services"));
        fs::create_dir_all(&storage).unwrap();
        let policy = LaunchPolicy {
            user: "daemon".to_owned(),
            ..LaunchPolicy::under(folder.path())
        };
        let ours = user_account::named(&policy.user).unwrap().uid;
        let paths = PathCheck::new(Mode::Sudo, policy);
        let owners = || [&disk, &storage].map(|path| fs::metadata(path).unwrap().uid());
        for path in [&disk, &storage] {
            chown(path, Some(ours), None).unwrap();
        }
        paths.require_trusted(&storage).unwrap();
        assert_eq!(owners(), [0, 0]);

        chown(&storage, Some(ours + 1), None).unwrap();
        let refused = paths.require_trusted(&storage).unwrap_err().to_string();
        assert!(refused.contains("belongs to"), "{refused}");
        assert_eq!(owners(), [0, ours + 1]);
    }
}
