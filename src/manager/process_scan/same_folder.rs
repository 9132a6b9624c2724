//! Whether a process means the same folder as we do by a path: a container has paths and PIDs of its own.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode.
pub(super) type FileId = (u64, u64);

pub(super) fn file_id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|seen| (seen.dev(), seen.ino()))
}

/// Whether `root`, as the process sees it, is our folder `root`, and the process is in our PID namespace.
///
/// A service of systemd may have a mount namespace of its own (`PrivateTmp`, `ProtectSystem`), so only the folders are
/// compared. Of a process of another account the folder cannot be read; then its PID namespace decides.
pub(super) fn is_ours(pid: u32, root: &Path) -> bool {
    if is_in_other_pid_namespace(pid) {
        return false;
    }
    let their_top = PathBuf::from(format!("/proc/{pid}/root/"));
    let their_root = their_top.join(root.strip_prefix("/").unwrap_or(root));
    match (file_id(root), file_id(&their_root)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        // The folder is gone for one of us, as that of a node whose disk failed.
        _ => match (file_id(Path::new("/")), file_id(&their_top)) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        },
    }
}

/// Whether a process has a PID namespace below ours. What cannot be read counts as ours.
pub(super) fn is_in_other_pid_namespace(pid: u32) -> bool {
    let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/pid")).ok();
    let ours = namespace("self");
    match namespace(&pid.to_string()) {
        Some(theirs) if ours.is_some() => ours != Some(theirs),
        _ => nested_pids(&pid.to_string()) > nested_pids("self").max(1),
    }
}

/// The number of PIDs that a process has: one for each PID namespace, from that of this /proc inwards.
fn nested_pids(of: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{of}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    line.map_or(0, |pids| pids.split_whitespace().count())
}
