//! What every node has on disk, whichever manager runs it: a root directory, a log directory and its own antnode.

mod path_check;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::colony::{Binary, Mode, Node};
use crate::program::user_account::{self, Account};

use super::binary_store::{BinaryStore, is_same_file};
use super::files::{DirectoryToDelete, Files, beside, has_only_normal_parts, refuse_mounts};
use super::{LaunchPolicy, ManagerError, launch_command};
use path_check::parent_of;
pub use path_check::{PathCheck, ServicePaths};

/// Endings of the files that wnm writes beside a node's own.
const STAGING_ENDINGS: [&str; 4] = ["new", "old", "pid", "command"];

/// Makes, repairs and deletes what nodes have on disk.
#[derive(Clone, Debug)]
pub struct NodeLayout {
    mode: Mode,
    policy: LaunchPolicy,
    store: BinaryStore,
    /// Handles files with the rights of the mode.
    pub files: Files,
    /// Checks paths of rows before they are used.
    pub paths: PathCheck,
}

impl NodeLayout {
    #[must_use]
    pub fn new(mode: Mode, policy: LaunchPolicy) -> NodeLayout {
        NodeLayout {
            mode,
            store: BinaryStore::new(policy.shelf.clone(), mode),
            paths: PathCheck::new(mode, policy.clone()),
            policy,
            files: Files::new(mode),
        }
    }

    #[must_use]
    pub fn policy(&self) -> &LaunchPolicy {
        &self.policy
    }

    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The account that a node runs as; none in user mode. Never root, whatever the row says.
    pub fn account(&self, node: &Node) -> Result<Option<Account>, ManagerError> {
        if self.mode == Mode::User {
            return Ok(None);
        }
        let account = user_account::named(launch_command::user(node)?)?;
        let invalid = |why| Err(launch_command::invalid_value(node, "user", &account.name, why));
        if account.uid == 0 {
            return invalid("is root: no node runs as root");
        }
        // A row must not be able to run a node, and what the node loads, as some other account.
        let owns_root = || fs::symlink_metadata(&node.home.root).is_ok_and(|seen| seen.uid() == account.uid);
        if account.name != self.policy.user && !owns_root() {
            return invalid("does not own the node's root");
        }
        Ok(Some(account))
    }

    /// Makes the node's directories and binary, then its service by `write_service`. When either fails, it deletes
    /// what it made.
    ///
    /// `is_defined`: whether the node's service exists. Without one, an identity in the root is another node's.
    pub fn establish(
        &self,
        node: &Node,
        binary: &Binary,
        is_defined: bool,
        write_service: impl FnOnce() -> Result<(), ManagerError>,
    ) -> Result<(), ManagerError> {
        let root = &node.home.root;
        if !is_defined && exists(&root.join("secret-key")) {
            return Err(ManagerError::IdentityExists { root: root.clone() });
        }
        let was_there = root.is_dir();
        self.make_directories(node, binary)?;
        write_service().map_err(|error| match was_there {
            true => error,
            false => error.with_remains(self.delete(node, None)),
        })
    }

    /// Makes directories and binary. On failure it deletes the directories that did not exist before.
    fn make_directories(&self, node: &Node, binary: &Binary) -> Result<(), ManagerError> {
        self.paths.check_before_making(node)?;
        let (had_root, had_logs) = (exists(&node.home.root), exists(&node.logs()));
        self.try_to_make_directories(node, binary).map_err(|error| {
            let mut remains = Vec::new();
            if !had_root && let Err(why) = self.delete_root(node) {
                remains.push((node.home.root.clone(), why.to_string()));
            }
            if !had_logs && let Err(why) = self.delete_logs(node) {
                remains.push((node.logs(), why.to_string()));
            }
            error.with_remains(remains)
        })
    }

    fn try_to_make_directories(&self, node: &Node, binary: &Binary) -> Result<(), ManagerError> {
        let owner = self.account(node)?;
        let stored = self.store.add(binary)?;
        let policy = &self.policy;
        self.files.make_dir(&policy.storage, None)?;
        // Another user may have made the storage first; then it is not ours to use.
        self.paths.require_exclusive(parent_of(&node.home.root))?;
        self.files.make_dir(&policy.bootstrap_cache, owner.as_ref())?;
        self.files.make_dir_durably(&node.home.root, owner.as_ref())?;
        self.make_logs(node, owner.as_ref())?;
        self.install_binary(node, &stored)
    }

    fn make_logs(&self, node: &Node, owner: Option<&Account>) -> Result<(), ManagerError> {
        let logs = node.logs();
        if logs.starts_with(&node.home.root) {
            return self.files.make_inner_dir(&logs, owner);
        }
        if logs.starts_with(&self.policy.logs) {
            self.files.make_dir(&self.policy.logs, None)?;
            self.paths.require_exclusive(parent_of(&logs))?;
        }
        self.files.make_dir(&logs, owner)
    }

