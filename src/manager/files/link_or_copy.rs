//! One program for many nodes: a second name for its file, else a file of its own on the same blocks, else a copy.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::{FileTools, Files, refused};
use crate::colony::{BinarySharing, Mode};
use crate::manager::ManagerError;
use crate::program::trusted_path;

/// Why a file is not copied that lies where its owner may not have put it.
const SECRET: &str =
    "not everybody may read it, and somebody else than root could have put it there; `chmod o+r` it";

impl Files {
    /// Gives the program `from` to `to` as well, as thriftily as the filesystem allows, and says how.
    pub fn share(&self, from: &Path, to: &Path) -> Result<BinarySharing, ManagerError> {
        if self.link(from, to)? {
            return Ok(BinarySharing::Link);
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
    fn link(&self, from: &Path, to: &Path) -> Result<bool, ManagerError> {
        self.delete(to)?;
        match self.mode {
            Mode::User => match fs::hard_link(from, to) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Err(ManagerError::file("link", from)(error))
                }
                // Another filesystem, one without links, too many links, or a file that is not ours.
                Err(_) => Ok(false),
            },
            Mode::Sudo => {
                let ended = self.tool(FileTools::link).arg(from).arg(to).ask()?;
                Ok(ended.code() == Some(0))
            }
        }
    }

    /// A file of its own with what the program `from` holds, mode 0755: on the same blocks where the filesystem can
    /// share them. Its time of change is that of `from`, by which it is known again.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<BinarySharing, ManagerError> {
        self.delete(to)?;
        match self.mode {
            Mode::User => {
                let copied = duplicate(from, to, self.is_lent(from));
                if copied.is_err() {
                    let _ = fs::remove_file(to);
                }
                copied.map_err(ManagerError::file("copy", from))
            }
            Mode::Sudo => {
                let sharing = self.duplicate_as_root(from, to)?;
                let copy = fs::symlink_metadata(to).map_err(ManagerError::file("copy", to))?;
                let why = if !copy.is_file() {
                    Some("it is no file")
                } else if self.is_lent(from) && is_secret(&copy) {
                    Some(SECRET)
                } else {
                    None
                };
                if let Some(why) = why {
                    self.delete(to)?;
                    return Err(refused("copy", from, why));
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
                    .map_err(ManagerError::file("copy", to))?;
                Ok(sharing)
            }
        }
    }

    /// Whether we read with root's rights what somebody else may have led us to: all will be able to read the copy, and
    /// only he chose of what.
    fn is_lent(&self, from: &Path) -> bool {
        trusted_path::matters(self.mode) && trusted_path::weak(from).is_some()
    }

    fn duplicate_as_root(&self, from: &Path, to: &Path) -> Result<BinarySharing, ManagerError> {
        if let Some(words) = FileTools::here().reflink() {
            let ended = self.program(words[0]).args(&words[1..]).arg(from).arg(to).ask()?;
            if ended.code() == Some(0) {
                return Ok(BinarySharing::Reflink);
            }
            // It leaves the empty file that it could not fill.
            self.delete(to)?;
        }
        self.tool(FileTools::copy).arg(from).arg(to).run()?;
        Ok(BinarySharing::Copy)
    }
}

/// Whether not all may read a file: a copy has the rights of what it was made from until it is given others.
fn is_secret(seen: &Metadata) -> bool {
    seen.mode() & 0o004 == 0
}

/// Makes `to`, which is free, what `from` is. It is on disk when this returns.
fn duplicate(from: &Path, to: &Path, is_lent: bool) -> io::Result<BinarySharing> {
    let mut source = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(from)?;
    let before = source.metadata()?;
    if !before.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if is_lent {
        if is_secret(&before) {
            return Err(io::Error::other(SECRET));
        }
        // Cloning opens it a second time, and then it may be another.
        copy_whole(&mut source, &before, to)?;
        return finish(&source, &before, to, BinarySharing::Copy);
    }
    let sharing = match reflink_copy::reflink(from, to) {
        Ok(()) => BinarySharing::Reflink,
        Err(_) => {
            copy_whole(&mut source, &before, to)?;
            BinarySharing::Copy
        }
    };
    finish(&source, &before, to, sharing)
}

/// Sees that the copy is whole, and gives it the mode and time of a program.
fn finish(source: &File, before: &Metadata, to: &Path, sharing: BinarySharing) -> io::Result<BinarySharing> {
    let copy = OpenOptions::new().write(true).open(to)?;
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

fn copy_whole(source: &mut File, before: &Metadata, to: &Path) -> io::Result<()> {
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(to)?;
    if io::copy(source, &mut copy)? != before.len() {
        return Err(io::Error::other("it changed while it was copied"));
    }
    Ok(())
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
        assert_eq!(files.share(&from, &to).unwrap(), BinarySharing::Link);
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
        assert_eq!(files.share(&from, &to).unwrap(), BinarySharing::Copy);
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
            assert_eq!(sharing, BinarySharing::Reflink);
        }
    }

    #[test]
    fn what_somebody_else_led_root_to_is_copied_only_if_all_may_read_it() {
        use std::os::unix::fs::chown;

        use crate::program::user_account;

        if !user_account::is_root() {
            eprintln!("SKIPPED: only root can give a folder away");
            return;
        }
        let folder = TempDir::new().unwrap();
        let theirs = TempDir::new_in(folder.path()).unwrap();
        let (from, to) = (program(&theirs), folder.path().join("copy"));
        chown(theirs.path(), Some(1), None).unwrap();
        for mode in [Mode::User, Mode::Sudo] {
            let files = Files::new(mode);
            fs::set_permissions(&from, Permissions::from_mode(0o700)).unwrap();
            let refused = files.copy(&from, &to).unwrap_err().to_string();
            assert!(refused.contains("not everybody may read it"), "{refused}");
            assert!(fs::symlink_metadata(&to).is_err(), "{mode:?}");
            fs::set_permissions(&from, Permissions::from_mode(0o755)).unwrap();
            files.copy(&from, &to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"a program");
            // What is root's own may be a secret.
            let own = program(&folder);
            fs::set_permissions(&own, Permissions::from_mode(0o700)).unwrap();
            files.copy(&own, &to).unwrap();
            fs::remove_file(&to).unwrap();
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
