//! Whether a home is where a node may live: the row that says so may be anybody's work.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crate::colony::{Mode, Node, NodePaths};
use crate::manager::ManagerError;
use crate::manager::files::{FolderOwnership, is_straight};
use crate::program::trusted_path::{self, TrustedAncestor, UntrustedPath};
use crate::program::user_account::{self, Account};

use super::{NodeLayout, ServicePaths};

impl NodeLayout {
    /// The row is not trusted: a home must be where nodes are, and a node's binary is in its home. What root does
    /// there must be in a folder of the colony's that bears the node's name, or in what the node's service names.
    pub(in crate::manager) fn check_home(
        &self,
        node: &Node,
        told: Option<&ServicePaths>,
    ) -> Result<(), ManagerError> {
        self.check_place(node, told)?;
        self.check_ground(node)
    }

    /// That nobody else could exchange what root handles of the node, or hands to it.
    pub(in crate::manager) fn check_ground(&self, node: &Node) -> Result<(), ManagerError> {
        self.check_each(node, NodeLayout::refuse_unsure)
    }

    /// The same of a node that is to be made, as far as it is there.
    pub(super) fn check_future(&self, node: &Node) -> Result<(), ManagerError> {
        self.check_place(node, None)?;
        self.check_each(node, NodeLayout::refuse_weak)
    }

    fn check_each(
        &self,
        node: &Node,
        refuse: fn(&NodeLayout, &Path) -> Result<(), ManagerError>,
    ) -> Result<(), ManagerError> {
        if !trusted_path::matters(self.mode) {
            return Ok(());
        }
        let (root, logs) = (&node.home.root, node.logs());
        refuse(self, above(root))?;
        refuse(self, &self.policy.shelf)?;
        if !logs.starts_with(root) {
            refuse(self, above(&logs))?;
        }
        Ok(())
    }

    /// That nobody but the account of the node could exchange what root only has that account run.
    pub(super) fn check_run(&self, node: &Node, owner: Option<&Account>) -> Result<(), ManagerError> {
        // Also where it need not be for that, what the nodes' own account has of the way becomes root's.
        let firm = self.check_ground(node);
        let Some(owner) = owner.filter(|_| firm.is_err()) else {
            return firm;
        };
        let place = above(&node.home.root);
        trusted_path::weak_but_for(place, Some(owner.uid)).map_or(Ok(()), |weak| {
            Err(ManagerError::Weak {
                place: place.to_owned(),
                weak,
            })
        })
    }

    /// What can be said of a home without a look at whose the way there is.
    pub(super) fn check_place(&self, node: &Node, told: Option<&ServicePaths>) -> Result<(), ManagerError> {
        let refuse = |path: &Path, why: String| {
            Err(ManagerError::Refused {
                doing: "use",
                path: path.to_owned(),
                why,
            })
        };
        let (root, binary, logs) = (&node.home.root, &node.home.binary, node.logs());
        for path in [root, binary, &logs] {
            if !is_straight(path) {
                return refuse(path, "it is no absolute path without `..`".to_owned());
            }
        }
        if binary.parent() != Some(root.as_path()) {
            let why = format!("it is not in the node's root `{}`", root.display());
            return refuse(binary, why);
        }
        if self.mode == Mode::User {
            let is_told = told.is_some_and(|told| told.root == *root);
            if !is_told && !root.starts_with(&self.policy.storage) && !bears_traces(root) {
                let inside = self.policy.storage.display();
                let why =
                    format!("it is not inside `{inside}`, and nothing there or of a service is a node's");
                return refuse(root, why);
            }
            return Ok(());
        }
        let name = node.name.full();
        for (path, inside, is_told) in [
            (
                root,
                &self.policy.storage,
                told.is_some_and(|told| told.root == *root),
            ),
            (
                &logs,
                &self.policy.logs,
                told.is_some_and(|told| told.logs.as_ref() == Some(&logs)),
            ),
        ] {
            let is_within_root = path != root && path.starts_with(root);
            let is_ours = path.starts_with(inside) && path.file_name() == Some(OsStr::new(&name));
            if !is_told && !is_within_root && !is_ours {
                let inside = inside.display();
                let why =
                    format!("it is no `{name}` inside `{inside}`, and no service says that it is the node's");
                return refuse(path, why);
            }
            if is_ours && !is_told && !leads_inside(path, inside) {
                return refuse(path, format!("it leads out of `{}`", inside.display()));
            }
        }
        Ok(())
    }

