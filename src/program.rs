//! Runs other programs, within a time limit or detached in their own session.
//!
//! Only this module uses `process::Command`, signals other processes and reads the accounts of this machine. Arguments
//! are always passed as words, never as a line for a shell.

pub mod attached;
pub mod crontab;
pub(crate) mod delete_tree;
pub mod detached;
mod error;
mod read_output;
pub mod send_signal;
pub mod signal;
mod sudo_answer;
pub mod trusted_path;
pub mod umask;
pub mod user_account;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::colony::Mode;
use crate::signals;

pub use error::ProgramError;
use error::{describe_exit, last_lines};
use read_output::{drain, wait};
use signal::{Signal, Target};
use sudo_answer::{is_not_found_by_sudo, is_sudo_refusal};
use user_account::Account;

/// The default time limit of a program; systemctl and ufw answer in less than a second.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// For a program that only prints its version.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Directories of system programs that cron's PATH, or sudo's, may lack.
const MORE_DIRECTORIES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// How a program ended, and its output.
#[derive(Debug)]
pub struct ProgramResult {
    status: ExitStatus,
    /// Its stdout; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl ProgramResult {
    /// Its exit code; none if a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// A program with its arguments. Nothing runs before [`Program::run`] or [`Program::ask`].
///
/// Its stdin is empty without [`Program::input`]; its messages are in English (`LC_ALL=C` and no `LANGUAGE`).
#[derive(Clone, Debug)]
pub struct Program {
    words: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    is_bare: bool,
    input: Option<Vec<u8>>,
    limit: Duration,
    sudo: bool,
    /// The account that it runs as, if not ours or root.
    account: Option<Account>,
    uninterrupted: bool,
}

impl Program {
    /// A program by its name on PATH, or by an absolute path.
    #[must_use]
    pub fn new(name: impl AsRef<OsStr>) -> Program {
        Program {
            words: vec![name.as_ref().to_owned()],
            environment: Vec::new(),
            is_bare: false,
            input: None,
            limit: DEFAULT_TIMEOUT,
            sudo: false,
            account: None,
            uninterrupted: false,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Program {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Program {
        self.words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// In sudo mode runs it as root, through `sudo -n` unless we are root.
    #[must_use]
    pub fn rights(mut self, mode: Mode) -> Program {
        self.sudo = mode == Mode::Sudo && !user_account::is_root();
        self
    }

    /// Runs it as `account`, so that it can do nothing which that account could not do itself.
    #[must_use]
    pub fn as_account(mut self, account: &Account) -> Program {
        let is_foreign = account.uid != user_account::uid();
        self.sudo = is_foreign && !user_account::is_root();
        self.account = is_foreign.then(|| account.clone());
        self
    }

    /// Adds an environment variable to those it inherits. sudo does not pass it on.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Program {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    /// Replaces its environment by these variables, as in a run by cron.
    #[must_use]
    pub fn only_env(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Program {
        self.is_bare = true;
        self.environment = variables
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .chain(self.environment)
            .collect();
        self
    }

    /// Sets its stdin.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Program {
        self.input = Some(bytes.into());
        self
    }

    /// Sets its time limit.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Program {
        self.limit = limit;
        self
    }

    /// Lets it run to its end even if a signal asks wnm to end: for short programs, and those that undo something.
    #[must_use]
    pub fn uninterrupted(mut self) -> Program {
        self.uninterrupted = true;
        self
    }

    /// The whole command line, quoted for a shell.
    #[must_use]
    pub fn command_line(&self) -> String {
        let mut words = self.sudo_arguments();
        if self.sudo {
            words.insert(0, "sudo".into());
        }
        words.extend(self.program_words());
        shell_words::join(words.iter().map(|word| word.to_string_lossy()))
    }

    /// Runs it; any exit code but 0 is an error.
    pub fn run(&self) -> Result<ProgramResult, ProgramError> {
        let ended = self.ask()?;
        if ended.status.success() {
            Ok(ended)
        } else {
            Err(self.failure(&ended))
        }
    }

    /// Runs it with only these environment variables, to check that it works in a scheduled run.
    pub fn check_in(self, environment: &[(&'static str, String)]) -> Result<(), ProgramError> {
        let program = self.only_env(environment.iter().cloned()).limit(CHECK_TIMEOUT);
        program.run().map(drop)
    }

    /// The error for a program that [`ask`](Program::ask) ran and whose result its caller does not accept.
    #[must_use]
    pub fn failure(&self, ended: &ProgramResult) -> ProgramError {
        ProgramError::Failed {
            command: self.command_line(),
            how: describe_exit(ended.status),
            complaint: last_lines(if ended.stderr.trim().is_empty() {
                &ended.stdout
            } else {
                &ended.stderr
            }),
        }
    }

    /// Runs it with any exit code. It is an error if it cannot run, exceeds its time limit, or sudo refuses it.
    pub fn ask(&self) -> Result<ProgramResult, ProgramError> {
        let deadline = Instant::now() + self.limit;
        let mut child = self.spawn()?;
        let feeder = self.feed(&mut child);
        let (closed, closes) = mpsc::channel();
        let stdout = drain(child.stdout.take(), closed.clone());
        let stderr = drain(child.stderr.take(), closed);
        let status = wait(
            &mut child,
            &closes,
            [&stdout, &stderr],
            deadline,
            self.uninterrupted,
        );
        // Not joined: children of a killed child may keep its stdin open.
        drop(feeder);
        match status {
            Ok(Some(status)) => {
                let ended = ProgramResult {
                    status,
                    stdout: stdout.text(),
                    stderr: stderr.text(),
                };
                if self.sudo && is_not_found_by_sudo(ended.code(), &ended.stderr) {
                    return Err(ProgramError::Missing {
                        program: self.words[0].to_string_lossy().into_owned(),
                    });
                }
                if self.sudo && is_sudo_refusal(ended.code(), &ended.stderr) {
                    return Err(ProgramError::Password {
                        command: self.command_line(),
                        complaint: last_lines(&ended.stderr),
                    });
                }
                Ok(ended)
            }
            Ok(None) => {
                self.kill(&mut child);
                if !self.uninterrupted && signals::asked_to_end() && Instant::now() < deadline {
                    return Err(ProgramError::Interrupted {
                        command: self.command_line(),
                    });
                }
                Err(ProgramError::TooLong {
                    command: self.command_line(),
                    limit: self.limit,
                    complaint: last_lines(&stderr.text()),
                })
            }
            Err(source) => {
                self.kill(&mut child);
                Err(ProgramError::NotStarted {
                    command: self.command_line(),
                    source,
                })
            }
        }
    }

    fn spawn(&self) -> Result<Child, ProgramError> {
        let first = if self.sudo {
            OsStr::new("sudo")
        } else {
            self.words[0].as_os_str()
        };
        let mut spawned = self.command(first).spawn();
        if is_missing(&spawned) && !first.to_string_lossy().contains('/') {
            for directory in MORE_DIRECTORIES {
                if !is_missing(&spawned) {
                    break;
                }
                spawned = self
                    .command(PathBuf::from(directory).join(first).as_os_str())
                    .spawn();
            }
        }
        spawned.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProgramError::Missing {
                program: first.to_string_lossy().into_owned(),
            },
            _ => ProgramError::NotStarted {
                command: self.command_line(),
                source,
            },
        })
    }

    /// The arguments of sudo before the program.
    fn sudo_arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        if self.sudo {
            words.push("-n".into());
            if let Some(account) = &self.account {
                words.extend(["-u", &account.name].map(OsString::from));
            }
        }
        words
    }

    /// The program with its arguments. For sudo, a program that is in none of its usual directories but in sbin is called
    /// by its full path: without `secure_path` sudo looks for it on the PATH of cron.
    fn program_words(&self) -> Vec<OsString> {
        let mut words = self.words.clone();
        if self.sudo
            && let Some(path) = path_in_sbin(&self.words[0])
        {
            words[0] = path.into();
        }
        words
    }

    fn command(&self, first: &OsStr) -> Command {
        let mut command = Command::new(first);
        if self.sudo {
            command.args(self.sudo_arguments()).args(self.program_words());
        } else {
            command.args(&self.words[1..]);
            if let Some(account) = &self.account {
                // The standard library also drops the groups of root.
                command.uid(account.uid).gid(account.gid).current_dir("/");
            }
        }
        if self.is_bare {
            command.env_clear();
        }
        command
            .env("LC_ALL", "C")
            // Programs that use gettext read it before LC_ALL, and sudo passes it on.
            .env_remove("LANGUAGE")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(match self.input {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // With its own process group it can be killed with its children, and Ctrl-C reaches only wnm.
            .process_group(0);
        command
    }

    fn feed(&self, child: &mut Child) -> Option<thread::JoinHandle<()>> {
        let bytes = self.input.clone()?;
        let mut stdin = child.stdin.take()?;
        Some(thread::spawn(move || {
            // The exit code shows whether the child read all it needed.
            let _ = stdin.write_all(&bytes);
        }))
    }

    fn kill(&self, child: &mut Child) {
        let pid = child.id();
        if Target::new(pid)
            .and_then(|child| child.signal_group(Signal::Kill))
            .is_err()
            && self.sudo
        {
            // sudo and its program run as root, so only root may kill them.
            let _ = Command::new("sudo")
                .args(["-n", "kill", "-KILL", "--", &format!("-{pid}")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn is_missing(spawned: &io::Result<Child>) -> bool {
    matches!(spawned, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The path of a program that is only in a directory which cron's PATH lacks.
pub fn path_in_sbin(name: &OsStr) -> Option<PathBuf> {
    const USUAL: [&str; 2] = ["/usr/bin", "/bin"];
    if name.is_empty() || name.as_encoded_bytes().contains(&b'/') {
        return None;
    }
    let is_in = |directory: &&str| Path::new(directory).join(name).is_file();
    if USUAL.iter().any(&is_in) {
        return None;
    }
    let mut sbin = MORE_DIRECTORIES.iter().filter(|name| name.ends_with("/sbin"));
    let directory = sbin.find(|directory| is_in(directory))?;
    Some(Path::new(directory).join(name))
}

#[cfg(test)]
mod tests;
