//! Errors of outside programs. Each reads on after `cannot `.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

/// An error quotes this many lines of a program's output.
const QUOTED_LINES: usize = 5;

/// Why a program failed.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("run `{program}`: it is not installed")]
    Missing { program: String },
    #[error("run `{command}`: {source}")]
    NotStarted { command: String, source: io::Error },
    /// Its exit code is not 0.
    #[error("run `{command}`: {how}{}", after_colon(complaint))]
    Failed {
        command: String,
        how: String,
        complaint: String,
    },
    /// It was killed at its time limit.
    #[error("run `{command}`: timed out after {} s{}", limit.as_secs_f64(), after_colon(complaint))]
    TooLong {
        command: String,
        limit: Duration,
        complaint: String,
    },
    /// A signal asked wnm to end while the program ran.
    #[error("run `{command}`: ended by a signal")]
    Interrupted { command: String },
    /// sudo does not run it without a password.
    #[error(
        "run `{command}`: sudo does not run it without a password; allow it in /etc/sudoers.d with NOPASSWD{}",
        after_colon(complaint)
    )]
    Password { command: String, complaint: String },
    #[error(
        "find the user `{name}`: there is no such account; `useradd --system --user-group {name}` creates it"
    )]
    NoUser { name: String },
    /// A process must not be signalled, or could not be.
    #[error("signal process {pid}: {why}")]
    Signal { pid: u32, why: String },
}

/// A text after a colon; nothing for an empty text.
fn after_colon(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// How a program ended, in words.
pub(super) fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => format!("killed by signal {number}"),
        (None, None) => status.to_string(),
    }
}

/// The last lines of an output that are not empty, joined.
pub(super) fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("; ")
}
