//! The lock that lets one cycle run at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::bounded_read::{ReadError, bytes_in};
use crate::colony::Timestamp;

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A run that is still alive holds it.
    #[error("wnm still running")]
    Held,
    /// The file cannot be opened, locked or removed.
    #[error("cannot lock `{}`: {cause}", path.display())]
    Unusable { path: PathBuf, cause: io::Error },
}

/// The lock of a run. The kernel releases it when the process ends, for whatever reason.
///
/// It is an advisory lock on the open file; the existence of the file means nothing. The file is opened close-on-exec, so
/// no node inherits it.
#[derive(Debug)]
pub struct CycleLock {
    file: File,
    /// Whether the file has no other hard link. wnm does not write to a file with two names.
    is_ours: bool,
}

impl CycleLock {
    /// Takes the lock or fails at once. Writes PID and time to the file.
    ///
    /// # Errors
    /// [`Error::Held`] while another run holds it.
    pub fn take(path: &Path, now: Timestamp) -> Result<CycleLock, LockError> {
        let unusable = |cause| LockError::Unusable {
            path: path.to_owned(),
            cause,
        };
        loop {
            let file = open(path).map_err(unusable)?;
            if let Err(cause) = fs2::FileExt::try_lock_exclusive(&file) {
                let held = cause.kind() == io::ErrorKind::WouldBlock;
                return Err(if held { LockError::Held } else { unusable(cause) });
            }
            // Another run may have deleted the file after it was opened here. A lock on a deleted file
            // does not stop other runs.
            if is_same_file(&file, path) {
                let seen = file.metadata().map_err(unusable)?;
                if !seen.is_file() {
                    return Err(unusable(io::Error::other("it is no file")));
                }
                let mut lock = CycleLock {
                    file,
                    is_ours: seen.nlink() == 1,
                };
                // If the disk is full, the note is missing, but the lock is valid.
                let _ = lock.note(now);
                return Ok(lock);
            }
        }
    }

    /// Deletes the file that a run left. Returns whether there was one.
    ///
    /// # Errors
    /// [`Error::Held`] while a live run holds it.
    pub fn remove_leftover(path: &Path, now: Timestamp) -> Result<bool, LockError> {
        if !path.exists() {
            return Ok(false);
        }
        let _lock = CycleLock::take(path, now)?;
        std::fs::remove_file(path).map_err(|cause| LockError::Unusable {
            path: path.to_owned(),
            cause,
        })?;
        Ok(true)
    }

    fn note(&mut self, now: Timestamp) -> io::Result<()> {
        if !self.is_ours {
            return Ok(());
        }
        self.file.set_len(0)?;
        writeln!(self.file, "pid {} since {now}", std::process::id())
    }
}

impl Drop for CycleLock {
    /// Empties the file, because its note is valid only while the lock is held.
    fn drop(&mut self) {
        if self.is_ours {
            // The kernel releases the lock even if this fails.
            let _ = self.file.set_len(0);
        }
    }
}

/// The locks of a run: that of the user's directory, and that beside the database if that is in another directory.
#[derive(Debug)]
pub struct RunLock {
    _home: CycleLock,
    _database: Option<CycleLock>,
}

impl RunLock {
    /// Takes both locks or fails at once. `database` may be a symlink: all names of one database have one lock.
    ///
    /// # Errors
    /// [`Error::Held`] while another run holds one of them.
    pub fn take(home: &Path, database: &Path, now: Timestamp) -> Result<RunLock, LockError> {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let beside = |path: &Path| path.with_file_name(home.file_name().unwrap_or_default());
        let of_home = home.parent().map(real);
        let database = real(database);
        let of_database = database.parent().map(real);
        Ok(RunLock {
            _home: CycleLock::take(home, now)?,
            _database: match of_database {
                Some(directory) if of_home.as_ref() != Some(&directory) && directory.is_dir() => {
                    Some(CycleLock::take(&beside(&directory.join("database")), now)?)
                }
                _ => None,
            },
        })
    }
}

