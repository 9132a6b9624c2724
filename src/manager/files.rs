//! Creates, writes, renames and deletes files and directories, as ourselves or as root through `sudo -n`.
//!
//! Only this file of wnm deletes directories with their contents.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

mod directories;
pub mod identity;
mod link_or_copy;
mod mount_points;

use crate::colony::Mode;
use crate::program::Program;
use crate::program::delete_tree::delete_tree;

use super::ManagerError;
use super::file_tools::FileTools;
use super::timeouts::DELETE_TIMEOUT;
pub use directories::DirectoryOwnership;
pub use mount_points::{refuse_mounts, refuse_mounts_below};

/// Handles files with the rights of one mode. A file that it writes is on disk when it returns, whole or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Files {
    mode: Mode,
}

/// A directory to delete with its contents, and what it must fulfil.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryToDelete<'a> {
    pub path: &'a Path,
    /// The name that it must have.
    pub name: &'a str,
    /// The directory that must contain it.
    pub inside: &'a Path,
}

impl Files {
    #[must_use]
    pub fn new(mode: Mode) -> Files {
        Files { mode }
    }

    /// Writes a text file with mode 0644: first at `staging`, which must be on the same filesystem in a directory that no
    /// node can write to, then it renames that.
    pub fn write(&self, path: &Path, text: &str, staging: &Path) -> Result<(), ManagerError> {
        self.write_and_rename(path, text, staging, File::sync_all)?;
        sync_parent(path);
        Ok(())
    }

    /// Writes a file that may get lost in a power failure, without waiting for the disk.
    pub fn write_unsynced(&self, path: &Path, text: &str, staging: &Path) -> Result<(), ManagerError> {
        self.write_and_rename(path, text, staging, |_| Ok(()))
    }

    fn write_and_rename(
        &self,
        path: &Path,
        text: &str,
        staging: &Path,
        sync: fn(&File) -> io::Result<()>,
    ) -> Result<(), ManagerError> {
        refuse_unusual_path("write", path)?;
        match self.mode {
            Mode::User => {
                let written = write_new(staging, text).and_then(|file| sync(&file));
                if let Err(source) = written {
                    let _ = fs::remove_file(staging);
                    return Err(ManagerError::file("write", path)(source));
                }
            }
            Mode::Sudo => {
                // An existing symlink must not be followed.
                self.delete(staging)?;
                self.tool(FileTools::write).arg(staging).input(text).run()?;
                if FileTools::here() == FileTools::Bsd {
                    self.program("chmod").args(["0644", "--"]).arg(staging).run()?;
                }
                // Everybody may read the file, and thereby sync it, except in a directory that we may not enter.
                match File::open(staging).and_then(|file| sync(&file)) {
                    Err(error) if error.kind() != ErrorKind::PermissionDenied => {
                        return Err(ManagerError::file("write", path)(error));
                    }
                    _ => {}
                }
            }
        }
        self.replace(staging, path)
    }

    /// Renames `from` to `to` and replaces what is there. Both must be on one filesystem.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), ManagerError> {
        self.replace(from, to)?;
        sync_parent(to);
        Ok(())
    }

    fn replace(&self, from: &Path, to: &Path) -> Result<(), ManagerError> {
        match self.mode {
            Mode::User => fs::rename(from, to).map_err(ManagerError::file("write", to)),
            Mode::Sudo => {
                self.tool(FileTools::rename).arg(from).arg(to).run()?;
                Ok(())
            }
        }
    }

    /// Deletes a file; a missing file counts as deleted.
    pub fn delete(&self, path: &Path) -> Result<(), ManagerError> {
        if self.delete_if_exists(path)? {
            sync_parent(path);
        }
        Ok(())
    }

    /// Deletes a file that may reappear after a power failure, without waiting for the disk.
    pub fn delete_unsynced(&self, path: &Path) -> Result<(), ManagerError> {
        self.delete_if_exists(path).map(|_| ())
    }

    /// Returns whether the file existed.
    fn delete_if_exists(&self, path: &Path) -> Result<bool, ManagerError> {
        refuse_unusual_path("delete", path)?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Ok(seen) if seen.is_dir() => return Err(refused("delete", path, "it is a directory")),
            _ => {}
        }
        match self.mode {
            Mode::User => match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ManagerError::file("delete", path)(error));
                }
                _ => {}
            },
            Mode::Sudo => {
                self.program("rm").args(["-f", "--"]).arg(path).run()?;
            }
        }
        Ok(true)
    }

    /// Deletes a directory with its contents, if it passes all checks. Symlinks in it are deleted, not followed. A missing
    /// directory counts as deleted.
    pub fn delete_dir(&self, target: DirectoryToDelete<'_>) -> Result<(), ManagerError> {
        let path = target.path;
        if !may_be_deleted(target)? {
            return Ok(());
        }
        refuse_mounts_below(path)?;
        match self.mode {
            Mode::User => match delete_own_dir(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ManagerError::file("delete", path)(error));
                }
                _ => {}
            },
            Mode::Sudo => {
                self.tool(FileTools::delete_dir)
                    .arg(path)
                    .limit(DELETE_TIMEOUT)
                    .run()?;
            }
        }
        sync_parent(path);
        Ok(())
    }

    fn tool(&self, words: fn(FileTools) -> &'static [&'static str]) -> Program {
        let words = words(FileTools::here());
        self.program(words[0]).args(&words[1..])
    }

    fn program(&self, name: &str) -> Program {
        Program::new(name).rights(self.mode)
    }
}

