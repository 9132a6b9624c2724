//! Making, writing, renaming and erasing files and folders: as ourselves, or as root through `sudo -n`.
//!
//! The only place in wnm that deletes a folder with what is in it.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

mod directories;
mod link_or_copy;

use crate::colony::Mode;
use crate::program::Program;

use super::ManagerError;
use super::file_tools::FileTools;
pub use directories::FolderOwnership;

/// A node may hold many gigabytes of records.
const ERASING: Duration = Duration::from_secs(300);

/// Handles files in one mode. What it writes is on disk when it returns, whole or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Files {
    mode: Mode,
}

/// A folder that shall go with all that is in it, and what must be true of it.
#[derive(Clone, Copy, Debug)]
pub struct FolderToDelete<'a> {
    pub path: &'a Path,
    /// What it must be called.
    pub name: &'a str,
    /// What it must lie in.
    pub inside: &'a Path,
}

impl Files {
    #[must_use]
    pub fn new(mode: Mode) -> Files {
        Files { mode }
    }

    /// Writes a text file, mode 0644: to `staging`, which must lie on the same filesystem in a folder that no
    /// node can write to, then renamed.
    pub fn write(&self, path: &Path, text: &str, staging: &Path) -> Result<(), ManagerError> {
        self.set_down(path, text, staging, File::sync_all)?;
        sync_parent(path);
        Ok(())
    }

    /// The same for a text that nobody misses: the disk is not waited for.
    pub fn note(&self, path: &Path, text: &str, staging: &Path) -> Result<(), ManagerError> {
        self.set_down(path, text, staging, |_| Ok(()))
    }

    fn set_down(
        &self,
        path: &Path,
        text: &str,
        staging: &Path,
        last: fn(&File) -> io::Result<()>,
    ) -> Result<(), ManagerError> {
        refuse_crooked("write", path)?;
        match self.mode {
            Mode::User => {
                let written = write_new(staging, text).and_then(|file| last(&file));
                if let Err(source) = written {
                    let _ = fs::remove_file(staging);
                    return Err(ManagerError::file("write", path)(source));
                }
            }
            Mode::Sudo => {
                // Nothing is written through a link: what is there goes first.
                self.delete(staging)?;
                self.tool(FileTools::write).arg(staging).input(text).run()?;
                if FileTools::here() == FileTools::Bsd {
                    self.program("chmod").args(["0644", "--"]).arg(staging).run()?;
                }
                // Everybody may read it, and who may read a file may have it put on disk. Only in a folder that hides
                // what is in it that cannot be.
                match File::open(staging).and_then(|file| last(&file)) {
                    Err(error) if error.kind() != ErrorKind::PermissionDenied => {
                        return Err(ManagerError::file("write", path)(error));
                    }
                    _ => {}
                }
            }
        }
        self.put_in_place(staging, path)
    }

    /// Gives `from` the name `to`, in place of what had it. Both on one filesystem.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), ManagerError> {
        self.put_in_place(from, to)?;
        sync_parent(to);
        Ok(())
    }

    fn put_in_place(&self, from: &Path, to: &Path) -> Result<(), ManagerError> {
        match self.mode {
            Mode::User => fs::rename(from, to).map_err(ManagerError::file("write", to)),
            Mode::Sudo => {
                self.tool(FileTools::rename).arg(from).arg(to).run()?;
                Ok(())
            }
        }
    }

    /// Deletes a file. One that is not there is deleted.
    pub fn delete(&self, path: &Path) -> Result<(), ManagerError> {
        if self.take_away(path)? {
            sync_parent(path);
        }
        Ok(())
    }

    /// The same for a file that does no harm if it comes back: the disk is not waited for.
    pub fn forget(&self, path: &Path) -> Result<(), ManagerError> {
        self.take_away(path).map(|_| ())
    }

    /// Whether it was there.
    fn take_away(&self, path: &Path) -> Result<bool, ManagerError> {
        refuse_crooked("delete", path)?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Ok(seen) if seen.is_dir() => return Err(refused("delete", path, "it is a folder")),
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

    /// Erases a folder with all that is in it, after five checks; links in it are deleted, not followed.
    /// One that is not there is erased.
    pub fn erase(&self, doomed: FolderToDelete<'_>) -> Result<(), ManagerError> {
        let path = doomed.path;
        if !is_erasable(doomed)? {
            return Ok(());
        }
        match self.mode {
            Mode::User => match fs::remove_dir_all(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ManagerError::file("erase", path)(error));
                }
                _ => {}
            },
            Mode::Sudo => {
                self.tool(FileTools::erase).arg(path).limit(ERASING).run()?;
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

/// Whether `doomed` may be erased (an error says why not) and is there to be erased.
fn is_erasable(doomed: FolderToDelete<'_>) -> Result<bool, ManagerError> {
    let FolderToDelete { path, name, inside } = doomed;
    let refuse = |why: &str| Err(refused("erase", path, why));
    if !is_straight(path) || !is_straight(inside) {
        return refuse("it is no absolute path without `..`");
    }
    let depth = |path: &Path| {
        path.components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .count()
    };
    if depth(path) < 2 || depth(inside) < 1 {
        return refuse("it is too near the root of the filesystem");
    }
    if path == inside || !path.starts_with(inside) {
        return refuse(&format!("it is not inside `{}`", inside.display()));
    }
    if path.file_name() != Some(OsStr::new(name)) {
        return refuse(&format!("it is not called `{name}`"));
    }
    let seen = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        seen => seen.map_err(ManagerError::file("erase", path))?,
    };
    if seen.is_symlink() {
        return refuse("it is a symbolic link");
    }
    if !seen.is_dir() {
        return refuse("it is no folder");
    }
    // A link on the way to it must not lead out either.
    let parent = path.parent().unwrap_or(path);
    let real = |path: &Path| path.canonicalize().map_err(ManagerError::file("erase", path));
    if !real(parent)?.starts_with(real(inside)?) {
        return refuse(&format!("it leads out of `{}`", inside.display()));
    }
    Ok(true)
}

/// Whether a path is absolute and goes only downwards.
#[must_use]
pub fn is_straight(path: &Path) -> bool {
    let text = path.as_os_str().as_encoded_bytes();
    path.is_absolute()
        && !text.contains(&0)
        && path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// A name beside `path` for what will take its place.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

fn refuse_crooked(doing: &'static str, path: &Path) -> Result<(), ManagerError> {
    if is_straight(path) {
        Ok(())
    } else {
        Err(refused(doing, path, "it is no absolute path without `..`"))
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

/// Makes a new name last. Filesystems that cannot are no reason to fail.
fn sync_parent(path: &Path) {
    if let Some(parent) = path.parent() {
        let _ = File::open(parent).and_then(|folder| folder.sync_all());
    }
}
