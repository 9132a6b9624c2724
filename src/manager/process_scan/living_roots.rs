//! Which of many nodes have a process, by one pass over /proc that costs little for each process.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::manager::ManagerError;
use crate::program::user_account;

use super::same_folder::{FileId, file_id};
use super::{Processes, proc_files};

const ROOT_OPTION: &[u8] = b"--root-dir\0";

/// The nodes whose command lines contain the plain path of their root, as nearly all do, by one pass over /proc. Empty
/// where there is no /proc.
pub struct PlainNodes {
    processes: HashMap<PathBuf, Vec<PlainProcess>>,
    ours: OwnView,
}

struct PlainProcess {
    pid: u32,
    /// The account that it belongs to.
    uid: u32,
}

/// A node that answered at its metrics port.
#[derive(Clone, Copy)]
pub struct AnsweringNode<'a> {
    pub root: &'a Path,
    /// Whether it answered with the peer ID that it had before.
    pub has_known_peer: bool,
}

impl PlainNodes {
    /// Reads the command line of every process.
    pub fn read() -> Result<PlainNodes, ManagerError> {
        let mut processes: HashMap<PathBuf, Vec<PlainProcess>> = HashMap::new();
        if proc_files::is_mounted() {
            read_command_lines(|process, root| processes.entry(root).or_default().push(process))?;
        }
        Ok(PlainNodes {
            processes,
            ours: OwnView::read(),
        })
    }

    /// Whether each of `nodes` has a process, in their order. A command line with the root of a node that answered with
    /// its known peer ID is enough: the namespaces of its process are checked only if the peer ID is new.
    pub fn living(&self, nodes: &[AnsweringNode<'_>]) -> Result<Vec<bool>, ManagerError> {
        let has_process = |node: &AnsweringNode<'_>| match node.has_known_peer {
            true => self.is_named(node.root),
            false => self.has_process(node.root),
        };
        let mut living: Vec<bool> = nodes.iter().map(has_process).collect();
        if living.contains(&false) {
            // A path with symlinks, a relative path, a namespace: only a scan that resolves them can tell.
            let all = Processes::scan()?;
            for (found, node) in living.iter_mut().zip(nodes) {
                *found = *found || !all.of(node.root).is_empty();
            }
        }
        Ok(living)
    }

    /// The roots below `storage` that have a process and are not `known`, sorted.
    pub fn unknown_below(&self, storage: &Path, known: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let is_unknown =
            |root: &&PathBuf| !known(root) && root.starts_with(storage) && self.has_process(root);
        let mut unknown: Vec<PathBuf> = self.processes.keys().filter(is_unknown).cloned().collect();
        unknown.sort();
        unknown
    }

    /// Whether a process names this root, and its account may run the node.
    fn is_named(&self, root: &Path) -> bool {
        let mut named = self.processes.get(root).into_iter().flatten();
        named.any(|process| self.ours.trusts(process.uid, root))
    }

    /// The same, for a process that sees the same files as we do.
    fn has_process(&self, root: &Path) -> bool {
        let mut named = self.processes.get(root).into_iter().flatten();
        named.any(|process| self.ours.trusts(process.uid, root) && self.ours.is_shared_by(process.pid))
    }
}

/// Passes each process whose command line is that of a node, with its root.
fn read_command_lines(mut found: impl FnMut(PlainProcess, PathBuf)) -> Result<(), ManagerError> {
    let directory = Path::new("/proc");
    let mut buffer = vec![0; 4096];
    for entry in fs::read_dir(directory)
        .map_err(ManagerError::file("read", directory))?
        .flatten()
    {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Some((file, words)) = command_line(pid, &mut buffer) else {
            continue;
        };
        if let Some(root) = plain_root(words)
            && let Ok(seen) = file.metadata()
        {
            let uid = seen.uid();
            found(PlainProcess { pid, uid }, PathBuf::from(OsStr::from_bytes(root)));
        }
    }
    Ok(())
}

/// The command line, as far as it fits into the buffer.
fn command_line(pid: u32, buffer: &mut [u8]) -> Option<(File, &[u8])> {
    let mut file = File::open(format!("/proc/{pid}/cmdline")).ok()?;
    let length = file.read(buffer).ok()?;
    Some((file, &buffer[..length]))
}

/// The root in a command line whose program is an antnode.
fn plain_root(words: &[u8]) -> Option<&[u8]> {
    let program = words.split(|&byte| byte == 0).next()?;
    let name = program.rsplit(|&byte| byte == b'/').next()?;
    if !name.starts_with(b"antnode") {
        return None;
    }
    let start = words
        .windows(ROOT_OPTION.len())
        .position(|window| window == ROOT_OPTION)?
        + ROOT_OPTION.len();
    let rest = &words[start..];
    // Without its end the path may be longer.
    rest.iter().position(|&byte| byte == 0).map(|end| &rest[..end])
}

/// What a process has in common with us if it is neither in a container nor in a chroot.
struct OwnView {
    mounts: Option<PathBuf>,
    pids: Option<PathBuf>,
    top: Option<FileId>,
    uid: u32,
}

impl OwnView {
    fn read() -> OwnView {
        OwnView {
            mounts: fs::read_link("/proc/self/ns/mnt").ok(),
            pids: fs::read_link("/proc/self/ns/pid").ok(),
            top: file_id(Path::new("/")),
            uid: user_account::uid(),
        }
    }

    /// Whether a process of this account may run the node in `root`.
    fn trusts(&self, uid: u32, root: &Path) -> bool {
        uid == 0 || uid == self.uid || fs::metadata(root).is_ok_and(|root| root.uid() == uid)
    }

    /// Whether a process sees what we see.
    fn is_shared_by(&self, pid: u32) -> bool {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let link = |name: &str| fs::read_link(process.join(name)).ok();
        self.mounts.is_some()
            && link("ns/mnt") == self.mounts
            && link("ns/pid") == self.pids
            && file_id(&process.join("root/")) == self.top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_root_of_plain_command_lines_only() {
        let root = |line: &str| plain_root(line.replace(' ', "\0").as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(
            root("/s/a/antnode --port 1 --root-dir /s/a --local"),
            Some(b"/s/a".to_vec())
        );
        for other in [
            "/usr/bin/sudo /s/a/antnode --root-dir /s/a --local",
            "/s/a/antnode --root-dir /s/a",
            "/s/a/antnode --port 1",
            "",
        ] {
            assert_eq!(root(other), None, "{other}");
        }
    }
}
