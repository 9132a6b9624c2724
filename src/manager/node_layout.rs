//! What every node has, whoever runs it: a root folder, a log folder and an antnode of its own.

mod path_check;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::{Binary, Mode, Node};
use crate::program::trusted_path::TrustedAncestor;
use crate::program::user_account::{self, Account};

use super::binary_store::BinaryStore;
use super::discovered_node::DiscoveredNode;
use super::files::{Files, FolderToDelete, beside, is_straight};
use super::{LaunchPolicy, ManagerError, launch_command};
use path_check::above;

/// Where a node lives by the word of its service, and not of its row.
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

/// Makes, keeps and clears what nodes live in.
#[derive(Clone, Debug)]
pub struct NodeLayout {
    mode: Mode,
    policy: LaunchPolicy,
    shelf: BinaryStore,
    /// Writes files by the rights of the mode.
    pub files: Files,
}

impl NodeLayout {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> NodeLayout {
        NodeLayout {
            mode,
            shelf: BinaryStore::new(policy.shelf.clone(), mode),
            policy,
            files: Files::new(mode),
        }
    }

    /// What managers were told of this colony.
    #[must_use]
    pub fn policy(&self) -> &LaunchPolicy {
        &self.policy
    }

    /// In whose rights.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The account a node runs as; none where it is ours in any case. Never root's, whatever the row says.
    pub fn account(&self, node: &Node) -> Result<Option<Account>, ManagerError> {
        if self.mode == Mode::User {
            return Ok(None);
        }
        let account = user_account::named(launch_command::user(node)?)?;
        if account.uid == 0 {
            return Err(launch_command::value(
                node,
                "user",
                &account.name,
                "is root: no node runs as root",
            ));
        }
        // A row cannot make a node, and what it is told to load, somebody else's.
        let owns_root = || fs::symlink_metadata(&node.home.root).is_ok_and(|seen| seen.uid() == account.uid);
        if account.name != self.policy.user && !owns_root() {
            return Err(launch_command::value(
                node,
                "user",
                &account.name,
                "is not whose its root is",
            ));
        }
        Ok(Some(account))
    }

    /// Whether a node has lived here: its identity is worth more than anything else in wnm's care.
    #[must_use]
    pub fn holds_identity(&self, node: &Node) -> bool {
        fs::symlink_metadata(node.home.root.join("secret-key")).is_ok()
    }

    /// Makes folders and binary. On failure, what was not there before is not there afterwards.
    pub fn furnish(&self, node: &Node, binary: &Binary) -> Result<(), ManagerError> {
        self.check_future(node)?;
        let was_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        let (root_was, logs_were) = (was_there(&node.home.root), was_there(&node.logs()));
        self.make(node, binary).map_err(|error| {
            let mut left = Vec::new();
            if !root_was && let Err(why) = self.erase_root(node) {
                left.push((node.home.root.clone(), why.to_string()));
            }
            if !logs_were && let Err(why) = self.erase_logs(node) {
                left.push((node.logs(), why.to_string()));
            }
            error.with_left(left)
        })
    }

    fn make(&self, node: &Node, binary: &Binary) -> Result<(), ManagerError> {
        let owner = self.account(node)?;
        let place = self.shelf.stock(binary)?;
        let policy = &self.policy;
        self.files.make_dir(&policy.storage, None)?;
        // What somebody made there first is his.
        self.refuse_unsure(above(&node.home.root))?;
        self.files.make_dir(&policy.bootstrap_cache, owner.as_ref())?;
        self.files.make_lasting_dir(&node.home.root, owner.as_ref())?;
        self.make_logs(node, owner.as_ref())?;
        self.shelf
            .hand_out(&place, &node.home.binary, &self.staging(node, "new"))
    }

    fn make_logs(&self, node: &Node, owner: Option<&Account>) -> Result<(), ManagerError> {
        let logs = node.logs();
        if logs.starts_with(&node.home.root) {
            return self.files.make_inner_dir(&logs, owner);
        }
        if logs.starts_with(&self.policy.logs) {
            self.files.make_dir(&self.policy.logs, None)?;
            self.refuse_unsure(above(&logs))?;
        }
        self.files.make_dir(&logs, owner)
    }

