//! Programs that are not ours: run to their end within a limit, or let loose in a session of their own.
//!
//! The one door to `process::Command`, to signals for other processes and to the accounts of this machine.
//! Arguments are always words, never a line for a shell.

pub mod crontab;
pub mod detached;
mod error;
mod read_output;
pub mod send_signal;
pub mod trusted_path;
pub mod user_account;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::colony::Mode;
use crate::signals;

use user_account::Account;

pub use error::ProgramError;
use error::{how, last_lines};
use read_output::{drain, wait};

/// How long a program may take when nothing else is said: systemctl and ufw answer in well under a second.
pub const LIMIT: Duration = Duration::from_secs(30);

/// For a program that only prints its version.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Where administrators' programs are: cron's PATH lacks them.
const MORE_PLACES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// How a program ended and what it said.
#[derive(Debug)]
pub struct ProgramResult {
    status: ExitStatus,
    /// What it wrote to stdout; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl ProgramResult {
    /// Its exit code; none when a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// One program and the words it gets, to be run to its end. Nothing happens before [`Program::run`] or [`Program::ask`].
///
/// stdin is empty unless [`Program::input`] was given; messages are in English (`LC_ALL=C`).
#[derive(Clone, Debug)]
pub struct Program {
    words: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    is_bare: bool,
    input: Option<Vec<u8>>,
    limit: Duration,
    sudo: bool,
    /// In whose name, if not in ours or root's.
    account: Option<Account>,
    uninterrupted: bool,
}

impl Program {
    /// `name` as found on PATH, or an absolute path.
    #[must_use]
    pub fn new(name: impl AsRef<OsStr>) -> Program {
        Program {
            words: vec![name.as_ref().to_owned()],
            environment: Vec::new(),
            is_bare: false,
            input: None,
            limit: LIMIT,
            sudo: false,
            account: None,
            uninterrupted: false,
        }
    }

