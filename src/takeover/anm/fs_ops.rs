//! What a takeover does to files, as root where it must: by the programs that every Debian has, so that an operator
//! with sudo and root go the same way.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::colony::Mode;
use crate::manager::files::beside;
use crate::program::Program;

use super::{Server, TakeoverError};

/// So many paths are far below what a command line can hold.
const PATHS_AT_ONCE: usize = 400;

/// For some hundred small files, and a disk that nodes keep busy.
const LONG: Duration = Duration::from_secs(120);

/// Whose a file is and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOwner {
    pub uid: u32,
    pub gid: u32,
    /// `0o644`.
    pub bits: u32,
}

impl FileOwner {
    /// As a file has it now; None: it is not there.
    pub fn of(path: &Path) -> Option<FileOwner> {
        let seen = fs::metadata(path).ok()?;
        Some(FileOwner {
            uid: seen.uid(),
            gid: seen.gid(),
            bits: seen.mode() & 0o7777,
        })
    }
}

/// Handles files with the rights of one mode. What it writes is on disk when it returns, whole or not at all.
#[derive(Clone, Copy, Debug)]
pub struct FileOps {
    mode: Mode,
}

impl FileOps {
    /// Those for this server.
    #[must_use]
    pub fn of(server: &Server) -> FileOps {
        FileOps::new(server.mode)
    }

    /// With these rights: in sudo mode those of root.
    #[must_use]
    pub fn new(mode: Mode) -> FileOps {
        FileOps { mode }
    }

    fn program(self, name: &str) -> Program {
        Program::new(name).rights(self.mode).limit(LONG).uninterrupted()
    }

    /// Makes a folder and those above it. One that is there keeps its contents and gets `bits`.
    pub fn make_folder(self, path: &Path, bits: u32) -> Result<(), TakeoverError> {
        let bits = format!("{bits:04o}");
        self.program("install")
            .args(["-d", "-m", &bits, "--"])
            .arg(path)
            .run()?;
        Ok(())
    }

    /// Copies files, with owner, mode and times, into a folder; of a link what it leads to. Those that went away
    /// meanwhile are left out.
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

    /// Copies one file, with owner, mode and times, to a name that it takes over whole.
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

    /// Whether two files hold the same.
    pub fn same(self, one: &Path, other: &Path) -> Result<bool, TakeoverError> {
        let both = self.digests(&[one.to_owned(), other.to_owned()])?;
        Ok(both.first() == both.last())
    }

    /// The text of a file that we may not be allowed to read.
    pub fn read(self, path: &Path) -> Result<String, TakeoverError> {
        match fs::read(path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied && self.mode == Mode::Sudo => {
                Ok(self.program("cat").arg("--").arg(path).run()?.stdout)
            }
            Err(error) => Err(TakeoverError::unreadable(path, error)),
        }
    }

    /// The same, of a file that may not be there.
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

    /// The names of all that lies in a folder.
    pub fn names_in(self, folder: &Path) -> Result<Vec<String>, TakeoverError> {
        let find = self.program("find").arg(folder);
        let ended = find
            .args(["-mindepth", "1", "-maxdepth", "1", "-printf", "%f\\0"])
            .run()?;
        Ok(ended.stdout.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Writes a text in place of what has that name.
    pub fn write(self, path: &Path, text: &str, owned: FileOwner) -> Result<(), TakeoverError> {
        let staging = beside(path, "wnm");
        self.stage(&staging, text, owned)?;
        self.put(&staging, path)
    }

    /// Writes a text to a name that nobody has; false: somebody has it.
    pub fn create(self, path: &Path, text: &str, owned: FileOwner) -> Result<bool, TakeoverError> {
        let staging = beside(path, "wnm");
        self.stage(&staging, text, owned)?;
        // A second name can only be given when nobody has it: the one way without a moment in between.
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

    /// Gives a file another name, on another filesystem if need be.
    pub fn move_to(self, from: &Path, to: &Path) -> Result<(), TakeoverError> {
        self.program("mv").args(["-fT", "--"]).args([from, to]).run()?;
        self.sync_parent(from)?;
        self.sync_parent(to)
    }

    /// Removes a file. One that is not there is removed.
    pub fn remove(self, path: &Path) -> Result<(), TakeoverError> {
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(());
        }
        self.program("rm").args(["-f", "--"]).arg(path).run()?;
        self.sync_parent(path)
    }

    /// Waits until these files and folders are on the disk.
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
    fn a_text_is_written_whole_with_its_mode_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("NodeDetails");
        let hands = FileOps::new(Mode::User);
        hands.write(&path, "one\n", owned(0o644)).unwrap();
        hands.write(&path, "two\n", owned(0o600)).unwrap();
        assert_eq!(hands.read(&path).unwrap(), "two\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_name_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("block");
        let hands = FileOps::new(Mode::User);
        assert!(hands.create(&path, "ours", owned(0o644)).unwrap());
        assert!(!hands.create(&path, "theirs", owned(0o644)).unwrap());
        assert_eq!(hands.read(&path).unwrap(), "ours");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn copies_keep_time_and_mode_and_what_went_away_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (from, into) = (dir.path().join("config"), dir.path().join("backup"));
        fs::write(&from, "NodeCap=20\n").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o640)).unwrap();
        let hands = FileOps::new(Mode::User);
        hands.make_folder(&into, 0o700).unwrap();
        let gone = dir.path().join("counters");
        hands.copy_into(&[gone, from.clone()], &into).unwrap();
        let copy = into.join("config");
        assert!(hands.same(&from, &copy).unwrap());
        let (was, is) = (fs::metadata(&from).unwrap(), fs::metadata(&copy).unwrap());
        assert_eq!((was.mode(), was.mtime()), (is.mode(), is.mtime()));
        assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
    }

    #[test]
    fn the_digest_is_sha_256() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b");
        fs::write(&path, "abc").unwrap();
        assert_eq!(
            FileOps::new(Mode::User).digests(&[path]).unwrap(),
            ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
        );
    }
}
