//! File operations of a takeover. They call programs that every Debian has, so that they work the same for root and for an
//! operator with sudo.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::Mode;
use crate::manager::files::beside;
use crate::program::Program;

use super::{Server, TakeoverError};

/// The most paths in one command, far below the limit of the system.
const PATHS_AT_ONCE: usize = 400;

/// Enough for some hundred small files on a busy disk.
const LONG: Duration = Duration::from_secs(120);

/// Owner, group and mode of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOwner {
    pub uid: u32,
    pub gid: u32,
    /// The mode: `0o644`.
    pub bits: u32,
}

impl FileOwner {
    /// Those of an existing file; `None`: it does not exist.
    pub fn of(path: &Path) -> Option<FileOwner> {
        let seen = fs::metadata(path).ok()?;
        Some(FileOwner {
            uid: seen.uid(),
            gid: seen.gid(),
            bits: seen.mode() & 0o7777,
        })
    }
}

/// File operations as root or as the user. Writes are atomic, and on the disk when they return.
#[derive(Clone, Copy, Debug)]
pub struct FileOps {
    mode: Mode,
}

impl FileOps {
    /// For this server.
    #[must_use]
    pub fn of(server: &Server) -> FileOps {
        FileOps::new(server.mode)
    }

    /// In sudo mode as root, else as the user.
    #[must_use]
    pub fn new(mode: Mode) -> FileOps {
        FileOps { mode }
    }

    fn program(self, name: &str) -> Program {
        Program::new(name).rights(self.mode).limit(LONG).uninterrupted()
    }

    /// Creates a directory and its parents. An existing one keeps its contents and gets the mode `bits`.
    pub fn make_folder(self, path: &Path, bits: u32) -> Result<(), TakeoverError> {
        let bits = format!("{bits:04o}");
        self.program("install")
            .args(["-d", "-m", &bits, "--"])
            .arg(path)
            .run()?;
        Ok(())
    }

    /// Copies files into a directory, with owner, mode and times. Follows symlinks, and skips files that no longer exist.
    pub fn copy_into(self, files: &[PathBuf], folder: &Path) -> Result<(), TakeoverError> {
        for some in files.chunks(PATHS_AT_ONCE) {
            let mut left = some.to_vec();
            for last_try in [false, true] {
                left.retain(|file| fs::symlink_metadata(file).is_ok());
                if left.is_empty() {
                    break;
                }
                let program = self.program("cp").args(["--archive", "--dereference", "-t"]);
                let program = program.arg(folder).arg("--").args(&left);
                let ended = program.ask()?;
                if ended.code() == Some(0) {
                    break;
                }
                if last_try && left.iter().all(|file| fs::symlink_metadata(file).is_ok()) {
                    return Err(program.failure(&ended).into());
                }
            }
        }
        Ok(())
    }

    /// Copies one file, with owner, mode and times, and replaces `to` atomically.
    pub fn copy(self, from: &Path, to: &Path) -> Result<(), TakeoverError> {
        let staging = beside(to, "wnm");
        self.program("cp")
            .args(["--archive", "--remove-destination", "-T", "--"])
            .args([from, &staging])
            .run()?;
        self.put(&staging, to)
    }