/// The run that has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// The run that has the lock at `path`, from the note in the file. The lock is not taken, because that could stop a run
/// that begins now.
///
/// A run that was killed leaves its note but no lock; on Linux, the list of the kernel's locks shows this.
///
/// # Errors
/// The file exists and cannot be read.
pub fn holder(path: &Path) -> Result<Option<Holder>, LockError> {
    let note = match bytes_in(path, LONGEST) {
        Ok(note) => String::from_utf8_lossy(&note).into_owned(),
        Err(ReadError::Io(cause)) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        // No note is that long.
        Err(ReadError::Long(_)) => return Ok(None),
        Err(why) => {
            return Err(LockError::Unusable {
                path: path.to_owned(),
                cause: match why {
                    ReadError::Io(cause) => cause,
                    why => io::Error::other(why.to_string()),
                },
            });
        }
    };
    let held = std::fs::read_to_string("/proc/locks").ok();
    Ok(noted(&note).filter(|holder| held.as_deref().is_none_or(|held| is_among(held, holder.pid))))
}

/// A process that has a lock on the file at `path` and may be no run of wnm, from the list of the kernel's locks.
///
/// A lock that a program has passed on to its child is listed with the program that took it.
#[must_use]
pub fn other_holder(path: &Path) -> Option<u32> {
    let inode = std::fs::metadata(path).ok()?.ino();
    holder_of(&std::fs::read_to_string("/proc/locks").ok()?, inode)
}

/// `1: FLOCK  ADVISORY  WRITE 34 00:2d:100 0 EOF`: the process, and device and inode of the file. The device is not
/// compared, because that of a btrfs subvolume differs from the one that stat tells.
fn holder_of(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words.as_slice() else {
            return None;
        };
        let is_it = file.rsplit(':').next()?.parse() == Ok(inode);
        is_it.then(|| pid.parse().ok()).flatten()
    })
}

/// More bytes than any note has.
const LONGEST: u64 = 1024;

/// `pid 4711 since 1795456290`.
fn noted(note: &str) -> Option<Holder> {
    let mut words = note.split_whitespace();
    let (Some("pid"), Some(pid)) = (words.next(), words.next()) else {
        return None;
    };
    Some(Holder {
        pid: pid.parse().ok()?,
        since: words.nth(1).and_then(|since| since.parse().ok()).map(Timestamp),
    })
}

/// Whether this process has an advisory lock on a file.
fn is_among(locks: &str, pid: u32) -> bool {
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"FLOCK") && !words.contains(&"->") && words.contains(&pid.to_string().as_str())
    })
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
}

fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => held.dev() == named.dev() && held.ino() == named.ino(),
        _ => false,
    }
}

