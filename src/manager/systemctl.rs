//! Calls `systemctl` and reads its answers: properties, not messages.

use std::path::PathBuf;

use crate::colony::{Mode, ProcessState, ProcessStatus};
use crate::program::{self, Program, ProgramResult, user_account};

use super::ManagerError;
use super::timeouts::{RELOAD_TIMEOUT, SYSTEMD_CHECK_TIMEOUT, SYSTEMD_STOP_TIMEOUT};

/// Units per call, so that the command line stays far below its length limit.
const UNITS_PER_CALL: usize = 1000;

const PROPERTIES: &str =
    "LoadState,ActiveState,SubState,Result,MainPID,ExecMainCode,ExecMainStatus,NRestarts,NeedDaemonReload";

/// The systemd of the machine or of the user.
#[derive(Clone, Copy, Debug)]
pub struct Systemctl {
    mode: Mode,
}

/// The properties of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitProperties {
    pub load: String,
    pub active: String,
    pub sub: String,
    pub result: String,
    /// Its process, if it has one.
    pub pid: Option<u32>,
    /// The exit status of its last process; none while its first process runs.
    pub last_exit: Option<i32>,
    /// How often systemd restarted it.
    pub restarts: u64,
    /// Whether its file changed after systemd read it.
    pub needs_reload: bool,
}

/// What systemctl complained of when it was called for several units.
#[derive(Debug)]
pub struct SystemctlError {
    whole: String,
    lines: Vec<String>,
    is_for_one: bool,
}

impl SystemctlError {
    fn new(error: ManagerError, ended: &ProgramResult, names: &[String]) -> SystemctlError {
        SystemctlError {
            whole: error.to_string(),
            lines: ended.stderr.lines().map(str::to_owned).collect(),
            is_for_one: names.len() == 1,
        }
    }

    /// The part about the unit `name`: the whole complaint of a call for one unit, else the line that contains the name.
    #[must_use]
    pub fn about(&self, name: &str) -> Option<String> {
        if self.is_for_one {
            return Some(self.whole.clone());
        }
        self.lines.iter().find(|line| line.contains(name)).cloned()
    }
}

impl UnitProperties {
    /// Whether its process runs and is not ending.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.active == "active" && self.sub == "running"
    }

    /// Whether it has a process or systemd may start one by itself.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pid.is_some() || !matches!(self.active.as_str(), "inactive" | "failed" | "")
    }

    /// Whether an earlier failure would prevent the next start, or look like its failure.
    #[must_use]
    pub fn has_failure(&self) -> bool {
        self.active == "failed" || self.result == "start-limit-hit" || self.restarts > 0
    }

    /// Its process status.
    #[must_use]
    pub fn process_status(&self) -> ProcessStatus {
        let activity = match (self.pid, self.load.as_str()) {
            (Some(_), _) => ProcessState::Running,
            (None, "not-found") => ProcessState::Unknown,
            (None, _) => ProcessState::Stopped,
        };
        ProcessStatus {
            activity,
            pid: self.pid,
            last_exit: self.last_exit,
            restarts: Some(self.restarts),
        }
    }

    /// Why it is not as it should be; `complaint` is what systemctl printed.
    #[must_use]
    pub fn explain(&self, complaint: Option<String>) -> String {
        let mut why = format!("systemd has it as {} ({})", self.active, self.sub);
        if !matches!(self.load.as_str(), "loaded" | "") {
            why += &format!(", its unit is {}", self.load);
        }
        if !matches!(self.result.as_str(), "success" | "") {
            why += &format!(", result {}", self.result);
        }
        if let Some(status) = self.last_exit {
            why += &match status {
                ..0 => format!(", signal {}", status.unsigned_abs()),
                _ => format!(", exit status {status}"),
            };
            why += match status {
                203 => " (the program cannot be executed)",
                217 => " (there is no such user)",
                _ => "",
            };
        }
        match complaint {
            Some(complaint) => format!("{why}: {complaint}"),
            None => why,
        }
    }
}

impl Systemctl {
    #[must_use]
    pub fn new(mode: Mode) -> Systemctl {
        Systemctl { mode }
    }

    /// Every user may read from the system's systemd; only root may change it.
    fn program(&self, mode: Mode) -> Program {
        let program = Program::new("systemctl");
        match self.mode {
            Mode::Sudo => program.rights(mode).arg("--no-ask-password"),
            Mode::User => in_session(program).arg("--user"),
        }
    }

    fn changing_program(&self) -> Program {
        self.program(self.mode)
    }

