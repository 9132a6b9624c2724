//! Deletes a directory with its contents, and never what is mounted below it.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

/// Deletes the directory at `path`; a missing one counts as deleted. Symlinks are deleted, not followed. Each directory
/// is checked when it is open, so that a mount that appears meanwhile is not emptied either.
pub(crate) fn delete_tree(path: &Path) -> io::Result<()> {
    let directory = match open(CWD, path) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    let mount = mount_of(directory.as_fd())?;
    delete_contents(&directory, &mount)?;
    match unlinkat(CWD, path, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        removed => Ok(removed?),
    }
}

fn open(parent: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn delete_contents(directory: &OwnedFd, mount: &Mount) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            delete_entry(directory, name, entry.file_type(), mount)?;
        }
    }
    Ok(())
}

fn delete_entry(parent: &OwnedFd, name: &CStr, kind: FileType, mount: &Mount) -> io::Result<()> {
    if !matches!(kind, FileType::Directory | FileType::Unknown) {
        return unlink(parent, name, AtFlags::empty());
    }
    match open(parent.as_fd(), name) {
        Ok(inner) => {
            if mount_of(inner.as_fd())? != *mount {
                let name = name.to_string_lossy();
                return Err(io::Error::other(format!(
                    "`{name}` in it is a mount point; unmount it"
                )));
            }
            delete_contents(&inner, mount)?;
            unlink(parent, name, AtFlags::REMOVEDIR)
        }
        // It is a file or a symlink, also where something has just replaced a directory.
        Err(Errno::NOTDIR | Errno::LOOP) => unlink(parent, name, AtFlags::empty()),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn unlink(parent: &OwnedFd, name: &CStr, flags: AtFlags) -> io::Result<()> {
    match unlinkat(parent, name, flags) {
        Err(Errno::NOENT) => Ok(()),
        removed => Ok(removed?),
    }
}

/// The filesystem of a directory and, on Linux, its mount: a bind mount has the filesystem of its source.
#[derive(PartialEq, Eq)]
struct Mount {
    device: u64,
    id: Option<u64>,
}

fn mount_of(directory: BorrowedFd<'_>) -> io::Result<Mount> {
    let seen = rustix::fs::fstat(directory)?;
    Ok(Mount {
        #[allow(clippy::useless_conversion, clippy::cast_sign_loss)]
        device: seen.st_dev as u64,
        id: mount_id(directory),
    })
}

#[cfg(target_os = "linux")]
fn mount_id(directory: BorrowedFd<'_>) -> Option<u64> {
    use rustix::fs::{StatxFlags, statx};
    let seen = statx(directory, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    (seen.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(seen.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
fn mount_id(_: BorrowedFd<'_>) -> Option<u64> {
    None
}
