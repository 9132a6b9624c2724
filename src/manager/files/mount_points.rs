//! Refuses to delete a directory while another filesystem is mounted below it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::colony::Node;
use crate::manager::ManagerError;

/// An error if something is mounted below the data or the logs of a node: nothing of it is deleted then.
pub fn refuse_mounts(node: &Node) -> Result<(), ManagerError> {
    refuse_mounts_below(&node.home.root).and_then(|()| refuse_mounts_below(&node.logs()))
}

/// An error that names the first mount point below `directory`, a bind mount or another filesystem.
pub fn refuse_mounts_below(directory: &Path) -> Result<(), ManagerError> {
    let Ok(real) = directory.canonicalize() else {
        return Ok(());
    };
    // Other systems have no such file.
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    match mount_points(&table).find(|point| point.starts_with(&real) && *point != real) {
        None => Ok(()),
        Some(point) => {
            let word = point.to_string_lossy();
            let why = format!(
                "`{word}` is a mount point, and its contents may not be the node's: unmount it (`umount {}`), and \
                 remove the node again",
                shell_words::quote(&word)
            );
            Err(ManagerError::Refused {
                doing: "delete",
                path: directory.to_owned(),
                why,
            })
        }
    }
}

/// The mount points in a text such as `/proc/self/mountinfo`.
fn mount_points(table: &[u8]) -> impl Iterator<Item = PathBuf> {
    let lines = table.split(|&byte| byte == b'\n');
    lines.filter_map(|line| line.split(|&byte| byte == b' ').nth(4).map(unescape))
}

/// A path in which the kernel wrote spaces and the like as `\\040`.
fn unescape(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) if first == b'\\' => {
                bytes.push(code);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mount_points_with_spaces() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            23 22 0:5 / /s/a\\040b rw,nosuid shared:1 - tmpfs none rw\n\n";
        let found: Vec<PathBuf> = mount_points(table).collect();
        assert_eq!(found, [PathBuf::from("/"), PathBuf::from("/s/a b")]);
    }
}
