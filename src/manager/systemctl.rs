//! What is said to systemd, and how its answers are read: properties, never words of a message.

use std::path::PathBuf;
use std::time::Duration;

use crate::colony::{Mode, ProcessState, ProcessStatus};
use crate::program::{self, Program, ProgramResult, user_account};

use super::ManagerError;

/// How long systemd may take to stop nodes kindly; a real antnode takes under 0.1 s, systemd itself would wait 90 s.
const KINDLY: Duration = Duration::from_secs(15);

/// For a few thousand units; one takes some 10 ms.
const RELOADING: Duration = Duration::from_secs(60);

/// So many names are far below what a command line can hold.
const NAMES_AT_ONCE: usize = 1000;

const PROPERTIES: &str =
    "LoadState,ActiveState,SubState,Result,MainPID,ExecMainCode,ExecMainStatus,NRestarts,NeedDaemonReload";

/// The systemd of the machine or of the user.
#[derive(Clone, Copy, Debug)]
pub struct Systemctl {
    mode: Mode,
}

/// What systemd says of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitProperties {
    pub load: String,
    pub active: String,
    pub sub: String,
    pub result: String,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How its last process ended; none while the first one runs.
    pub last_exit: Option<i32>,
    /// How often systemd started it again by itself.
    pub restarts: u64,
    /// Whether its file changed since systemd read it.
    pub needs_reload: bool,
}

/// What systemctl had to say against an order for several units.
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

    /// What of it is about the unit `name`. An order for one is quoted whole, one for many is not repeated for each.
    #[must_use]
    pub fn about(&self, name: &str) -> Option<String> {
        if self.is_for_one {
            return Some(self.whole.clone());
        }
        self.lines.iter().find(|line| line.contains(name)).cloned()
    }
}