fn delete_own_dir(path: &Path) -> io::Result<()> {
    match delete_tree(path) {
        // A run under an odd umask may have made directories in which not even their owner can delete.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            allow_deletion(path, fs::symlink_metadata(path)?.dev());
            delete_tree(path)
        }
        deleted => deleted,
    }
}

/// Gives the owner all rights in a directory and those below it, on the filesystem `device`. Failures show when the
/// directory is deleted.
fn allow_deletion(path: &Path, device: u64) {
    match fs::symlink_metadata(path) {
        Ok(seen) if seen.is_dir() && seen.dev() == device => {
            let mode = seen.permissions().mode();
            if mode & 0o700 != 0o700 {
                let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o700));
            }
        }
        _ => return,
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        allow_deletion(&entry.path(), device);
    }
}

/// Whether `target` exists; an error says why it must not be deleted.
fn may_be_deleted(target: DirectoryToDelete<'_>) -> Result<bool, ManagerError> {
    let DirectoryToDelete { path, name, inside } = target;
    let refuse = |why: &str| Err(refused("delete", path, why));
    if !has_only_normal_parts(path) || !has_only_normal_parts(inside) {
        return refuse("it is not an absolute path without `..`");
    }
    let depth = |path: &Path| {
        path.components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .count()
    };
    if depth(path) < 2 || depth(inside) < 1 {
        return refuse("it is too close to the root of the filesystem");
    }
    if path == inside || !path.starts_with(inside) {
        return refuse(&format!("it is not inside `{}`", inside.display()));
    }
    if path.file_name() != Some(OsStr::new(name)) {
        return refuse(&format!("its name is not `{name}`"));
    }
    let seen = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        seen => seen.map_err(ManagerError::file("delete", path))?,
    };
    if seen.is_symlink() {
        return refuse("it is a symbolic link");
    }
    if !seen.is_dir() {
        return refuse("it is not a directory");
    }
    // A symlink among its ancestors must not lead out either.
    let parent = path.parent().unwrap_or(path);
    let real = |path: &Path| path.canonicalize().map_err(ManagerError::file("delete", path));
    if !real(parent)?.starts_with(real(inside)?) {
        return refuse(&format!("a symlink leads out of `{}`", inside.display()));
    }
    Ok(true)
}

/// Whether a path is absolute and has no `..`, `.` or NUL.
#[must_use]
pub fn has_only_normal_parts(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    path.is_absolute()
        && !text.contains(&0)
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// The hidden path beside `path` for a file that will replace it. The name is fixed, so that a killed run leaves one
/// file that the next run overwrites.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

fn refuse_unusual_path(doing: &'static str, path: &Path) -> Result<(), ManagerError> {
    if has_only_normal_parts(path) {
        Ok(())
    } else {
        Err(refused(doing, path, "it is not an absolute path without `..`"))
    }
}

fn refused(doing: &'static str, path: &Path, why: &str) -> ManagerError {
    ManagerError::Refused {
        doing,
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Syncs the directory of a new or deleted name. Some filesystems cannot do that; that is no error.
fn sync_parent(path: &Path) {
    if let Some(parent) = path.parent() {
        let _ = File::open(parent).and_then(|directory| directory.sync_all());
    }
}
