//! Signals to processes that are not ours to lose: nodes, and programs that take too long.

use std::time::Duration;

use nix::sys::signal::{self, kill, killpg};
use nix::unistd::{Pid, getpgid};

use super::user_account::{self, Account};
use super::{Program, ProgramError};

/// The two ways to end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Kindly: it may put its things in order.
    Terminate,
    /// At once.
    Kill,
}

impl Signal {
    fn number(self) -> signal::Signal {
        match self {
            Signal::Terminate => signal::Signal::SIGTERM,
            Signal::Kill => signal::Signal::SIGKILL,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Signal::Terminate => "-TERM",
            Signal::Kill => "-KILL",
        }
    }
}

/// Sends `what` to the process `pid`, and to all of its group where it leads one. One that is gone is no error.
///
/// In the name of `owner` where that is not us: whoever else took the number in the meantime is out of reach.
/// Never to process 0 or 1, to ourselves, or to a number that would mean a group or everyone. The caller
/// must have made sure just now that `pid` is who it should be: pids are used again.
pub fn send(pid: u32, what: Signal, owner: Option<&Account>) -> Result<(), ProgramError> {
    let target = checked(pid)?;
    let leads = getpgid(Some(target)).is_ok_and(|group| group == target);
    if let Some(owner) = owner.filter(|owner| owner.uid != user_account::uid()) {
        let whom = if leads { format!("-{pid}") } else { pid.to_string() };
        let program = Program::new("kill")
            .args([what.word(), "--", &whom])
            .in_name_of(owner)
            .limit(Duration::from_secs(10));
        let ended = program.ask()?;
        let gone = kill(target, None) == Err(nix::Error::ESRCH);
        return if ended.code() == Some(0) || gone {
            Ok(())
        } else {
            Err(program.failure(&ended))
        };
    }
    let sent = if leads {
        killpg(target, what.number())
    } else {
        kill(target, what.number())
    };
    match sent {
        Ok(()) | Err(nix::Error::ESRCH) => Ok(()),
        Err(errno) => Err(ProgramError::Signal {
            pid,
            why: errno.desc().to_lowercase(),
        }),
    }
}

/// Sends `what` to the whole group that `leader`, a child of ours, leads.
pub(super) fn send_to_group(leader: u32, what: Signal) -> Result<(), ProgramError> {
    let target = checked(leader)?;
    killpg(target, what.number()).map_err(|errno| ProgramError::Signal {
        pid: leader,
        why: errno.desc().to_lowercase(),
    })
}

fn checked(pid: u32) -> Result<Pid, ProgramError> {
    let refuse = |why: &str| {
        Err(ProgramError::Signal {
            pid,
            why: why.to_owned(),
        })
    };
    match i32::try_from(pid) {
        Err(_) => refuse("no process has such a number"),
        Ok(0 | 1) => refuse("refused: that is not a node"),
        Ok(number) if Pid::from_raw(number) == Pid::this() || Pid::from_raw(number) == Pid::parent() => {
            refuse("refused: that is ourselves")
        }
        Ok(number) => Ok(Pid::from_raw(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_processes_are_never_signalled() {
        for pid in [0, 1, std::process::id(), u32::MAX, 1 << 31] {
            assert!(send(pid, Signal::Kill, None).is_err(), "{pid}");
        }
    }

    #[test]
    fn a_process_that_is_gone_was_signalled() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(send(pid, Signal::Terminate, None).is_ok());
    }
}