/// Whether the filesystem of this file has no locks, as NFS and CIFS without them. SQLite's error is the same as for a
/// file that another program has locked.
#[must_use]
pub fn has_no_locks(path: &Path) -> bool {
    let mut wanted = nix::libc::flock {
        l_type: nix::libc::F_RDLCK as _,
        l_whence: nix::libc::SEEK_SET as _,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    let answer = File::open(path)
        .ok()
        .map(|file| fcntl(&file, FcntlArg::F_GETLK(&mut wanted)));
    matches!(answer, Some(Err(Errno::ENOLCK)))
}

#[cfg(test)]
mod tests {
    use super::{CycleLock, LockError, RunLock, holder, holder_of, is_among};
    use crate::colony::Timestamp;

    #[test]
    fn one_database_under_two_homes_has_one_lock() {
        let dir = tempfile::tempdir().unwrap();
        let home = |name: &str| {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
            dir.path().join(name).join("wnm_active")
        };
        let (one, two) = (home("one"), home("two"));
        let database = dir.path().join("one/colony.db");
        std::fs::write(&database, "").unwrap();
        let link = dir.path().join("two/linked.db");
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let lock = RunLock::take(&one, &database, Timestamp(1)).unwrap();
        for name in [&database, &link] {
            let taken = RunLock::take(&two, name, Timestamp(2));
            assert!(matches!(taken, Err(LockError::Held)), "{}", name.display());
        }
        drop(lock);
        let _lock = RunLock::take(&two, &link, Timestamp(3)).unwrap();
        let taken = RunLock::take(&one, &database, Timestamp(4));
        assert!(matches!(taken, Err(LockError::Held)));
    }

    #[test]
    fn what_is_another_file_as_well_is_locked_and_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wnm_active");
        std::fs::write(dir.path().join("other"), "not ours").unwrap();
        std::fs::hard_link(dir.path().join("other"), &path).unwrap();
        let lock = CycleLock::take(&path, Timestamp(1)).unwrap();
        assert!(matches!(
            CycleLock::take(&path, Timestamp(2)),
            Err(LockError::Held)
        ));
        assert_eq!(holder(&path).unwrap(), None);
        drop(lock);
        assert_eq!(
            std::fs::read_to_string(dir.path().join("other")).unwrap(),
            "not ours"
        );
    }

    #[test]
    fn a_pipe_is_no_lock_and_nobody_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wnm_active");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(
            CycleLock::take(&path, Timestamp(1)),
            Err(LockError::Unusable { .. })
        ));
        assert!(holder(&path).is_err());
    }

    #[test]
    fn one_at_a_time_and_the_next_when_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wnm_active");
        let first = CycleLock::take(&path, Timestamp(1)).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("pid "));
        assert!(matches!(
            CycleLock::take(&path, Timestamp(2)),
            Err(LockError::Held)
        ));
        drop(first);
        CycleLock::take(&path, Timestamp(3)).unwrap();
    }

    #[test]
    fn a_leftover_file_keeps_nobody_out_and_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wnm_active");
        std::fs::write(&path, "1795456290").unwrap();
        let held = CycleLock::take(&path, Timestamp(1)).unwrap();
        assert!(matches!(
            CycleLock::remove_leftover(&path, Timestamp(1)),
            Err(LockError::Held)
        ));
        drop(held);
        assert!(CycleLock::remove_leftover(&path, Timestamp(1)).unwrap());
        assert!(!path.exists());
        assert!(!CycleLock::remove_leftover(&path, Timestamp(1)).unwrap());
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("elsewhere");
        std::os::unix::fs::symlink(&target, dir.path().join("wnm_active")).unwrap();
        let taken = CycleLock::take(&dir.path().join("wnm_active"), Timestamp(1));
        assert!(matches!(taken, Err(LockError::Unusable { .. })));
        assert!(!target.exists());
    }

    #[test]
    fn the_holder_is_known_while_it_holds_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wnm_active");
        assert_eq!(holder(&path).unwrap(), None);
        let lock = CycleLock::take(&path, Timestamp(7)).unwrap();
        let held = holder(&path).unwrap().unwrap();
        assert_eq!((held.pid, held.since), (std::process::id(), Some(Timestamp(7))));
        drop(lock);
        assert_eq!(holder(&path).unwrap(), None);
        std::fs::write(&path, "pid 4194305 since 7\n").unwrap();
        assert_eq!(holder(&path).unwrap(), None, "a killed run leaves its note");
    }

    #[test]
    fn only_the_one_who_holds_is_taken_for_the_holder() {
        let locks = "1: FLOCK  ADVISORY  WRITE 34 00:2d:100 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 35 00:2d:100 0 EOF\n\
            2: POSIX  ADVISORY  READ 36 00:2d:101 0 EOF\n";
        assert_eq!((holder_of(locks, 100), holder_of(locks, 101)), (Some(34), None));
        assert!(is_among(locks, 34) && !is_among(locks, 35) && !is_among(locks, 36));
    }
}
