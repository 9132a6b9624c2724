//! What went wrong with a program, and how that is told.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// Lines of a failed program's complaint that an error quotes.
const QUOTED_LINES: usize = 5;

/// What went wrong with a program.
#[derive(Debug)]
pub enum ProgramError {
    /// It is not installed.
    Missing { program: String },
    /// It could not be started.
    NotStarted { command: String, source: io::Error },
    /// It ended otherwise than well.
    Failed {
        command: String,
        how: String,
        complaint: String,
    },
    /// It did not end in time and was killed.
    TooLong {
        command: String,
        limit: Duration,
        complaint: String,
    },
    /// A signal asked us to end while it ran.
    Interrupted { command: String },
    /// sudo will not run it without asking.
    Password { command: String, complaint: String },
    /// There is no such account.
    NoUser { name: String },
    /// A process that must not be signalled, or could not be.
    Signal { pid: u32, why: String },
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramError::Missing { program } => write!(f, "run `{program}`: it is not installed"),
            ProgramError::NotStarted { command, source } => write!(f, "run `{command}`: {source}"),
            ProgramError::Failed {
                command,
                how,
                complaint,
            } => write!(f, "run `{command}`: {how}{}", QuotedOutput(complaint)),
            ProgramError::TooLong {
                command,
                limit,
                complaint,
            } => write!(
                f,
                "run `{command}`: killed after {} s without an end{}",
                limit.as_secs_f64(),
                QuotedOutput(complaint)
            ),
            ProgramError::Interrupted { command } => write!(f, "run `{command}`: ended by a signal"),
            ProgramError::Password { command, complaint } => write!(
                f,
                "run `{command}`: sudo does not run it without a password; allow it in /etc/sudoers.d with NOPASSWD{}",
                QuotedOutput(complaint)
            ),
            ProgramError::NoUser { name } => write!(
                f,
                "find the user `{name}`: there is no such account; `useradd --system --user-group {name}` makes it"
            ),
            ProgramError::Signal { pid, why } => write!(f, "signal process {pid}: {why}"),
        }
    }
}

impl std::error::Error for ProgramError {}

/// The last lines of a complaint, after a colon; nothing for an empty one.
struct QuotedOutput<'a>(&'a str);

impl fmt::Display for QuotedOutput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.0)
    }
}

/// How a program ended, in words.
pub(super) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => format!("killed by signal {number}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines that say something, in one.
pub(super) fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("; ")
}