    /// The SHA-256 of each file, in hexadecimal.
    pub fn digests(self, files: &[PathBuf]) -> Result<Vec<String>, TakeoverError> {
        let mut all = Vec::with_capacity(files.len());
        for some in files.chunks(PATHS_AT_ONCE) {
            let program = self.program("sha256sum").args(["--zero", "--"]).args(some);
            let ended = program.run()?;
            let sums = ended.stdout.split_terminator('\0');
            let before = all.len();
            all.extend(sums.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())));
            if all.len() - before != some.len() {
                return Err(program.failure(&ended).into());
            }
        }
        Ok(all)
    }

    /// Whether two files have the same contents.
    pub fn same(self, one: &Path, other: &Path) -> Result<bool, TakeoverError> {
        let both = self.digests(&[one.to_owned(), other.to_owned()])?;
        Ok(both.first() == both.last())
    }

    /// Reads a text file, as root if the user must not read it.
    pub fn read(self, path: &Path) -> Result<String, TakeoverError> {
        match fs::read(path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied && self.mode == Mode::Sudo => {
                Ok(self.program("cat").arg("--").arg(path).run()?.stdout)
            }
            Err(error) => Err(TakeoverError::unreadable(path, error)),
        }
    }

    /// Reads a text file; `None`: it does not exist.
    pub fn read_if_there(self, path: &Path) -> Result<Option<String>, TakeoverError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied && self.mode == Mode::Sudo => {
                let seen = self.program("test").arg("-e").arg(path).ask()?;
                (seen.code() == Some(0)).then(|| self.read(path)).transpose()
            }
            _ => self.read(path).map(Some),
        }
    }

    /// The names of all entries of a directory.
    pub fn names_in(self, folder: &Path) -> Result<Vec<String>, TakeoverError> {
        let find = self.program("find").arg(folder);
        let ended = find
            .args(["-mindepth", "1", "-maxdepth", "1", "-printf", "%f\\0"])
            .run()?;
        Ok(ended.stdout.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Writes a text file, and replaces an existing one.
    pub fn write(self, path: &Path, text: &str, owned: FileOwner) -> Result<(), TakeoverError> {
        let staging = beside(path, "wnm");
        self.stage(&staging, text, owned)?;
        self.put(&staging, path)
    }

    /// Creates a text file; `false`: a file of that name exists.
    pub fn create(self, path: &Path, text: &str, owned: FileOwner) -> Result<bool, TakeoverError> {
        let staging = beside(path, "wnm");
        self.stage(&staging, text, owned)?;
        // A hard link fails if the name exists, and so needs no check before.
        let link = self.program("ln").args(["-T", "--"]).args([&staging, path]);
        let ended = link.ask()?;
        self.remove(&staging)?;
        if ended.code() == Some(0) {
            self.sync_parent(path)?;
            return Ok(true);
        }
        match fs::symlink_metadata(path) {
            Ok(_) => Ok(false),
            Err(_) => Err(link.failure(&ended).into()),
        }
    }

    /// Moves a file, also to another filesystem.
    pub fn move_to(self, from: &Path, to: &Path) -> Result<(), TakeoverError> {
        self.program("mv").args(["-fT", "--"]).args([from, to]).run()?;
        self.sync_parent(from)?;
        self.sync_parent(to)
    }

    /// Deletes a file. A missing file is not an error.
    pub fn remove(self, path: &Path) -> Result<(), TakeoverError> {
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(());
        }
        self.program("rm").args(["-f", "--"]).arg(path).run()?;
        self.sync_parent(path)
    }

    /// Waits until these files and directories are on the disk.
    pub fn sync(self, paths: &[PathBuf]) -> Result<(), TakeoverError> {
        for some in paths.chunks(PATHS_AT_ONCE) {
            self.program("sync").arg("--").args(some).run()?;
        }
        Ok(())
    }

    fn stage(self, staging: &Path, text: &str, owned: FileOwner) -> Result<(), TakeoverError> {
        let mut install = self
            .program("install")
            .args(["-m", &format!("{:04o}", owned.bits)]);
        if self.mode == Mode::Sudo {
            install = install.args(["-o", &owned.uid.to_string(), "-g", &owned.gid.to_string()]);
        }
        install
            .args(["-T", "--", "/dev/stdin"])
            .arg(staging)
            .input(text)
            .run()?;
        Ok(())
    }

    fn put(self, staging: &Path, path: &Path) -> Result<(), TakeoverError> {
        self.sync(&[staging.to_owned()])?;
        self.program("mv")
            .args(["-fT", "--"])
            .args([staging, path])
            .run()?;
        self.sync_parent(path)
    }

    fn sync_parent(self, path: &Path) -> Result<(), TakeoverError> {
        match path.parent() {
            Some(parent) => self.sync(&[parent.to_owned()]),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn owned(bits: u32) -> FileOwner {
        FileOwner {
            uid: crate::program::user_account::uid(),
            gid: 0,
            bits,
        }
    }

    #[test]
    fn writes_text_with_mode_and_leaves_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("NodeDetails");
        let files = FileOps::new(Mode::User);
        files.write(&path, "one\n", owned(0o644)).unwrap();
        files.write(&path, "two\n", owned(0o600)).unwrap();
        assert_eq!(files.read(&path).unwrap(), "two\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn create_does_not_replace_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("block");
        let files = FileOps::new(Mode::User);
        assert!(files.create(&path, "ours", owned(0o644)).unwrap());
        assert!(!files.create(&path, "theirs", owned(0o644)).unwrap());
        assert_eq!(files.read(&path).unwrap(), "ours");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn copies_keep_time_and_mode_and_skip_missing_files() {
        let dir = tempfile::tempdir().unwrap();
        let (from, into) = (dir.path().join("config"), dir.path().join("backup"));
        fs::write(&from, "NodeCap=20\n").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o640)).unwrap();
        let files = FileOps::new(Mode::User);
        files.make_folder(&into, 0o700).unwrap();
        let gone = dir.path().join("counters");
        files.copy_into(&[gone, from.clone()], &into).unwrap();
        let copy = into.join("config");
        assert!(files.same(&from, &copy).unwrap());
        let (was, is) = (fs::metadata(&from).unwrap(), fs::metadata(&copy).unwrap());
        assert_eq!((was.mode(), was.mtime()), (is.mode(), is.mtime()));
        assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
    }

    #[test]
    fn digest_is_sha256() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b");
        fs::write(&path, "abc").unwrap();
        assert_eq!(
            FileOps::new(Mode::User).digests(&[path]).unwrap(),
            ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
        );
    }
}
