//! Starts programs that go on running after wnm has exited, in their own sessions.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use nix::fcntl::OFlag;
use nix::sys::stat::{Mode as Bits, umask};

use super::error::describe_exit;
use super::user_account::{self, Account};
use super::{Program, ProgramError};

/// A larger console file is truncated: a node writes little to it, and nothing rotates it.
const MAX_CONSOLE_BYTES: u64 = 256 << 10;

/// The umask belongs to the whole process: two spawns at once must not restore each other's.
static UMASK: Mutex<()> = Mutex::new(());

/// Environment variables for wnm that would change what a node does.
const NOT_INHERITED: [&str; 4] = ["RUST_LOG", "RUST_BACKTRACE", "LISTEN_FDS", "NOTIFY_SOCKET"];

/// A program to start with its own session, none of our file descriptors, umask 027 and no blocked signals.
#[derive(Clone, Debug)]
pub struct DetachedProgram {
    /// The absolute path of the program, and its arguments.
    pub words: Vec<OsString>,
    /// Environment variables besides those it inherits.
    pub environment: Vec<(String, String)>,
    /// The account that it runs as, if not ours.
    pub account: Option<Account>,
    /// The file to which its output is appended; None: its output is dropped.
    pub console: Option<PathBuf>,
}

/// A program that was just started.
#[derive(Debug)]
pub struct SpawnedProcess {
    child: Child,
    is_sudo: bool,
}

/// The program that detaches another one; to do that between fork and exec ourselves needs unsafe code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Launcher {
    /// Starts it in its own session.
    Setsid,
    /// macOS has no `setsid`: there it stays in our session, in its own process group that SIGHUP does not reach.
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

/// Keeps file descriptors that were open when wnm was started from all programs that it starts: a node would hold the
/// lock of a script, or of `flock`, while it runs. Must be called before wnm opens anything.
pub fn close_inherited_files_on_exec() {
    close_fds::set_fds_cloexec(3, &[]);
}

impl DetachedProgram {
    /// Starts it without waiting.
    pub fn spawn(&self) -> Result<SpawnedProcess, ProgramError> {
        self.spawn_by(Launcher::here())
    }

    fn spawn_by(&self, launcher: Launcher) -> Result<SpawnedProcess, ProgramError> {
        let foreign = self.foreign();
        let is_sudo = foreign.is_some() && !user_account::is_root();
        let mut command = match foreign {
            Some(account) if is_sudo => {
                let mut command = Command::new("sudo");
                command.args(self.sudo_arguments(launcher, account, &[]));
                command
            }
            _ => {
                let mut command = launcher.command();
                for name in NOT_INHERITED {
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
        if !is_sudo {
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
            Ok(child) => Ok(SpawnedProcess { child, is_sudo }),
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

    /// The arguments of sudo, which must not wait for the node: hence `--fork`, or `-b` of sudo.
    fn sudo_arguments(&self, launcher: Launcher, account: &Account, options: &[&str]) -> Vec<OsString> {
        let variables = self.environment.iter();
        let variables = variables.map(|(name, value)| format!("{name}={value}"));
        let mut words: Vec<OsString> = vec!["-n".into()];
        words.extend(options.iter().map(OsString::from));
        if launcher == Launcher::Nohup && options.is_empty() {
            words.push("-b".into());
        }
        words.extend(["-u", &account.name, "env"].map(OsString::from));
        words.extend(variables.map(OsString::from));
        let detach: &[&str] = match launcher {
            Launcher::Setsid => &["setsid", "--fork"],
            Launcher::Nohup => &["nohup"],
        };
        words.extend(detach.iter().map(OsString::from));
        words.extend(self.words.iter().cloned());
        words
    }

    /// Checks that sudo runs it, if sudo is needed. Called after a failure, from which this cannot be seen.
    pub fn is_allowed(&self) -> Result<(), ProgramError> {
        match self.foreign() {
            Some(account) if !user_account::is_root() => {
                let sudo = Program::new("sudo").args(self.sudo_arguments(Launcher::here(), account, &["-l"]));
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

    /// The streams for its output; without a console that can be opened the output is dropped.
    fn streams(&self) -> (Stdio, Stdio) {
        let console = self.console.as_deref().and_then(|path| open(path).ok());
        match console.and_then(|file| Some((file.try_clone().ok()?, file))) {
            Some((one, two)) => (Stdio::from(one), Stdio::from(two)),
            None => (Stdio::null(), Stdio::null()),
        }
    }
}

impl SpawnedProcess {
    /// Its PID; none if sudo started it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        (!self.is_sudo).then(|| self.child.id())
    }

    /// Whether sudo has not yet started it.
    pub fn is_in_sudo(&mut self) -> bool {
        self.is_sudo && matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended, if it has ended, which is a failure.
    ///
    /// A program that sudo started runs once sudo has succeeded; the caller must look for its process.
    pub fn exit_reason(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        if self.is_sudo && status.success() {
            return None;
        }
        Some(describe_exit(status))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    // A file with a second hard link is left to its other name. The flags below refuse a symlink or a pipe that a node
    // may have put there.
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
        return Err(std::io::Error::other("it is not a regular file"));
    }
    if seen.len() > MAX_CONSOLE_BYTES {
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
    fn both_launchers_start_own_process_group() {
        for launcher in [Launcher::Setsid, Launcher::Nohup] {
            let spawned = detached().spawn_by(launcher).unwrap();
            let pid = Pid::from_raw(spawned.pid().unwrap().cast_signed());
            let leads = || getpgid(Some(pid)) == Ok(pid);
            assert!((0..500).any(|_| leads() || {
                std::thread::sleep(std::time::Duration::from_millis(10));
                false
            }));
            kill(pid, Signal::SIGKILL).unwrap();
        }
    }

    #[test]
    fn sudo_does_not_wait() {
        let account = Account {
            name: "ant".into(),
            uid: 1,
            gid: 1,
            home: "/".into(),
        };
        let arguments = |launcher, options: &[&str]| {
            let words = detached().sudo_arguments(launcher, &account, options);
            shell_words::join(words.iter().map(|word| word.to_string_lossy()))
        };
        assert_eq!(
            arguments(Launcher::Setsid, &[]),
            "-n -u ant env 'A=1' setsid --fork sleep 30"
        );
        assert_eq!(
            arguments(Launcher::Nohup, &[]),
            "-n -b -u ant env 'A=1' nohup sleep 30"
        );
        assert_eq!(
            arguments(Launcher::Nohup, &["-l"]),
            "-n -l -u ant env 'A=1' nohup sleep 30"
        );
    }
}
