//! Signals to processes of our own account.

use nix::sys::signal::{self, kill, killpg};
use nix::unistd::{Pid, getpgid};

use super::ProgramError;

/// The two ways to end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, which lets it finish its work.
    Terminate,
    /// SIGKILL.
    Kill,
}

impl Signal {
    fn number(self) -> signal::Signal {
        match self {
            Signal::Terminate => signal::Signal::SIGTERM,
            Signal::Kill => signal::Signal::SIGKILL,
        }
    }

    /// The option of `kill`.
    pub(super) fn option(self) -> &'static str {
        match self {
            Signal::Terminate => "-TERM",
            Signal::Kill => "-KILL",
        }
    }
}

/// A process that may be signalled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target(Pid);

impl Target {
    /// Refuses process 0 and 1, ourselves, our parent, and numbers that would mean a process group or every process.
    pub(super) fn new(pid: u32) -> Result<Target, ProgramError> {
        let refuse = |why: &str| {
            Err(ProgramError::Signal {
                pid,
                why: why.to_owned(),
            })
        };
        match i32::try_from(pid) {
            Err(_) => refuse("no process has such a number"),
            Ok(0 | 1) => refuse("refused: that is not a node"),
            Ok(number) if [Pid::this(), Pid::parent()].contains(&Pid::from_raw(number)) => {
                refuse("refused: that is wnm itself")
            }
            Ok(number) => Ok(Target(Pid::from_raw(number))),
        }
    }

    /// Whether it leads a process group.
    pub(super) fn leads_group(self) -> bool {
        getpgid(Some(self.0)) == Ok(self.0)
    }

    pub(super) fn is_gone(self) -> bool {
        kill(self.0, None) == Err(nix::Error::ESRCH)
    }

    /// Signals the process, and all of its group if it leads one. A process that is gone is no error.
    pub(super) fn signal(self, signal: Signal) -> Result<(), ProgramError> {
        match self.leads_group() {
            true => self.signal_group(signal),
            false => self.result(kill(self.0, signal.number())),
        }
        .or_else(|error| if self.is_gone() { Ok(()) } else { Err(error) })
    }

    /// Signals the whole group that the process leads.
    pub(super) fn signal_group(self, signal: Signal) -> Result<(), ProgramError> {
        self.result(killpg(self.0, signal.number()))
    }

    fn result(self, sent: nix::Result<()>) -> Result<(), ProgramError> {
        sent.map_err(|errno| ProgramError::Signal {
            pid: self.0.as_raw().cast_unsigned(),
            why: errno.desc().to_lowercase(),
        })
    }
}