impl UnitProperties {
    /// Whether its process runs and is not on its way out.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.active == "active" && self.sub == "running"
    }

    /// Whether a process of it is there or may come without being asked for.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pid.is_some() || !matches!(self.active.as_str(), "inactive" | "failed" | "")
    }

    /// Whether what went wrong before would stand in the way of a new start, or be taken for its failure.
    #[must_use]
    pub fn is_marred(&self) -> bool {
        self.active == "failed" || self.result == "start-limit-hit" || self.restarts > 0
    }

    /// As managers tell it.
    #[must_use]
    pub fn process(&self) -> ProcessStatus {
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

    /// Why it is not as it should be; `complaint` is what systemctl said when it was told.
    #[must_use]
    pub fn why(&self, complaint: Option<String>) -> String {
        let mut why = format!("systemd has it as {} ({})", self.active, self.sub);
        if !matches!(self.load.as_str(), "loaded" | "") {
            why += &format!(", its unit is {}", self.load);
        }
        if !matches!(self.result.as_str(), "success" | "") {
            why += &format!(", result {}", self.result);
        }
        if let Some(status) = self.last_exit {
            why += &format!(", exit status {status}");
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

    /// Anybody may ask the machine's systemd; only root may tell it something.
    fn program(&self, mode: Mode) -> Program {
        let program = Program::new("systemctl");
        match self.mode {
            Mode::Sudo => program.rights(mode).arg("--no-ask-password"),
            Mode::User => in_session(program).arg("--user"),
        }
    }

    fn teller(&self) -> Program {
        self.program(self.mode)
    }

    /// Whether it answers at all.
    #[must_use]
    pub fn answers(&self) -> bool {
        let asked = self.program(Mode::User).args(["show", "--property=Version"]);
        asked.limit(Duration::from_secs(5)).run().is_ok()
    }

    /// Whether it answers a run that has these variables and no others.
    pub fn answers_under(&self, environment: &[(&'static str, String)]) -> Result<(), ManagerError> {
        let asked = self.program(Mode::User).args(["show", "--property=Version"]);
        let asked = asked
            .only_env(environment.iter().cloned())
            .limit(Duration::from_secs(5));
        self.passed(&asked, &asked.ask()?)
    }

    /// Has it read all unit files again.
    pub fn daemon_reload(&self) -> Result<(), ManagerError> {
        let program = self.teller().arg("daemon-reload").limit(RELOADING);
        let ended = program.ask()?;
        self.passed(&program, &ended)?;
        Ok(())
    }

    /// Forgets that these failed, so that they may be started again at once.
    pub fn reset_failed(&self, names: &[String]) -> Result<(), ManagerError> {
        self.tell("reset-failed", names).map(|_| ())
    }

    /// Tells it to do something with several units. What it complains of is returned and no error: how the
    /// units are then says more.
    pub fn tell(&self, verb: &str, names: &[String]) -> Result<Option<SystemctlError>, ManagerError> {
        let mut complaint = None;
        for names in names.chunks(NAMES_AT_ONCE) {
            let program = self.teller().arg(verb).arg("--").args(names);
            let ended = program.ask()?;
            if let Err(error) = self.passed(&program, &ended) {
                if matches!(error, ManagerError::NoSession { .. }) {
                    return Err(error);
                }
                complaint = Some(SystemctlError::new(error, &ended, names));
            }
        }
        Ok(complaint)
    }

    /// Stops units kindly, then firmly; returns what it complained of.
    pub fn stop(&self, names: &[String]) -> Result<Option<SystemctlError>, ManagerError> {
        let mut complaint = None;
        for names in names.chunks(NAMES_AT_ONCE) {
            let stop = self.teller().args(["stop", "--"]).args(names);
            let kindly = stop.clone().limit(KINDLY);
            let ended = match kindly.ask() {
                Err(program::ProgramError::TooLong { .. }) => {
                    let kill = self.teller().args(["kill", "--signal=KILL", "--"]).args(names);
                    kill.ask()?;
                    stop.ask()?
                }
                ended => ended?,
            };
            if let Err(error) = self.passed(&stop, &ended) {
                if matches!(error, ManagerError::NoSession { .. }) {
                    return Err(error);
                }
                complaint = Some(SystemctlError::new(error, &ended, names));
            }
        }
        Ok(complaint)
    }

    /// How units stand, in their order; by one call for a thousand of them.
    pub fn show(&self, names: &[String]) -> Result<Vec<UnitProperties>, ManagerError> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(NAMES_AT_ONCE) {
            let program = self
                .program(Mode::User)
                .arg("show")
                .arg(format!("--property={PROPERTIES}"))
                .arg("--")
                .args(names);
            let ended = program.ask()?;
            self.passed(&program, &ended)?;
            let shown = read(&ended.stdout);
            if shown.len() != names.len() {
                return Err(ManagerError::Program(program.failure(&ended)));
            }
            all.extend(shown);
        }
        Ok(all)
    }

    /// An error unless systemctl ended well; its own kind where nobody answers.
    fn passed(&self, program: &Program, ended: &ProgramResult) -> Result<(), ManagerError> {
        if ended.code() == Some(0) {
            return Ok(());
        }
        let said = ended.stderr.trim();
        // systemctl has no code for this; its words are the same since systemd 200.
        if self.mode == Mode::User
            && (said.contains("connect to bus") || said.contains("connect to user scope bus"))
        {
            return Err(no_session(said.lines().next().unwrap_or_default()));
        }
        Err(ManagerError::Program(program.failure(ended)))
    }
}

/// Lets a program find the user's systemd. cron gives no XDG_RUNTIME_DIR, and it is found by nothing else.
pub(super) fn in_session(program: Program) -> Program {
    let runtime = PathBuf::from(format!("/run/user/{}", user_account::uid()));
    if runtime.is_dir() {
        program.env("XDG_RUNTIME_DIR", runtime)
    } else {
        program
    }
}

/// That no systemd of ours answers; `why` is what was said of it.
pub(super) fn no_session(why: &str) -> ManagerError {
    ManagerError::NoSession {
        user: user_account::own().map_or_else(|| user_account::uid().to_string(), |own| own.name),
        why: why.to_owned(),
    }
}

/// Whether the systemd of user `uid` is there to run nodes, also without a login: what decides the default manager.
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
            let mut has_ended = false;
            for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
                match name {
                    "LoadState" => shown.load = value.to_owned(),
                    "ActiveState" => shown.active = value.to_owned(),
                    "SubState" => shown.sub = value.to_owned(),
                    "Result" => shown.result = value.to_owned(),
                    "MainPID" => shown.pid = value.parse().ok().filter(|&pid| pid != 0),
                    // 0: no process has ended yet.
                    "ExecMainCode" => has_ended = value != "0",
                    "ExecMainStatus" => shown.last_exit = value.parse().ok(),
                    "NRestarts" => shown.restarts = value.parse().unwrap_or(0),
                    "NeedDaemonReload" => shown.needs_reload = value == "yes",
                    _ => {}
                }
            }
            shown.last_exit = shown.last_exit.filter(|_| has_ended);
            shown
        })
        .collect()
}

/// The names of the units that stand so.
pub(super) fn pick(
    names: &[String],
    shown: &[UnitProperties],
    stands_so: impl Fn(&UnitProperties) -> bool,
) -> Vec<String> {
    let both = names.iter().zip(shown);
    both.filter(|(_, shown)| stands_so(shown))
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
    fn each_unit_is_told_apart() {
        let shown = read(ANSWER);
        assert_eq!(shown.len(), 3);
        assert!(shown[0].is_running() && !shown[1].is_alive() && !shown[2].is_alive());
        assert!(shown[1].is_marred() && shown[1].needs_reload);
        let processes: Vec<ProcessStatus> = shown.iter().map(UnitProperties::process).collect();
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
    fn a_unit_says_why_it_does_not_run() {
        assert_eq!(
            read(ANSWER)[1].why(Some("run `systemctl`: exit code 1".into())),
            "systemd has it as failed (failed), result start-limit-hit, exit status 203 (the program cannot be executed): run `systemctl`: exit code 1"
        );
    }

    #[test]
    fn one_that_waits_to_be_started_again_is_alive_but_does_not_run() {
        let shown = &read("ActiveState=activating\nSubState=auto-restart\nMainPID=0\n")[0];
        assert!(shown.is_alive() && !shown.is_running());
    }
}
