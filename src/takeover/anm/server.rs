//! A server to take over: its files below a root directory, and access to everything else.
//!
//! On the real machine the root is `/`. All paths are paths on the server, such as `/var/antctl/config`;
//! [`Server::path`] resolves them, so that tests can use a copy of a server in any directory.

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

/// A process of the server, with its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerProcess {
    /// 0 if unknown.
    pub pid: u32,
    pub words: Vec<String>,
}

/// What cannot be read from files.
pub trait ServerAccess {
    /// The properties of `units` in systemd, in their order.
    ///
    /// # Errors
    /// When systemd does not answer.
    fn show(&self, units: &[String]) -> Result<Vec<UnitProperties>, TakeoverError>;

    /// All processes.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn processes(&self) -> Result<Vec<ServerProcess>, TakeoverError>;

    /// When the machine was booted.
    ///
    /// # Errors
    /// When that cannot be read.
    fn boot(&self) -> Result<Timestamp, TakeoverError>;

    /// The home directory of an account, as a path on the server; `None`: there is no such account.
    fn home(&self, user: &str) -> Option<PathBuf>;

    /// The name of the account with this user id.
    fn account(&self, uid: u32) -> Option<String>;

    /// The output of `binary --version`, run as `user` and never as root, because the file may belong to somebody else.
    fn version(&self, binary: &Path, user: &str) -> Option<Version>;
}

/// The machine to take over.
pub struct Server {
    root: PathBuf,
    /// Whether to change files as root: on the real machine, but not in a copy.
    pub mode: Mode,
    /// Access to everything that is not a file.
    pub host: Box<dyn ServerAccess>,
    /// Queries nodes.
    pub probe: Box<dyn NodeProbe>,
    pub clock: Box<dyn Clock>,
}

impl Server {
    /// This machine, as root.
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

    /// The real path of `path` on the server.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let inside = path.as_ref().components();
        self.root.join(
            inside
                .filter(|part| !matches!(part, Component::RootDir))
                .collect::<PathBuf>(),
        )
    }

    /// The path on the server of the real path `path`.
    #[must_use]
    pub fn named(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => path.to_owned(),
        }
    }

    /// Reads a text file; `None`: it does not exist. Replaces invalid UTF-8.
    ///
    /// # Errors
    /// When it exists and even root cannot read it.
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

    /// The names of the entries of a directory, sorted; empty if it does not exist.
    ///
    /// # Errors
    /// When it exists and cannot be read.
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

    /// Whether this path exists, also as a broken symlink.
    #[must_use]
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    /// Whether this path is a directory, or cannot be checked.
    #[must_use]
    pub fn is_folder(&self, path: impl AsRef<Path>) -> bool {
        match fs::metadata(self.path(path)) {
            Ok(seen) => seen.is_dir(),
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    /// The owner of this path.
    #[must_use]
    pub fn owner(&self, path: impl AsRef<Path>) -> Option<String> {
        let seen = fs::metadata(self.path(path)).ok()?;
        self.host.account(seen.uid())
    }

    /// When this path was last changed; `None`: it does not exist.
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
        Ok(process_scan::all_commands()?
            .into_iter()
            .filter(|(pid, _)| !process_scan::is_in_container(*pid))
            .map(|(pid, words)| ServerProcess {
                pid,
                words: words.into_iter().map(text).collect(),
            })
            .collect())
    }

    fn boot(&self) -> Result<Timestamp, TakeoverError> {
        let machine_reader = SystemReader::new(Box::new(|_| Err(String::new())));
        let read = machine_reader.read(Path::new("/")).map_err(|error| {
            TakeoverError::refused(
                format_args!("cannot {error}"),
                "check that `/proc` is mounted, and run this again",
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