    /// Whether it answers.
    #[must_use]
    pub fn answers(&self) -> bool {
        let asked = self.program(Mode::User).args(["show", "--property=Version"]);
        asked.limit(SYSTEMD_CHECK_TIMEOUT).run().is_ok()
    }

    /// Checks that it answers a run that has these environment variables and no others.
    pub fn answers_in(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        let asked = self.program(Mode::User).args(["show", "--property=Version"]);
        let asked = asked
            .only_env(environment.iter().cloned())
            .limit(SYSTEMD_CHECK_TIMEOUT);
        self.check(&asked, &asked.ask()?)
    }

    /// Makes systemd read all unit files again.
    pub fn daemon_reload(&self) -> Result<(), ManagerError> {
        let program = self.changing_program().arg("daemon-reload").limit(RELOAD_TIMEOUT);
        let ended = program.ask()?;
        self.check(&program, &ended)?;
        Ok(())
    }

    /// Resets the failures of units, so that they can be started again at once.
    pub fn reset_failed(&self, names: &[String]) -> Result<(), ManagerError> {
        self.command("reset-failed", names).map(|_| ())
    }

    /// Runs a command for several units. A complaint is no error: the state of the units afterwards says more.
    pub fn command(&self, verb: &str, names: &[String]) -> Result<Option<SystemctlError>, ManagerError> {
        let mut complaint = None;
        for names in names.chunks(UNITS_PER_CALL) {
            let program = self.changing_program().arg(verb).arg("--").args(names);
            let ended = program.ask()?;
            if let Err(error) = self.check(&program, &ended) {
                if matches!(error, ManagerError::NoSession { .. }) {
                    return Err(error);
                }
                complaint = Some(SystemctlError::new(error, &ended, names));
            }
        }
        Ok(complaint)
    }

    /// Stops units, and kills those that do not stop in time; returns what systemctl complained of.
    pub fn stop(&self, names: &[String]) -> Result<Option<SystemctlError>, ManagerError> {
        let mut complaint = None;
        for names in names.chunks(UNITS_PER_CALL) {
            let stop = self.changing_program().args(["stop", "--"]).args(names);
            let ended = match stop.clone().limit(SYSTEMD_STOP_TIMEOUT).ask() {
                Err(program::ProgramError::TooLong { .. }) => {
                    let kill = self
                        .changing_program()
                        .args(["kill", "--signal=KILL", "--"])
                        .args(names);
                    kill.ask()?;
                    stop.ask()?
                }
                ended => ended?,
            };
            if let Err(error) = self.check(&stop, &ended) {
                if matches!(error, ManagerError::NoSession { .. }) {
                    return Err(error);
                }
                complaint = Some(SystemctlError::new(error, &ended, names));
            }
        }
        Ok(complaint)
    }

    /// The properties of units, in their order.
    pub fn show(&self, names: &[String]) -> Result<Vec<UnitProperties>, ManagerError> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(UNITS_PER_CALL) {
            let program = self
                .program(Mode::User)
                .arg("show")
                .arg(format!("--property={PROPERTIES}"))
                .arg("--")
                .args(names);
            let ended = program.ask()?;
            self.check(&program, &ended)?;
            let shown = read(&ended.stdout);
            if shown.len() != names.len() {
                return Err(ManagerError::Program(program.failure(&ended)));
            }
            all.extend(shown);
        }
        Ok(all)
    }

    /// An error unless systemctl succeeded; a [`ManagerError::NoSession`] if no systemd answers.
    fn check(&self, program: &Program, ended: &ProgramResult) -> Result<(), ManagerError> {
        if ended.code() == Some(0) {
            return Ok(());
        }
        let message = ended.stderr.trim();
        // systemctl has no exit code for this; its message is the same since systemd 200.
        if self.mode == Mode::User
            && (message.contains("connect to bus") || message.contains("connect to user scope bus"))
        {
            return Err(no_session(message.lines().next().unwrap_or_default()));
        }
        Err(ManagerError::Program(program.failure(ended)))
    }
}

/// Lets a program find the user's systemd. It needs XDG_RUNTIME_DIR, which cron does not set.
pub(super) fn in_session(program: Program) -> Program {
    let runtime = PathBuf::from(format!("/run/user/{}", user_account::uid()));
    if runtime.is_dir() {
        program.env("XDG_RUNTIME_DIR", runtime)
    } else {
        program
    }
}

/// The error that no systemd of the user answers.
pub(super) fn no_session(why: &str) -> ManagerError {
    ManagerError::NoSession {
        user: user_account::own().map_or_else(|| user_account::uid().to_string(), |own| own.name),
        why: why.to_owned(),
    }
}

