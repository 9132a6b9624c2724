//! What is known of one process that is a node.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::manager::discovered_node::{self, DiscoveredNode};
use crate::program::user_account;

use super::command_line::{antnode_position, has_root_option, is_interpreter, root_of};
use super::{proc_files, same_folder};

/// A process that is a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeProcess {
    pub pid: u32,
    /// Its command line, with the name of its executable in place of a made-up program name.
    pub command: Vec<OsString>,
    /// The root that its command line names, as an absolute path.
    pub root: PathBuf,
    /// The root without symlinks.
    real_root: PathBuf,
}

impl NodeProcess {
    /// The node that a process with this command line runs; none if it runs no node, or belongs to a user who could
    /// not run the node.
    pub(super) fn new(pid: u32, mut command: Vec<OsString>) -> Option<NodeProcess> {
        if antnode_position(&command).is_none() && has_root_option(&command) {
            // It was started under another name than that of its program.
            *command.first_mut()? = proc_files::executable(pid)?.into_os_string();
        }
        let mut root = root_of(&command)?;
        if root.is_relative()
            && let Some(directory) = proc_files::working_directory(pid)
        {
            root = directory.join(root);
            root = match root.components().any(|part| part == Component::ParentDir) {
                true => resolve(&root),
                false => root.components().collect(),
            };
        }
        if antnode_position(&command) != Some(0) && !runs_scripts(pid, &command) {
            // A parent that carries the command line of its child, as `screen` and `tini` do.
            return None;
        }
        // The owner is checked on the path that is kept, whatever a symlink leads to a moment later.
        let real_root = resolve(&root);
        let is_node = !is_of_other_user(pid, &real_root) && same_folder::is_ours(pid, &real_root);
        is_node.then_some(NodeProcess {
            pid,
            command,
            root,
            real_root,
        })
    }

    /// Its root without symlinks, as it was at the time of the scan.
    #[must_use]
    pub fn real_root(&self) -> &Path {
        &self.real_root
    }

    /// The node that it runs, with absolute paths.
    #[must_use]
    pub fn node(&self) -> Option<DiscoveredNode> {
        let words: Vec<String> = self
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut found = discovered_node::from_words(&words, Vec::new())?;
        if let Some(directory) = proc_files::working_directory(self.pid) {
            found.resolve_paths(&directory);
            if found.binary.is_relative() {
                // A program without a directory was found on PATH.
                found.binary = match found.binary.parent() {
                    Some(parent) if parent.as_os_str().is_empty() => proc_files::executable(self.pid)?,
                    _ => directory.join(&found.binary).components().collect(),
                };
            }
        }
        found.root.clone_from(&self.root);
        // All other variables come from a shell or a desktop.
        found.environment = proc_files::environment(self.pid, "ANT_");
        Some(found)
    }
}

/// Whether the program of a process is one that runs scripts, by its file where that can be read.
fn runs_scripts(pid: u32, command: &[OsString]) -> bool {
    let file = proc_files::executable(pid);
    let program = file.as_deref().or(command.first().map(Path::new));
    program.and_then(Path::file_name).is_some_and(is_interpreter)
}

/// A path without symlinks; the path itself if it is relative or leads nowhere.
pub(super) fn resolve(path: &Path) -> PathBuf {
    let found = path.is_absolute().then(|| fs::canonicalize(path).ok());
    found.flatten().unwrap_or_else(|| path.to_owned())
}

/// Whether a process that names `root` belongs neither to root, nor to us, nor to the owner of `root`: every user can
/// start a process that claims to be a node. On filesystems without owners all directories are root's or nobody's.
fn is_of_other_user(pid: u32, root: &Path) -> bool {
    let Some(uid) = proc_files::owner(pid) else {
        return false;
    };
    let is_trusted = uid == 0 || uid == user_account::uid();
    !is_trusted && fs::metadata(root).is_ok_and(|directory| directory.uid() != uid)
}
