//! Which of many nodes have a process, by one pass over /proc that costs little for each process.

use std::collections::HashMap;
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

/// Whether each of `roots` has a process, in their order.
pub fn living_roots(roots: &[&Path]) -> Result<Vec<bool>, ManagerError> {
    let mut living = vec![false; roots.len()];
    if proc_files::is_mounted() {
        find_plain(roots, &mut living)?;
    }
    if living.contains(&false) {
        // A path with symlinks, a relative path, a namespace: only a scan that resolves them can tell.
        let all = Processes::scan()?;
        for (found, root) in living.iter_mut().zip(roots) {
            *found = *found || !all.of(root).is_empty();
        }
    }
    Ok(living)
}

/// Finds the processes whose command lines have the very path of a root, in our own mount namespace.
fn find_plain(roots: &[&Path], living: &mut [bool]) -> Result<(), ManagerError> {
    let places: HashMap<&[u8], usize> = roots
        .iter()
        .enumerate()
        .map(|(place, root)| (root.as_os_str().as_bytes(), place))
        .collect();
    let ours = OwnView::read();
    let directory = Path::new("/proc");
    let mut buffer = vec![0; 4096];
    for entry in fs::read_dir(directory)
        .map_err(ManagerError::file("read", directory))?
        .flatten()
    {
        let name = entry.file_name();
        if !name.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let process = directory.join(&name);
        let Some(words) = command_line(&process, &mut buffer) else {
            continue;
        };
        let Some(place) = plain_root(words).and_then(|root| places.get(root)) else {
            continue;
        };
        living[*place] = living[*place] || ours.has(&process, roots[*place]);
    }
    Ok(())
}

/// The command line, as far as it fits into the buffer.
fn command_line<'a>(process: &Path, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut file = File::open(process.join("cmdline")).ok()?;
    let length = file.read(buffer).ok()?;
    Some(&buffer[..length])
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

    /// Whether a process sees what we see, and its account may run the node in `root`.
    fn has(&self, process: &Path, root: &Path) -> bool {
        let link = |name: &str| fs::read_link(process.join(name)).ok();
        self.mounts.is_some()
            && link("ns/mnt") == self.mounts
            && link("ns/pid") == self.pids
            && file_id(&process.join("root/")) == self.top
            && fs::metadata(process).is_ok_and(|seen| {
                let uid = seen.uid();
                uid == 0 || uid == self.uid || fs::metadata(root).is_ok_and(|root| root.uid() == uid)
            })
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