    fn install_binary(&self, node: &Node, stored: &Path) -> Result<(), ManagerError> {
        let staging = self.staging(node, "new");
        self.store.install(stored, &node.home.binary, &staging)
    }

    /// Makes sure that a node can be started: its root exists, and its binary, restored from the store if necessary.
    /// `service` is what the node's service says of its paths.
    ///
    /// When nothing is missing, root changes nothing, so the directories may belong to the node's own account: an
    /// operator's nodes may be in the home of another account.
    pub fn prepare_start(&self, node: &Node, service: Option<&ServicePaths>) -> Result<(), ManagerError> {
        self.paths.check_row(node, service)?;
        let fail = |why: String| Err(ManagerError::not_started(node, why));
        let owner = self.account(node)?;
        let root = match fs::symlink_metadata(&node.home.root) {
            Ok(seen) if seen.is_dir() => seen,
            _ => return fail(format!("its root `{}` is missing", node.home.root.display())),
        };
        if let Some(owner) = owner.as_ref().filter(|owner| owner.uid != root.uid()) {
            return fail(format!(
                "it must run as `{}`, which does not own its root `{}`",
                owner.name,
                node.home.root.display()
            ));
        }
        let (has_logs, has_binary) = (node.logs().is_dir(), node.home.binary.is_file());
        if has_logs && has_binary {
            return self.paths.check_before_run(node, owner.as_ref());
        }
        self.paths.check_ancestors(node)?;
        if !has_logs {
            self.make_logs(node, owner.as_ref())?;
        }
        if has_binary {
            return Ok(());
        }
        let version = node.version.as_ref();
        let stored = version.and_then(|version| self.store.path_of(version).ok());
        match stored.filter(|stored| stored.is_file()) {
            Some(stored) => self.install_binary(node, &stored),
            None => fail(format!("its binary `{}` is missing", node.home.binary.display())),
        }
    }

    /// Replaces the node's binary with `new` and keeps the old one; returns whether the binary changed.
    /// `service` is what the node's service says of its paths.
    pub fn replace_binary(
        &self,
        node: &Node,
        new: &Binary,
        service: Option<&ServicePaths>,
    ) -> Result<bool, ManagerError> {
        self.paths.check(node, service)?;
        let stored = self.store.add(new)?;
        if is_same_file(&stored, &node.home.binary) {
            return Ok(false);
        }
        if node.home.binary.is_file() {
            self.files.share(&node.home.binary, &self.staging(node, "old"))?;
        }
        self.install_binary(node, &stored)?;
        Ok(true)
    }

    /// Whether the old binary of a replacement is still kept: the process may be the old one.
    #[must_use]
    pub fn has_old_binary(&self, node: &Node) -> bool {
        exists(&self.staging(node, "old"))
    }

    /// Undoes the last [`replace_binary`](NodeLayout::replace_binary).
    pub fn restore_old_binary(&self, node: &Node) -> Result<(), ManagerError> {
        self.files.rename(&self.staging(node, "old"), &node.home.binary)
    }

    /// Deletes the old binary, and stored versions that no node uses. A later run deletes what cannot be deleted now.
    pub fn delete_old_binary(&self, node: &Node) {
        if let Err(error) = self.files.delete(&self.staging(node, "old")) {
            tracing::debug!("{error}");
        }
        self.delete_unused_binaries();
    }

    /// Deletes stored versions that no node uses.
    pub fn delete_unused_binaries(&self) {
        let deleted = self
            .paths
            .require_exclusive(&self.policy.shelf)
            .and_then(|()| self.store.delete_unused());
        if let Err(error) = deleted {
            tracing::debug!("{error}");
        }
    }

    /// Whether the node is outside the colony's storage. There only its service proves that a directory is the
    /// node's, so the directory must be deleted before the service.
    #[must_use]
    pub fn is_outside_storage(&self, node: &Node) -> bool {
        !node.home.root.starts_with(&self.policy.storage)
    }

    /// Deletes data, logs and service of a stopped node. `delete_service` deletes the service and returns what remains.
    pub fn delete_with_service(
        &self,
        node: &Node,
        service: Option<&ServicePaths>,
        delete_service: impl FnOnce() -> Vec<(PathBuf, String)>,
    ) -> Result<(), ManagerError> {
        refuse_mounts(node)?;
        let mut remains = Vec::new();
        if self.is_outside_storage(node) {
            remains.extend(self.delete(node, service));
            if remains.is_empty() {
                remains.extend(delete_service());
            }
        } else {
            remains.extend(delete_service());
            remains.extend(self.delete(node, None));
        }
        self.delete_unused_binaries();
        ManagerError::if_remains(node, remains)
    }

