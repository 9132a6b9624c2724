//! Programs let loose: in a session of their own, living on when we are gone.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode as Bits, umask};

use super::error::how;
use super::user_account::{self, Account};
use super::{Program, ProgramError};

/// Above this an old console is begun anew: a node says little there, and nobody rotates it.
const CONSOLE_BYTES: u64 = 256 << 10;

/// The umask is the whole process's: two spawns at once must not restore each other's.
static UMASK: Mutex<()> = Mutex::new(());

/// Variables that are meant for us and would change what a node does.
const OURS: [&str; 4] = ["RUST_LOG", "RUST_BACKTRACE", "LISTEN_FDS", "NOTIFY_SOCKET"];

/// A program that shall outlive us: own session, no descriptor of ours, umask 027, no signal blocked.
#[derive(Clone, Debug)]
pub struct DetachedProgram {
    /// The program, by its absolute path, and its words.
    pub words: Vec<OsString>,
    /// Variables beside those it inherits.
    pub environment: Vec<(String, String)>,
    /// In whose name, if not ours.
    pub account: Option<Account>,
    /// Where it writes what it says, at the end of what is there; None: nowhere.
    pub console: Option<PathBuf>,
}

/// A program that was let loose just now.
#[derive(Debug)]
pub struct SpawnedProcess {
    child: Child,
    is_carrier: bool,
}

/// What lets a program loose: doing it between fork and exec by ourselves would be unsafe code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Launcher {
    /// Puts it into a session of its own.
    Setsid,
    /// macOS has no `setsid`: there it keeps our session, in a group of its own that no hang-up reaches.
    Nohup,
}

impl Launcher {
    fn here() -> Launcher {
        if cfg!(target_os = "macos") {
            Launcher::Nohup
        } else {
            Launcher::Setsid
        }
    }

    fn command(self) -> Command {
        match self {
            Launcher::Setsid => Command::new("setsid"),
            Launcher::Nohup => {
                let mut command = Command::new("nohup");
                command.process_group(0);
                command
            }
        }
    }
}

/// Keeps from all that we start what was open when we were started: a node would hold the lock of a script, or of
/// `flock`, for as long as it lives. To be called before anything else is open.
pub fn hand_nothing_down() {
    close_fds::set_fds_cloexec(3, &[]);
}

impl DetachedProgram {
    /// Lets it loose; does not wait for it to live.
    pub fn spawn(&self) -> Result<SpawnedProcess, ProgramError> {
        self.spawn_by(Launcher::here())
    }

    fn spawn_by(&self, release: Launcher) -> Result<SpawnedProcess, ProgramError> {
        let foreign = self.foreign();
        let is_carrier = foreign.is_some() && !user_account::is_root();
        let mut command = match foreign {
            Some(account) if is_carrier => {
                let mut command = Command::new("sudo");
                command.args(self.carried(release, account, &[]));
                command
            }
            _ => {
                let mut command = release.command();
                for name in OURS {
                    command.env_remove(name);
                }
                if let Some(account) = foreign {
                    command
                        .uid(account.uid)
                        .gid(account.gid)
                        .env("HOME", &account.home)
                        .env("USER", &account.name)
                        .env("LOGNAME", &account.name);
                }
                command.envs(self.environment.iter().map(|(name, value)| (name, value)));
                command
            }
        };
        let (stdout, stderr) = self.streams();
        if !is_carrier {
            command.args(&self.words);
        }
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        let guard = UMASK.lock().unwrap_or_else(PoisonError::into_inner);
        let before = umask(Bits::from_bits_truncate(0o027));
        let spawned = command.spawn();
        umask(before);
        drop(guard);
        match spawned {
            Ok(child) => Ok(SpawnedProcess { child, is_carrier }),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Err(ProgramError::Missing {
                program: command.get_program().to_string_lossy().into_owned(),
            }),
            Err(source) => Err(ProgramError::NotStarted {
                command: self.command_line(),
                source,
            }),
        }
    }

    fn foreign(&self) -> Option<&Account> {
        self.account
            .as_ref()
            .filter(|account| account.uid != user_account::uid())
    }