    /// One more word.
    #[must_use]
    pub fn arg(mut self, word: impl AsRef<OsStr>) -> Program {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// More words.
    #[must_use]
    pub fn args<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Program {
        self.words
            .extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// In sudo mode with root's rights: through `sudo -n`, or directly when we are root already.
    #[must_use]
    pub fn rights(mut self, mode: Mode) -> Program {
        self.sudo = mode == Mode::Sudo && !user_account::is_root();
        self
    }

    /// With no more rights than `account` has: what it does to a file or a process, that account could do as well.
    #[must_use]
    pub fn in_name_of(mut self, account: &Account) -> Program {
        let is_foreign = account.uid != user_account::uid();
        self.sudo = is_foreign && !user_account::is_root();
        self.account = is_foreign.then(|| account.clone());
        self
    }

    /// A variable beside those it inherits. sudo does not pass it on.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Program {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    /// Nothing but these variables: the environment of a run that cron begins.
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

    /// What it reads from stdin.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Program {
        self.input = Some(bytes.into());
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Program {
        self.limit = limit;
        self
    }

    /// A signal that asks us to end does not cut it short: for what is short itself, and what puts things back.
    #[must_use]
    pub fn uninterrupted(mut self) -> Program {
        self.uninterrupted = true;
        self
    }

    /// The whole command line, quoted so that a person can paste it into a shell.
    #[must_use]
    pub fn command_line(&self) -> String {
        let mut words = self.words_of_sudo();
        if self.sudo {
            words.insert(0, "sudo".into());
        }
        words.extend(self.words.iter().cloned());
        shell_words::join(words.iter().map(|word| word.to_string_lossy()))
    }

    /// Runs it to its end; anything but exit code 0 is an error.
    pub fn run(&self) -> Result<ProgramResult, ProgramError> {
        let ended = self.ask()?;
        if ended.status.success() {
            Ok(ended)
        } else {
            Err(self.failure(&ended))
        }
    }

    /// Runs it within [`CHECK_TIMEOUT`] with only these variables, to see whether it works in a scheduled run.
    pub fn check_in(self, environment: &[(&'static str, String)]) -> Result<(), ProgramError> {
        let program = self.only_env(environment.iter().cloned()).limit(CHECK_TIMEOUT);
        program.run().map(drop)
    }

    /// The error that `ended` is, for those who [`ask`](Program::ask) and then do not like the answer.
    #[must_use]
    pub fn failure(&self, ended: &ProgramResult) -> ProgramError {
        ProgramError::Failed {
            command: self.command_line(),
            how: how(ended.status),
            complaint: last_lines(if ended.stderr.trim().is_empty() {
                &ended.stdout
            } else {
                &ended.stderr
            }),
        }
    }

    /// Runs it to its end, however it ends. An error only when it could not run, took too long, or sudo refused.
    pub fn ask(&self) -> Result<ProgramResult, ProgramError> {
        let deadline = Instant::now() + self.limit;
        let mut child = self.spawn()?;
        let feeder = self.feed(&mut child);
        let (told, ends) = mpsc::channel();
        let stdout = drain(child.stdout.take(), told.clone());
        let stderr = drain(child.stderr.take(), told);
        let status = wait(
            &mut child,
            &ends,
            [&stdout, &stderr],
            deadline,
            self.uninterrupted,
        );
        // What a killed child's own children still hold open is not waited for.
        drop(feeder);
        match status {
            Ok(Some(status)) => {
                let ended = ProgramResult {
                    status,
                    stdout: stdout.text(),
                    stderr: stderr.text(),
                };
                if self.sudo && is_sudo_refusal(&ended) {
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
        let mut tried = self.command(first).spawn();
        if is_missing(&tried) && !first.to_string_lossy().contains('/') {
            for place in MORE_PLACES {
                if !is_missing(&tried) {
                    break;
                }
                tried = self.command(PathBuf::from(place).join(first).as_os_str()).spawn();
            }
        }
        tried.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ProgramError::Missing {
                program: first.to_string_lossy().into_owned(),
            },
            _ => ProgramError::NotStarted {
                command: self.command_line(),
                source,
            },
        })
    }

    /// What sudo is told before the program's own words.
    fn words_of_sudo(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        if self.sudo {
            words.push("-n".into());
            if let Some(account) = &self.account {
                words.extend(["-u", &account.name].map(OsString::from));
            }
        }
        words
    }

    fn command(&self, first: &OsStr) -> Command {
        let mut command = Command::new(first);
        if self.sudo {
            command.args(self.words_of_sudo()).args(&self.words);
        } else {
            command.args(&self.words[1..]);
            if let Some(account) = &self.account {
                // As root: without its groups as well, which the standard library sees to.
                command.uid(account.uid).gid(account.gid).current_dir("/");
            }
        }
        if self.is_bare {
            command.env_clear();
        }
        command
            .env("LC_ALL", "C")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(match self.input {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: killed whole at the limit, and not reached by a Ctrl-C meant for us.
            .process_group(0);
        command
    }

    fn feed(&self, child: &mut Child) -> Option<thread::JoinHandle<()>> {
        let bytes = self.input.clone()?;
        let mut stdin = child.stdin.take()?;
        Some(thread::spawn(move || {
            // A child that does not read to the end says so by how it ends.
            let _ = stdin.write_all(&bytes);
        }))
    }

    fn kill(&self, child: &mut Child) {
        let pid = child.id();
        if send_signal::send_to_group(pid, send_signal::Signal::Kill).is_err() && self.sudo {
            // sudo and what it runs are root's: only root may end them.
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

fn is_missing(tried: &io::Result<Child>) -> bool {
    matches!(tried, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether sudo itself refused, rather than the program it was to run.
fn is_sudo_refusal(ended: &ProgramResult) -> bool {
    const WORDS: [&str; 6] = [
        "password is required",
        "authentication is required",
        "a terminal is required",
        "not in the sudoers file",
        "may not run sudo",
        "is not allowed to execute",
    ];
    ended.code() == Some(1) && WORDS.iter().any(|words| ended.stderr.contains(words))
}

#[cfg(test)]
mod tests;