    /// The same of its root alone: for who touches nothing but that, and the process that names it.
    pub(in crate::manager) fn check_root(&self, node: &Node) -> Result<(), ManagerError> {
        let root = node.home.root.clone();
        let home = NodePaths {
            binary: root.join("antnode"),
            logs: None,
            root,
        };
        self.check_home(&Node { home, ..node.clone() }, None)
    }

    /// Refuses a place where somebody else could exchange what is handled with root's rights. What the account of the
    /// nodes has of it becomes root's first: anm and antctl give it the folder that all nodes lie in.
    ///
    /// # Errors
    /// With the first place on the way that somebody else has a hand in.
    pub fn refuse_weak(&self, place: &Path) -> Result<(), ManagerError> {
        self.footing(place).map(|_| ())
    }

    /// The same for who counts on what is there: what is not may be somebody else's a moment later.
    pub(in crate::manager) fn refuse_unsure(&self, place: &Path) -> Result<(), ManagerError> {
        if self.footing(place)? == TrustedAncestor::Firm {
            return Ok(());
        }
        trusted_path::unsure(place).map_or(Ok(()), |weak| {
            Err(ManagerError::Weak {
                place: place.to_owned(),
                weak,
            })
        })
    }

    /// The same, and whether what is not there could be made by everybody.
    pub(super) fn footing(&self, place: &Path) -> Result<TrustedAncestor, ManagerError> {
        if !trusted_path::matters(self.mode) {
            return Ok(TrustedAncestor::Firm);
        }
        let mut taken = None;
        loop {
            let weak = match trusted_path::footing(place) {
                Ok(footing) => return Ok(footing),
                Err(weak) => weak,
            };
            let held = self.held_by_nodes(&weak);
            let Some(held) = held.filter(|held| taken.as_ref() != Some(&(weak.at.clone(), *held))) else {
                return Err(ManagerError::Weak {
                    place: place.to_owned(),
                    weak,
                });
            };
            self.files.give_to_root(&weak.at, held)?;
            tracing::info!(
                "`{}` is root's now: nodes lie in it, and it was theirs",
                weak.at.display()
            );
            taken = Some((weak.at, held));
        }
    }

    /// By what a weak place is the nodes' account's, if it is; never where that account is at home.
    fn held_by_nodes(&self, weak: &UntrustedPath) -> Option<FolderOwnership> {
        let nodes = user_account::named(&self.policy.user).ok()?;
        if self.mode != Mode::Sudo || nodes.home.starts_with(&weak.at) {
            return None;
        }
        if weak.owner() == Some(&*self.policy.user) {
            return Some(FolderOwnership::ByOwner);
        }
        // A group that others are in as well is the administrator's to take away.
        (weak.group() == Some(&*self.policy.user)).then_some(FolderOwnership::ByGroup)
    }
}

pub(super) fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Whether a node lives or lived in a folder: no other folder of the operator's is one by the word of a row.
fn bears_traces(root: &Path) -> bool {
    const TRACES: [&str; 5] = [
        "secret-key",
        "record_store",
        "antnode.pid",
        "node.pid",
        "node.command",
    ];
    TRACES
        .iter()
        .any(|name| fs::symlink_metadata(root.join(name)).is_ok())
}

/// Whether no link on the way to `path`, as far as it is there, leads out of `inside`.
fn leads_inside(path: &Path, inside: &Path) -> bool {
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
    use crate::manager::LaunchPolicy;

    /// As anm and antctl leave a server: the account of the nodes has the folder that they lie in.
    #[test]
    fn a_storage_that_is_the_nodes_own_becomes_roots_and_nobody_elses_does() {
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
        let premises = NodeLayout::new(Mode::Sudo, policy);
        let owners = || [&disk, &storage].map(|path| fs::metadata(path).unwrap().uid());
        for path in [&disk, &storage] {
            chown(path, Some(ours), None).unwrap();
        }
        premises.refuse_weak(&storage).unwrap();
        assert_eq!(owners(), [0, 0]);

        chown(&storage, Some(ours + 1), None).unwrap();
        let refused = premises.refuse_weak(&storage).unwrap_err().to_string();
        assert!(refused.contains("belongs to"), "{refused}");
        assert_eq!(owners(), [0, ours + 1]);
    }
}