    /// The words for sudo, which must not wait for the node: so `--fork`, or sudo's own `-b`.
    fn carried(&self, release: Launcher, account: &Account, asking: &[&str]) -> Vec<OsString> {
        let variables = self.environment.iter();
        let variables = variables.map(|(name, value)| format!("{name}={value}"));
        let mut words: Vec<OsString> = vec!["-n".into()];
        words.extend(asking.iter().map(OsString::from));
        if release == Launcher::Nohup && asking.is_empty() {
            words.push("-b".into());
        }
        words.extend(["-u", &account.name, "env"].map(OsString::from));
        words.extend(variables.map(OsString::from));
        let carrier: &[&str] = match release {
            Launcher::Setsid => &["setsid", "--fork"],
            Launcher::Nohup => &["nohup"],
        };
        words.extend(carrier.iter().map(OsString::from));
        words.extend(self.words.iter().cloned());
        words
    }

    /// Whether sudo would run it, where sudo is needed: asked after a failure, which itself cannot say so.
    pub fn is_allowed(&self) -> Result<(), ProgramError> {
        match self.foreign() {
            Some(account) if !user_account::is_root() => {
                let sudo = Program::new("sudo").args(self.carried(Launcher::here(), account, &["-l"]));
                let ended = sudo.ask()?;
                if ended.code() == Some(0) {
                    return Ok(());
                }
                Err(ProgramError::Password {
                    command: sudo.command_line(),
                    complaint: ended.stderr.trim().to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Its command line, quoted for a shell.
    #[must_use]
    pub fn command_line(&self) -> String {
        shell_words::join(self.words.iter().map(|word| word.to_string_lossy()))
    }

    /// A console that cannot be opened is no reason to lose a node: it then says nothing.
    fn streams(&self) -> (Stdio, Stdio) {
        let console = self.console.as_deref().and_then(|path| open(path).ok());
        match console.and_then(|file| Some((file.try_clone().ok()?, file))) {
            Some((one, two)) => (Stdio::from(one), Stdio::from(two)),
            None => (Stdio::null(), Stdio::null()),
        }
    }
}

impl SpawnedProcess {
    /// Its process id; none where sudo stands in between.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        (!self.is_carrier).then(|| self.child.id())
    }

    /// Whether sudo still has it in hand.
    pub fn is_carried(&mut self) -> bool {
        self.is_carrier && matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, if it has: for a program that shall live, a failure.
    ///
    /// What sudo carried is loose when sudo has ended well; the caller must look for it.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        if self.is_carrier && status.success() {
            return None;
        }
        Some(how(status))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    // A node may have put a link there, or a pipe that nobody reads.
    // What is another file as well is left to that name.
    if std::fs::symlink_metadata(path).is_ok_and(|seen| seen.is_file() && seen.nlink() > 1) {
        std::fs::remove_file(path)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)?;
    let seen = file.metadata()?;
    if !seen.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    if seen.len() > CONSOLE_BYTES {
        file.set_len(0)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::{Pid, getpgid};

    use super::*;

    fn detached() -> DetachedProgram {
        DetachedProgram {
            words: ["sleep", "30"].map(OsString::from).to_vec(),
            environment: vec![("A".into(), "1".into())],
            account: None,
            console: None,
        }
    }

    #[test]
    fn both_ways_of_letting_loose_give_it_a_group_of_its_own() {
        for release in [Launcher::Setsid, Launcher::Nohup] {
            let loose = detached().spawn_by(release).unwrap();
            let pid = Pid::from_raw(loose.pid().unwrap().cast_signed());
            let leads = || getpgid(Some(pid)) == Ok(pid);
            assert!((0..500).any(|_| leads() || {
                std::thread::sleep(std::time::Duration::from_millis(10));
                false
            }));
            kill(pid, Signal::SIGKILL).unwrap();
        }
    }

    #[test]
    fn sudo_waits_for_neither() {
        let account = Account {
            name: "ant".into(),
            uid: 1,
            gid: 1,
            home: "/".into(),
        };
        let said = |release, asking: &[&str]| {
            let words = detached().carried(release, &account, asking);
            shell_words::join(words.iter().map(|word| word.to_string_lossy()))
        };
        assert_eq!(
            said(Launcher::Setsid, &[]),
            "-n -u ant env 'A=1' setsid --fork sleep 30"
        );
        assert_eq!(
            said(Launcher::Nohup, &[]),
            "-n -b -u ant env 'A=1' nohup sleep 30"
        );
        assert_eq!(
            said(Launcher::Nohup, &["-l"]),
            "-n -l -u ant env 'A=1' nohup sleep 30"
        );
    }
}