/// Whether the systemd of user `uid` runs and answers, which decides the default manager.
#[must_use]
pub fn user_session_answers(uid: u32) -> bool {
    let socket = PathBuf::from(format!("/run/user/{uid}/systemd/private"));
    uid == user_account::uid() && socket.exists() && Systemctl::new(Mode::User).answers()
}

/// Blocks of `Name=value` lines with an empty line between them, as `systemctl show` prints them.
#[must_use]
pub fn read(text: &str) -> Vec<UnitProperties> {
    text.split("\n\n")
        .filter(|block| !block.trim().is_empty())
        .map(|block| {
            let mut shown = UnitProperties::default();
            let mut code = String::new();
            for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
                match name {
                    "LoadState" => shown.load = value.to_owned(),
                    "ActiveState" => shown.active = value.to_owned(),
                    "SubState" => shown.sub = value.to_owned(),
                    "Result" => shown.result = value.to_owned(),
                    "MainPID" => shown.pid = value.parse().ok().filter(|&pid| pid != 0),
                    // 0 means that no process has ended yet.
                    "ExecMainCode" => code = value.to_owned(),
                    "ExecMainStatus" => shown.last_exit = value.parse().ok(),
                    "NRestarts" => shown.restarts = value.parse().unwrap_or(0),
                    "NeedDaemonReload" => shown.needs_reload = value == "yes",
                    _ => {}
                }
            }
            shown.last_exit = match code.as_str() {
                "" | "0" => None,
                // Killed, or killed with a core dump: the status is a signal.
                "2" | "3" => shown.last_exit.map(|signal| -signal),
                _ => shown.last_exit,
            };
            shown
        })
        .collect()
}

/// The names of the units that fulfil a condition.
pub(super) fn select(
    names: &[String],
    shown: &[UnitProperties],
    condition: impl Fn(&UnitProperties) -> bool,
) -> Vec<String> {
    let both = names.iter().zip(shown);
    both.filter(|(_, shown)| condition(shown))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "Result=success\nNRestarts=2\nMainPID=4711\nExecMainCode=0\nExecMainStatus=0\n\
        LoadState=loaded\nActiveState=active\nSubState=running\nNeedDaemonReload=no\n\n\
        Result=start-limit-hit\nNRestarts=5\nMainPID=0\nExecMainCode=1\nExecMainStatus=203\n\
        LoadState=loaded\nActiveState=failed\nSubState=failed\nNeedDaemonReload=yes\n\n\
        Result=success\nNRestarts=0\nMainPID=0\nExecMainCode=0\nExecMainStatus=0\n\
        LoadState=not-found\nActiveState=inactive\nSubState=dead\nNeedDaemonReload=no\n";

    #[test]
    fn reads_properties_of_each_unit() {
        let shown = read(ANSWER);
        assert_eq!(shown.len(), 3);
        assert!(shown[0].is_running() && !shown[1].is_alive() && !shown[2].is_alive());
        assert!(shown[1].has_failure() && shown[1].needs_reload);
        let processes: Vec<ProcessStatus> = shown.iter().map(UnitProperties::process_status).collect();
        assert_eq!(
            processes[0],
            ProcessStatus {
                restarts: Some(2),
                ..ProcessStatus::running(4711)
            }
        );
        assert_eq!(
            (processes[1].activity, processes[1].last_exit),
            (ProcessState::Stopped, Some(203))
        );
        assert_eq!(processes[2].activity, ProcessState::Unknown);
    }

    #[test]
    fn signal_that_ended_a_unit_is_a_negative_exit() {
        let exit = |code: &str| read(&format!("ExecMainCode={code}\nExecMainStatus=9\n"))[0].last_exit;
        let exits = ["0", "1", "2", "3"].map(exit);
        assert_eq!(exits, [None, Some(9), Some(-9), Some(-9)]);
        let killed = read("ActiveState=failed\nSubState=failed\nExecMainCode=2\nExecMainStatus=9\n");
        assert_eq!(
            killed[0].explain(None),
            "systemd has it as failed (failed), signal 9"
        );
    }

    #[test]
    fn explains_why_a_unit_does_not_run() {
        assert_eq!(
            read(ANSWER)[1].explain(Some("run `systemctl`: exit code 1".into())),
            "systemd has it as failed (failed), result start-limit-hit, exit status 203 (the program cannot be executed): run `systemctl`: exit code 1"
        );
    }

    #[test]
    fn unit_waiting_for_restart_is_alive_but_does_not_run() {
        let shown = &read("ActiveState=activating\nSubState=auto-restart\nMainPID=0\n")[0];
        assert!(shown.is_alive() && !shown.is_running());
    }
}
