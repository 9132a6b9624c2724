//! One program for many nodes: a hard link, else a reflink, else a copy.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use super::{FileTools, Files, refused};
use crate::colony::{BinarySharing, Mode};
use crate::manager::ManagerError;
use crate::program::trusted_path;

/// Why a file is not copied that another user may have put there.
const SECRET: &str =
    "not everybody may read it, and another user than root could have put it there; run `chmod o+r` on it";

impl Files {
    /// Makes `to` the same program as `from` with as little disk as the filesystem allows; returns how.
    pub fn share(&self, from: &Path, to: &Path) -> Result<BinarySharing, ManagerError> {
        if self.link(from, to)? {
            return Ok(BinarySharing::Link);
        }
        let sharing = self.copy(from, to)?;
        tracing::debug!(
            "cannot make `{}` a hard link to `{}`: made by {}",
            to.display(),
            from.display(),
            sharing.word()
        );
        Ok(sharing)
    }

    /// Creates a hard link; returns false when the filesystem does not allow it.
    fn link(&self, from: &Path, to: &Path) -> Result<bool, ManagerError> {
        self.delete(to)?;
        match self.mode {
            Mode::User => match fs::hard_link(from, to) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    Err(ManagerError::file("link", from)(error))
                }
                // Another filesystem, one without hard links, too many links, or a file of another user.
                Err(_) => Ok(false),
            },
            Mode::Sudo => {
                let ended = self.tool(FileTools::link).arg(from).arg(to).ask()?;
                Ok(ended.code() == Some(0))
            }
        }
    }

    /// Copies the program `from`, as a reflink if possible, with mode 0755. The copy keeps the modification time of `from`,
    /// by which later runs recognise it.
    pub fn copy(&self, from: &Path, to: &Path) -> Result<BinarySharing, ManagerError> {
        self.delete(to)?;
        match self.mode {
            Mode::User => {
                let copied = duplicate(from, to, self.may_be_planted(from));
                if copied.is_err() {
                    let _ = fs::remove_file(to);
                }
                copied.map_err(ManagerError::file("copy", from))
            }
            Mode::Sudo => {
                let sharing = self.duplicate_as_root(from, to)?;
                let copy = fs::symlink_metadata(to).map_err(ManagerError::file("copy", to))?;
                let why = if !copy.is_file() {
                    Some("it is not a regular file")
                } else if self.may_be_planted(from) && is_secret(&copy) {
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

    /// Whether another user may have made root read this file: everybody can read the copy, so it must not be a secret.
    fn may_be_planted(&self, from: &Path) -> bool {
        trusted_path::is_required(self.mode) && trusted_path::find_untrusted(from).is_some()
    }

    fn duplicate_as_root(&self, from: &Path, to: &Path) -> Result<BinarySharing, ManagerError> {
        if let Some(words) = FileTools::here().reflink() {
            let ended = self.program(words[0]).args(&words[1..]).arg(from).arg(to).ask()?;
            if ended.code() == Some(0) {
                return Ok(BinarySharing::Reflink);
            }
            // A failed reflink leaves an empty file.
            self.delete(to)?;
        }
        self.tool(FileTools::copy).arg(from).arg(to).run()?;
        Ok(BinarySharing::Copy)
    }
}

/// Whether some users may not read a file; a new copy has the mode of its source.
fn is_secret(seen: &Metadata) -> bool {
    seen.mode() & 0o004 == 0
}

/// Copies `from` to `to`, which must not exist. The copy is on disk when this returns.
fn duplicate(from: &Path, to: &Path, may_be_planted: bool) -> io::Result<BinarySharing> {
    let mut source = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(from)?;
    let before = source.metadata()?;
    if !before.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if may_be_planted {
        if is_secret(&before) {
            return Err(io::Error::other(SECRET));
        }
        // A reflink would open the path again, and it might be another file by then.
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

/// Checks that the copy is complete, and sets its mode and time.
fn finish(source: &File, before: &Metadata, to: &Path, sharing: BinarySharing) -> io::Result<BinarySharing> {
    let copy = OpenOptions::new().write(true).open(to)?;
    let after = source.metadata()?;
    if copy.metadata()?.len() != before.len()
        || (after.len(), after.mtime(), after.mtime_nsec())
            != (before.len(), before.mtime(), before.mtime_nsec())
    {
        return Err(io::Error::other("it changed while it was being copied"));
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
        return Err(io::Error::other("it changed while it was being copied"));
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
    fn links_on_one_filesystem() {
        let folder = TempDir::new().unwrap();
        let (from, to) = (program(&folder), folder.path().join("node"));
        fs::write(&to, "left by a killed run").unwrap();
        let files = Files::new(Mode::User);
        assert_eq!(files.share(&from, &to).unwrap(), BinarySharing::Link);
        let (from, to) = (fs::metadata(from).unwrap(), fs::metadata(to).unwrap());
        assert_eq!((from.ino(), from.nlink()), (to.ino(), 2));
    }

    #[test]
    fn copies_between_filesystems() {
        let folder = TempDir::new().unwrap();
        let shm = Path::new("/dev/shm");
        // Needs a second filesystem, which not every machine has.
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
    fn reflinks_if_the_filesystem_can() {
        let place = std::env::var_os("WNM_REFLINK").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = TempDir::new_in(&place).unwrap();
        let (from, to) = (program(&folder), folder.path().join("node"));
        let sharing = Files::new(Mode::User).copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"a program");
        assert_ne!(
            fs::metadata(&from).unwrap().ino(),
            fs::metadata(&to).unwrap().ino()
        );
        // Whoever set the variable says that the filesystem can.
        if std::env::var_os("WNM_REFLINK").is_some() {
            assert_eq!(sharing, BinarySharing::Reflink);
        }
    }

    #[test]
    fn copies_planted_file_only_if_everybody_may_read_it() {
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
            // A file of root itself may be a secret.
            let own = program(&folder);
            fs::set_permissions(&own, Permissions::from_mode(0o700)).unwrap();
            files.copy(&own, &to).unwrap();
            fs::remove_file(&to).unwrap();
        }
    }

    #[test]
    fn fails_on_missing_source() {
        let folder = TempDir::new().unwrap();
        let (from, to) = (folder.path().join("gone"), folder.path().join("node"));
        let files = Files::new(Mode::User);
        assert!(files.share(&from, &to).is_err() && files.copy(&from, &to).is_err());
        assert!(!to.exists());
    }
}
