//! One program for many nodes: a second name for its file, else a file of its own on the same blocks, else a copy.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::{Dialect, Files, refused};
use crate::colony::{Mode, Sharing};
use crate::manager::Error;

impl Files {
    /// Gives the program `from` to `to` as well, as thriftily as the filesystem allows, and says how.
    pub fn share(&self, from: &Path, to: &Path) -> Result<Sharing, Error> {
        if self.link(from, to)? {
            return Ok(Sharing::Link);
        }
        let sharing = self.copy(from, to)?;
        tracing::debug!(
            "`{}` cannot be one file with `{}`: made by {}",
            to.display(),
            from.display(),
            sharing.word()
        );
        Ok(sharing)
    }

    /// A second name for a file; false when the filesystem does not allow it.
    fn link(&self, from: &Path, to: &Path) -> Result<bool, Error> {
        self.delete(to)?;
        match self.mode {
            Mode::User => match fs::hard_link(from, to) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::file("link", from)(error)),
                // Another filesystem, one without links, too many links, or a file that is not ours.
                Err(_) => Ok(false),
            },
            Mode::Sudo => {
                let ended = self.tool(Dialect::link).arg(from).arg(to).ask()?;
                Ok(ended.code() == Some(0))
            }
        }
    }

    /// A file of its own with what the program `from` holds, mode 0755: on the same blocks where the filesystem can
    /// share them. Its time of change is that of `from`, by which it is known again.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<Sharing, Error> {
        self.delete(to)?;
        match self.mode {
            Mode::User => {
                let copied = duplicate(from, to);
                if copied.is_err() {
                    let _ = fs::remove_file(to);
                }
                copied.map_err(Error::file("copy", from))
            }
            Mode::Sudo => {
                let sharing = self.duplicate_as_root(from, to)?;
                let copy = fs::symlink_metadata(to).map_err(Error::file("copy", to))?;
                if !copy.is_file() {
                    self.delete(to)?;
                    return Err(refused("copy", from, "it is no file"));
                }
                self.program("chmod").args(["0755", "--"]).arg(to).run()?;
                self.program("touch")
                    .arg("-r")
                    .arg(from)
                    .arg("--")
                    .arg(to)
                    .run()?;
                File::open(to)
                    .and_then(|file| file.sync_all())
                    .map_err(Error::file("copy", to))?;
                Ok(sharing)
            }
        }
    }

    fn duplicate_as_root(&self, from: &Path, to: &Path) -> Result<Sharing, Error> {
        if let Some(words) = Dialect::here().reflink() {
            let ended = self.program(words[0]).args(&words[1..]).arg(from).arg(to).ask()?;
            if ended.code() == Some(0) {
                return Ok(Sharing::Reflink);
            }
            // It leaves the empty file that it could not fill.
            self.delete(to)?;
        }
        self.tool(Dialect::copy).arg(from).arg(to).run()?;
        Ok(Sharing::Copy)
    }
}

/// Makes `to`, which is free, what `from` is. It is on disk when this returns.
fn duplicate(from: &Path, to: &Path) -> io::Result<Sharing> {
    let mut source = File::open(from)?;
    let before = source.metadata()?;
    let (copy, sharing) = match reflink_copy::reflink(from, to) {
        Ok(()) => (OpenOptions::new().write(true).open(to)?, Sharing::Reflink),
        Err(_) => (copy_whole(&mut source, &before, to)?, Sharing::Copy),
    };
    let after = source.metadata()?;
    if copy.metadata()?.len() != before.len()
        || (after.len(), after.mtime(), after.mtime_nsec())
            != (before.len(), before.mtime(), before.mtime_nsec())
    {
        return Err(io::Error::other("it changed while it was copied"));
    }
    copy.set_permissions(Permissions::from_mode(0o755))?;
    copy.set_modified(before.modified()?)?;
    copy.sync_all()?;
    Ok(sharing)
}

fn copy_whole(source: &mut File, before: &Metadata, to: &Path) -> io::Result<File> {
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(to)?;
    if io::copy(source, &mut copy)? != before.len() {
        return Err(io::Error::other("it changed while it was copied"));
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    fn program(folder: &TempDir) -> PathBuf {
        let path = folder.path().join("antnode");
        fs::write(&path, "a program").unwrap();
        path
    }

    fn device(path: &Path) -> u64 {
        fs::metadata(path).unwrap().dev()
    }

    #[test]
    fn on_one_filesystem_it_is_one_file() {
        let folder = TempDir::new().unwrap();
        let (from, to) = (program(&folder), folder.path().join("node"));
        fs::write(&to, "left by a killed run").unwrap();
        let files = Files::new(Mode::User);
        assert_eq!(files.share(&from, &to).unwrap(), Sharing::Link);
        let (from, to) = (fs::metadata(from).unwrap(), fs::metadata(to).unwrap());
        assert_eq!((from.ino(), from.nlink()), (to.ino(), 2));
    }

    #[test]
    fn where_no_link_can_be_made_it_is_a_file_of_its_own() {
        let folder = TempDir::new().unwrap();
        let shm = Path::new("/dev/shm");
        // Two filesystems, where this machine has them; else a name that no link can have is none to try with.
        let Some(other) = shm.is_dir().then(|| TempDir::new_in(shm).unwrap()) else {
            return;
        };
        if device(other.path()) == device(folder.path()) {
            return;
        }
        let (from, to) = (program(&folder), other.path().join("node"));
        let files = Files::new(Mode::User);
        assert_eq!(files.share(&from, &to).unwrap(), Sharing::Copy);
        assert_eq!(fs::read(&to).unwrap(), b"a program");
        let (from, to) = (fs::metadata(from).unwrap(), fs::metadata(to).unwrap());
        assert_eq!((to.mode() & 0o7777, to.nlink()), (0o755, 1));
        assert_eq!(to.modified().unwrap(), from.modified().unwrap());
    }

    #[test]
    fn a_copy_takes_the_blocks_of_its_source_where_the_filesystem_can() {
        let place = std::env::var_os("WNM_REFLINK").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = TempDir::new_in(&place).unwrap();
        let (from, to) = (program(&folder), folder.path().join("node"));
        let sharing = Files::new(Mode::User).copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"a program");
        assert_ne!(
            fs::metadata(&from).unwrap().ino(),
            fs::metadata(&to).unwrap().ino()
        );
        // The operator of this test says that his filesystem can.
        if std::env::var_os("WNM_REFLINK").is_some() {
            assert_eq!(sharing, Sharing::Reflink);
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_shared() {
        let folder = TempDir::new().unwrap();
        let (from, to) = (folder.path().join("gone"), folder.path().join("node"));
        let files = Files::new(Mode::User);
        assert!(files.share(&from, &to).is_err() && files.copy(&from, &to).is_err());
        assert!(!to.exists());
    }
}