    /// Deletes logs and data; returns what remains, and why. [Outside the storage](NodeLayout::is_outside_storage) it
    /// deletes only what `service` names.
    pub fn delete(&self, node: &Node, service: Option<&ServicePaths>) -> Vec<(PathBuf, String)> {
        let root = &node.home.root;
        if let Err(error) = refuse_mounts(node) {
            return vec![(root.clone(), error.to_string())];
        }
        let mut remains = Vec::new();
        let mut note = |path: PathBuf, done: Result<(), ManagerError>| {
            if let Err(error) = done {
                remains.push((path, error.to_string()));
            }
        };
        // Where everybody could create the path, what is there now need not be the node's.
        let is_exclusive = match self.paths.is_exclusive(parent_of(root)) {
            Ok(is_exclusive) => is_exclusive,
            Err(error) => return vec![(root.clone(), error.to_string())],
        };
        if self.is_outside_storage(node) {
            self.delete_logs_outside_storage(node, service);
            if is_exclusive {
                note(root.clone(), self.delete_root_outside_storage(node, service));
            }
        } else {
            note(node.logs(), self.delete_logs(node));
            note(root.clone(), self.delete_root(node));
        }
        if is_exclusive {
            for ending in STAGING_ENDINGS {
                let staging = self.staging(node, ending);
                if has_only_normal_parts(&staging) {
                    note(staging.clone(), self.files.delete(&staging));
                }
            }
        }
        remains
    }

    fn delete_root(&self, node: &Node) -> Result<(), ManagerError> {
        if !self.paths.is_exclusive(parent_of(&node.home.root))? {
            return Ok(());
        }
        self.files.delete_dir(DirectoryToDelete {
            path: &node.home.root,
            name: &node.name.full(),
            inside: &self.policy.storage,
        })
    }

    fn delete_root_outside_storage(
        &self,
        node: &Node,
        service: Option<&ServicePaths>,
    ) -> Result<(), ManagerError> {
        let root = &node.home.root;
        if service.is_none_or(|service| service.root != *root) {
            // Once the service is deleted too, nothing proves that the root is the node's.
            return match exists(root) {
                false => Ok(()),
                true => Err(ManagerError::Refused {
                    doing: "delete",
                    path: root.clone(),
                    why: format!(
                        "it is not inside `{}`, and no service says that it is the node's",
                        self.policy.storage.display()
                    ),
                }),
            };
        }
        self.files.delete_dir(DirectoryToDelete {
            path: root,
            name: &node.name.full(),
            inside: parent_of(root),
        })
    }

    /// Deletes the logs of a node outside the storage if they are known to be its own; else they may be another's.
    fn delete_logs_outside_storage(&self, node: &Node, service: Option<&ServicePaths>) {
        let logs = node.logs();
        if logs.starts_with(&node.home.root) || !exists(&logs) {
            return;
        }
        let inside = if logs.starts_with(&self.policy.logs) {
            self.policy.logs.as_path()
        } else if service.is_some_and(|service| service.logs.as_ref() == Some(&logs)) {
            parent_of(&logs)
        } else {
            tracing::warn!(
                "`{}` is not deleted: nothing says that these logs are the node's",
                logs.display()
            );
            return;
        };
        let deleted = self.paths.require_exclusive(parent_of(&logs)).and_then(|()| {
            self.files.delete_dir(DirectoryToDelete {
                path: &logs,
                name: &node.name.full(),
                inside,
            })
        });
        if let Err(error) = deleted {
            tracing::warn!("`{}` is not deleted: {error}", logs.display());
        }
    }

    /// Rows of the Python wnm do not say where logs are: a directory with the node's name in the log directory is the
    /// node's own.
    fn delete_logs(&self, node: &Node) -> Result<(), ManagerError> {
        let (logs, name) = (node.logs(), node.name.full());
        let usual = self.policy.logs.join(&name);
        let are_in_root = logs.starts_with(&node.home.root);
        if are_in_root && !exists(&usual) || !self.paths.is_exclusive(parent_of(&logs))? {
            return Ok(());
        }
        self.files.delete_dir(DirectoryToDelete {
            path: if are_in_root { &usual } else { &logs },
            name: &name,
            inside: &self.policy.logs,
        })
    }

    /// The path at which a file of the node is written before it is renamed. In sudo mode it is not in the node's root,
    /// where the node could put a symlink for root to follow.
    #[must_use]
    pub fn staging(&self, node: &Node, ending: &str) -> PathBuf {
        match self.mode {
            Mode::User => node.home.root.join(format!(".antnode.{ending}")),
            Mode::Sudo => beside(&node.home.root, &format!("antnode.{ending}")),
        }
    }
}

/// Whether there is anything at `path`, also a broken symlink.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