    /// Makes sure that a node can be started: its root is there, and its binary, from the shelf if it was lost.
    /// `told` is what its service says of it.
    ///
    /// Where everything is there, root touches nothing, and the ground may be the node's own account's: an operator's
    /// nodes may live in the home of another account.
    pub fn ready(&self, node: &Node, told: Option<&ServicePaths>) -> Result<(), ManagerError> {
        self.check_place(node, told)?;
        let fail = |why: String| {
            Err(ManagerError::NotStarted {
                node: node.name.full(),
                why,
            })
        };
        let owner = self.account(node)?;
        let root = match fs::symlink_metadata(&node.home.root) {
            Ok(seen) if seen.is_dir() => seen,
            _ => return fail(format!("its root `{}` is gone", node.home.root.display())),
        };
        if let Some(owner) = owner.as_ref().filter(|owner| owner.uid != root.uid()) {
            return fail(format!(
                "it is to run as `{}`, and its root `{}` is not that user's",
                owner.name,
                node.home.root.display()
            ));
        }
        let (has_logs, has_binary) = (node.logs().is_dir(), node.home.binary.is_file());
        if has_logs && has_binary {
            return self.check_run(node, owner.as_ref());
        }
        self.check_ground(node)?;
        if !has_logs {
            self.make_logs(node, owner.as_ref())?;
        }
        if has_binary {
            return Ok(());
        }
        let on_shelf = node.version.as_ref().and_then(|version| {
            let place = self.shelf.place_of(version).ok()?;
            place.is_file().then_some(place)
        });
        match on_shelf {
            Some(place) => self
                .shelf
                .hand_out(&place, &node.home.binary, &self.staging(node, "new")),
            None => fail(format!("its binary `{}` is gone", node.home.binary.display())),
        }
    }

    /// Puts `new` in the place of the node's binary and keeps the old one at hand. Says whether anything changed.
    /// `told` is what the node's service says of it.
    pub fn swap(&self, node: &Node, new: &Binary, told: Option<&ServicePaths>) -> Result<bool, ManagerError> {
        self.check_home(node, told)?;
        let place = self.shelf.stock(new)?;
        if super::binary_store::is_same_file(&place, &node.home.binary) {
            return Ok(false);
        }
        let kept = self.staging(node, "old");
        if node.home.binary.is_file() {
            self.files.share(&node.home.binary, &kept)?;
        }
        self.shelf
            .hand_out(&place, &node.home.binary, &self.staging(node, "new"))?;
        Ok(true)
    }

    /// Whether a swap was neither taken back nor forgotten: the process may still be the old one.
    #[must_use]
    pub fn keeps_old(&self, node: &Node) -> bool {
        fs::symlink_metadata(self.staging(node, "old")).is_ok()
    }

    /// Takes back the last [`swap`](Premises::swap).
    pub fn swap_back(&self, node: &Node) -> Result<(), ManagerError> {
        self.files.rename(&self.staging(node, "old"), &node.home.binary)
    }

    /// Forgets the old binary, and versions that no node uses any more. What does not go now goes another time.
    pub fn forget_old(&self, node: &Node) {
        if let Err(error) = self.files.delete(&self.staging(node, "old")) {
            tracing::debug!("{error}");
        }
        self.tidy();
    }

    /// Clears the shelf of versions that no node uses.
    pub fn tidy(&self) {
        let cleared = self
            .refuse_unsure(&self.policy.shelf)
            .and_then(|()| self.shelf.clear_out());
        if let Err(error) = cleared {
            tracing::debug!("{error}");
        }
    }

    /// Whether the node lies on a storage of its own. There only its service can tell that a folder is the
    /// node's, so the folder has to go before the service.
    #[must_use]
    pub fn is_elsewhere(&self, node: &Node) -> bool {
        !node.home.root.starts_with(&self.policy.storage)
    }

