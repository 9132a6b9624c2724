//! The server as a takeover sees it: its files below a root, and the doors to what is no file.
//!
//! On the real machine the root is `/`. Everything is named by its path on the server, as `/var/antctl/config`,
//! and found by [`Server::path`], so that a copy in any folder can be read, and taken over, by anybody.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::TakeoverError;
use crate::clock::{Clock, RealClock};
use crate::colony::{Mode, Timestamp, Version};
use crate::manager::process_scan;
use crate::manager::systemctl::{Systemctl, UnitProperties};
use crate::program::{Program, user_account};
use crate::survey::machine_reader::version_said;
use crate::survey::{HttpProbe, MachineReader, NodeProbe, SystemReader, VERSION_LIMIT};

/// A process of the server: its id and its words, program first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerProcess {
    /// 0 where it is not known.
    pub pid: u32,
    pub words: Vec<String>,
}

/// What a server says that is in none of its files.
pub trait ServerAccess {
    /// What the machine's systemd says of `units`, in their order.
    ///
    /// # Errors
    /// When systemd does not answer.
    fn show(&self, units: &[String]) -> Result<Vec<UnitProperties>, TakeoverError>;

    /// Every process there is.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn processes(&self) -> Result<Vec<ServerProcess>, TakeoverError>;

    /// When the machine was booted.
    ///
    /// # Errors
    /// When it does not tell.
    fn boot(&self) -> Result<Timestamp, TakeoverError>;

    /// The home of an account, as a path on the server; None: there is no such account.
    fn home(&self, user: &str) -> Option<PathBuf>;

    /// The name of the account with this user id.
    fn account(&self, uid: u32) -> Option<String>;

    /// The version that the antnode at `binary` tells when `user` runs it. It is never run by root: the file
    /// may belong to somebody else.
    fn version(&self, binary: &Path, user: &str) -> Option<Version>;
}

/// The machine that is taken over.
pub struct Server {
    root: PathBuf,
    /// Whose rights: root's on the real machine, one's own in a copy.
    pub mode: Mode,
    /// What is in no file.
    pub host: Box<dyn ServerAccess>,
    /// Asks nodes how they are.
    pub probe: Box<dyn NodeProbe>,
    pub clock: Box<dyn Clock>,
}

impl Server {
    /// This machine, handled by root's rights.
    #[must_use]
    pub fn real(probe: Box<dyn NodeProbe>) -> Server {
        Server {
            probe,
            ..Server::below("/", Mode::Sudo, Box::new(LocalServer))
        }
    }

    /// A server whose `/` is `root`.
    #[must_use]
    pub fn below(root: impl Into<PathBuf>, mode: Mode, host: Box<dyn ServerAccess>) -> Server {
        Server {
            root: root.into(),
            mode,
            host,
            probe: Box::new(HttpProbe::new()),
            clock: Box::new(RealClock),
        }
    }

    /// Where `path` of the server really is.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let inside = path.as_ref().components();
        self.root.join(
            inside
                .filter(|part| !matches!(part, Component::RootDir))
                .collect::<PathBuf>(),
        )
    }

    /// What the server calls something that really is at `path`.
    #[must_use]
    pub fn named(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => path.to_owned(),
        }
    }

    /// The text of a file; None where there is none. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// When it is there and cannot be read, by root neither.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Option<String>, TakeoverError> {
        let real = self.path(&path);
        match fs::read(&real) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied && self.mode == Mode::Sudo => {
                let there = Program::new("test").rights(self.mode).arg("-f").arg(&real);
                if there.ask()?.code() != Some(0) {
                    return Ok(None);
                }
                let cat = Program::new("cat").rights(self.mode).arg("--").arg(&real);
                Ok(Some(cat.run()?.stdout))
            }
            Err(error) => Err(TakeoverError::unreadable(path.as_ref(), error)),
        }
    }

    /// The names of what lies in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn names(&self, folder: impl AsRef<Path>) -> Result<Vec<String>, TakeoverError> {
        let unreadable = |error| TakeoverError::unreadable(folder.as_ref(), error);
        let entries = match fs::read_dir(self.path(&folder)) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied && self.mode == Mode::Sudo => {
                let list = Program::new("ls").rights(self.mode).args(["-1A", "--"]);
                let ended = list.arg(self.path(&folder)).run()?;
                return Ok(ended.stdout.lines().map(str::to_owned).collect());
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Whether something is at this path, a link that leads nowhere included.
    #[must_use]
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    /// Whether a folder is at this path. One that cannot be looked at counts as there.
    #[must_use]
    pub fn is_folder(&self, path: impl AsRef<Path>) -> bool {
        match fs::metadata(self.path(path)) {
            Ok(seen) => seen.is_dir(),
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    /// The account that the file or folder at this path belongs to.
    #[must_use]
    pub fn owner(&self, path: impl AsRef<Path>) -> Option<String> {
        let seen = fs::metadata(self.path(path)).ok()?;
        self.host.account(seen.uid())
    }

    /// When the file or folder at this path was last changed; None where there is none.
    #[must_use]
    pub fn changed(&self, path: impl AsRef<Path>) -> Option<Timestamp> {
        let seen = fs::metadata(self.path(path)).ok()?;
        Some(Timestamp(seen.mtime()))
    }
}

/// The machine wnm runs on.
struct LocalServer;

impl ServerAccess for LocalServer {
    fn show(&self, units: &[String]) -> Result<Vec<UnitProperties>, TakeoverError> {
        Ok(Systemctl::new(Mode::Sudo).show(units)?)
    }

    fn processes(&self) -> Result<Vec<ServerProcess>, TakeoverError> {
        let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
        Ok(process_scan::every()?
            .into_iter()
            .map(|(pid, words)| ServerProcess {
                pid,
                words: words.into_iter().map(text).collect(),
            })
            .collect())
    }

    fn boot(&self) -> Result<Timestamp, TakeoverError> {
        let gauge = SystemReader::new(Box::new(|_| Err(String::new())));
        let read = gauge.read(Path::new("/")).map_err(|error| {
            TakeoverError::refused(
                format_args!("cannot {error}"),
                "see that `/proc` is mounted, and call it again",
            )
        })?;
        Ok(read.boot)
    }

    fn home(&self, user: &str) -> Option<PathBuf> {
        user_account::named(user).ok().map(|account| account.home)
    }

    fn account(&self, uid: u32) -> Option<String> {
        user_account::of(uid).map(|account| account.name)
    }

    fn version(&self, binary: &Path, user: &str) -> Option<Version> {
        let ask = Program::new("runuser").rights(Mode::Sudo);
        let ask = ask.args(["-u", user, "--"]).arg(binary).arg("--version");
        let said = ask.limit(VERSION_LIMIT).ask().ok()?.stdout;
        version_said(&said)
    }
}
