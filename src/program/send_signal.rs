//! Signals to nodes, with the rights of their accounts.

use std::time::Duration;

use super::signal::{Signal, Target};
use super::user_account::{self, Account};
use super::{Program, ProgramError};

/// For `kill`, which only has to get through sudo.
const KILL_PROGRAM_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a signal to the process `pid`, and to all of its group if it leads one. A process that is gone is no error.
///
/// It is sent as `owner` if that is another account, so that a process that got the PID in the meantime is out of reach.
/// The caller must have checked just before that `pid` is the right process, as PIDs are reused.
pub fn send(pid: u32, signal: Signal, owner: Option<&Account>) -> Result<(), ProgramError> {
    let target = Target::new(pid)?;
    let Some(owner) = owner.filter(|owner| owner.uid != user_account::uid()) else {
        return target.signal(signal);
    };
    let group_mark = if target.leads_group() { "-" } else { "" };
    let program = Program::new("kill")
        .args([signal.option(), "--", &format!("{group_mark}{pid}")])
        .as_account(owner)
        .limit(KILL_PROGRAM_TIMEOUT);
    let ended = program.ask()?;
    if ended.code() == Some(0) || target.is_gone() {
        return Ok(());
    }
    Err(program.failure(&ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_to_signal_special_processes() {
        for pid in [0, 1, std::process::id(), u32::MAX, 1 << 31] {
            assert!(send(pid, Signal::Kill, None).is_err(), "{pid}");
        }
    }

    #[test]
    fn signalling_a_process_that_is_gone_succeeds() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(send(pid, Signal::Terminate, None).is_ok());
    }
}