    /// Erases logs and data; returns what is left, and why. Of a node that [lies elsewhere](Premises::is_elsewhere)
    /// only what its service has `told` of.
    pub fn clear(&self, node: &Node, told: Option<&ServicePaths>) -> Vec<(PathBuf, String)> {
        let mut left = Vec::new();
        let mut note = |path: PathBuf, done: Result<(), ManagerError>| {
            if let Err(error) = done {
                left.push((path, error.to_string()));
            }
        };
        // What is not there, and everybody could make, is not the node's when it is there.
        let is_there = match self.footing(above(&node.home.root)) {
            Ok(footing) => footing == TrustedAncestor::Firm,
            Err(error) => return vec![(node.home.root.clone(), error.to_string())],
        };
        if self.is_elsewhere(node) {
            self.leave_logs(node, told);
            if is_there {
                note(node.home.root.clone(), self.erase_elsewhere(node, told));
            }
        } else {
            note(node.logs(), self.erase_logs(node));
            note(node.home.root.clone(), self.erase_root(node));
        }
        if !is_there {
            return left;
        }
        for ending in ["new", "old", "pid", "command"] {
            let staging = self.staging(node, ending);
            if is_straight(&staging) {
                note(staging.clone(), self.files.delete(&staging));
            }
        }
        left
    }

    fn erase_root(&self, node: &Node) -> Result<(), ManagerError> {
        if self.footing(above(&node.home.root))? != TrustedAncestor::Firm {
            return Ok(());
        }
        self.files.erase(FolderToDelete {
            path: &node.home.root,
            name: &node.name.full(),
            inside: &self.policy.storage,
        })
    }

    fn erase_elsewhere(&self, node: &Node, told: Option<&ServicePaths>) -> Result<(), ManagerError> {
        let root = &node.home.root;
        if told.is_none_or(|told| told.root != *root) {
            // Once its service is gone as well, there is nothing left to be told.
            return if fs::symlink_metadata(root).is_ok() {
                Err(ManagerError::Refused {
                    doing: "erase",
                    path: root.clone(),
                    why: format!(
                        "it is not inside `{}`, and no service says that it is the node's",
                        self.policy.storage.display()
                    ),
                })
            } else {
                Ok(())
            };
        }
        self.files.erase(FolderToDelete {
            path: root,
            name: &node.name.full(),
            inside: root.parent().unwrap_or(root),
        })
    }

    /// Erases the logs of a node that lies elsewhere, if they are known to be its own; else they may be another's.
    fn leave_logs(&self, node: &Node, told: Option<&ServicePaths>) {
        let logs = node.logs();
        if logs.starts_with(&node.home.root) || fs::symlink_metadata(&logs).is_err() {
            return;
        }
        let inside = if logs.starts_with(&self.policy.logs) {
            self.policy.logs.as_path()
        } else if told.is_some_and(|told| told.logs.as_ref() == Some(&logs)) {
            logs.parent().unwrap_or(&logs)
        } else {
            tracing::warn!(
                "`{}` stays: nothing says that these logs are the node's",
                logs.display()
            );
            return;
        };
        let erased = self.refuse_unsure(above(&logs)).and_then(|()| {
            self.files.erase(FolderToDelete {
                path: &logs,
                name: &node.name.full(),
                inside,
            })
        });
        if let Err(error) = erased {
            tracing::warn!("`{}` stays: {error}", logs.display());
        }
    }

    /// A row of the Python wnm does not say where logs are: what bears the node's name where logs are is its own.
    fn erase_logs(&self, node: &Node) -> Result<(), ManagerError> {
        let (logs, name) = (node.logs(), node.name.full());
        let usual = self.policy.logs.join(&name);
        if logs.starts_with(&node.home.root) && fs::symlink_metadata(&usual).is_err() {
            return Ok(());
        }
        if self.footing(above(&logs))? != TrustedAncestor::Firm {
            return Ok(());
        }
        self.files.erase(FolderToDelete {
            path: if logs.starts_with(&node.home.root) {
                &usual
            } else {
                &logs
            },
            name: &name,
            inside: &self.policy.logs,
        })
    }

    /// Where a file of the node is made before it gets its name. In sudo mode not in the node's own folder,
    /// where the node could put a link in root's way.
    #[must_use]
    pub fn staging(&self, node: &Node, ending: &str) -> PathBuf {
        match self.mode {
            Mode::User => node.home.root.join(format!(".antnode.{ending}")),
            Mode::Sudo => beside(&node.home.root, &format!("antnode.{ending}")),
        }
    }
}
