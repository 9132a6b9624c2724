//! A stage with the simulated launchctl, where nodes are jobs of the user or the system.

use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;

use crate::stage::{Stage, simulated};

/// The owner of the jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    User,
    Sudo,
}

pub struct Machine {
    stage: Stage,
    mode: Mode,
}

impl Deref for Machine {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

/// A colony of `count` running jobs; None where this machine cannot run it.
pub fn of(mode: Mode, count: usize, settings: &[&str]) -> Option<Machine> {
    let machine = Machine::new(mode)?;
    let mut all = vec!["--process_manager", machine.kind()];
    all.extend(settings);
    machine.init(&all).done();
    machine.survey();
    if count > 0 {
        machine
            .wnm(&["--force_action", "add", "--count", &count.to_string()])
            .done();
    }
    machine.survey_until_running(count);
    Some(machine)
}

impl Machine {
    /// With launchd and without a colony.
    pub fn new(mode: Mode) -> Option<Machine> {
        let stage = match mode {
            Mode::User => Stage::new(),
            Mode::Sudo => Stage::with_sudo("wnm-stage-")?,
        };
        stage.install_program(&simulated("launchctl"));
        let machine = Machine { stage, mode };
        fs::create_dir_all(machine.state()).unwrap();
        Some(machine)
    }

    pub fn kind(&self) -> &'static str {
        match self.mode {
            Mode::User => "launchd+user",
            Mode::Sudo => "launchd+sudo",
        }
    }

    /// The folder of the simulated launchctl's state.
    pub fn state(&self) -> PathBuf {
        match self.mode {
            Mode::User => self.home().join(".launchctl"),
            Mode::Sudo => self.seen("/var/db/launchctl"),
        }
    }

    pub fn domain(&self) -> String {
        match self.mode {
            Mode::User => format!("gui/{}", nix::unistd::geteuid()),
            Mode::Sudo => "system".to_owned(),
        }
    }

    pub fn order(&self, what: &str, id: u32) {
        let name = format!("antnode{id:04}");
        self.wnm(&["--force_action", what, "--service_name", &name])
            .done();
    }

    pub fn plist(&self, id: u32) -> PathBuf {
        let folder = match self.mode {
            Mode::User => self.home().join("Library/LaunchAgents"),
            Mode::Sudo => self.seen("/Library/LaunchDaemons"),
        };
        folder.join(format!("com.autonomi.antnode-{id}.plist"))
    }

    /// The calls of launchctl since the last look.
    pub fn calls(&self) -> Vec<String> {
        let path = self.state().join("calls");
        let calls = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        calls.lines().map(str::to_owned).collect()
    }

    /// Changes the behaviour of launchctl; `tests/fakes/launchctl.rs` lists the words.
    pub fn turn(&self, mood: &str) {
        fs::write(self.state().join(mood), "").unwrap();
    }

    /// Runs launchctl as the operator.
    pub fn launchctl(&self, words: &[&str]) {
        let (program, first): (_, &[&str]) = match self.mode {
            Mode::User => ("launchctl".to_owned(), &[]),
            Mode::Sudo => ("sudo".to_owned(), &["-n", "launchctl"]),
        };
        let all = [first, words].concat();
        let program = match self.mode {
            Mode::User => self.home().join(".local/bin").join(program),
            Mode::Sudo => PathBuf::from("/usr/local/bin").join(program),
        };
        let ended = self.at_home(Command::new(program), &all).output().unwrap();
        assert!(ended.status.success(), "{words:?}: {ended:?}");
    }

    /// The path of a node's property list as wnm sees it.
    pub fn named(&self, id: u32) -> String {
        self.known(self.plist(id)).display().to_string()
    }
}
