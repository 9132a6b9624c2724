//! Whether cron runs on this machine.

use std::fs;
use std::path::Path;

use super::line_check::running_program;
use crate::program::Program;
use crate::report::doctor::CheckResult;
use crate::settings::locations::{Operator, Platform};

/// Names of the processes of cron.
const PROCESSES: [&str; 3] = ["cron", "crond", "fcron"];
/// Units of cron in the distributions.
const UNITS: [&str; 5] = [
    "cron.service",
    "crond.service",
    "cronie.service",
    "fcron.service",
    "cron.target",
];

/// Whether cron runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CronDaemon {
    Running,
    /// It is installed under this name, and does not run.
    Stopped(&'static str),
    Absent,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl CronDaemon {
    /// Looks for the process, for the unit and for the program. `has_crontab`: the program `crontab` was found.
    pub fn find(platform: Platform, has_crontab: bool) -> CronDaemon {
        // launchd starts cron when there is a crontab.
        if platform == Platform::MacOs {
            return CronDaemon::Unknown;
        }
        let has_systemd = Path::new("/run/systemd/system").is_dir();
        if has_process() || (has_systemd && has_unit()) {
            return CronDaemon::Running;
        }
        if !has_systemd && !Path::new("/proc/1/comm").exists() {
            return CronDaemon::Unknown;
        }
        let is_installed = |name: &str| {
            ["/usr/sbin", "/usr/bin", "/sbin"]
                .iter()
                .any(|folder| Path::new(folder).join(name).exists())
        };
        match PROCESSES.into_iter().find(|name| is_installed(name)) {
            Some(name) => CronDaemon::Stopped(name),
            None if has_systemd || !has_crontab => CronDaemon::Absent,
            None => CronDaemon::Unknown,
        }
    }

    /// The problem of a schedule that consists of crontab lines.
    pub fn check(self, check: &'static str) -> Option<CheckResult> {
        match self {
            CronDaemon::Running | CronDaemon::Unknown => None,
            CronDaemon::Stopped(name) => Some(CheckResult::failed(
                check,
                "cron does not run on this machine, so that nothing runs the lines of crontabs",
                match Path::new("/run/systemd/system").is_dir() {
                    true => format!("sudo systemctl enable --now {name}"),
                    false => format!("sudo service {name} start"),
                },
            )),
            CronDaemon::Absent => Some(CheckResult::failed(
                check,
                "this machine has no cron, so that nothing runs the lines of crontabs",
                "sudo apt-get install cron",
            )),
        }
    }

    /// How the operator can have wnm run each minute.
    pub fn how_to_schedule(self, operator: &Operator) -> String {
        match self {
            CronDaemon::Absent => format!(
                "this machine has no cron: put `wnm.service` and `wnm.timer` of packaging/systemd into \
                 ~/.config/systemd/user, run `systemctl --user enable --now wnm.timer`, and then \
                 `sudo loginctl enable-linger {}`",
                shell_words::quote(&operator.user)
            ),
            _ => format!(
                "run `crontab -e`, and add the line `PATH=/usr/local/bin:/usr/bin:/bin` and below it \
                 `* * * * * {} --quiet`",
                running_program()
            ),
        }
    }
}

fn has_process() -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|entry| {
        let is_number = entry
            .file_name()
            .to_string_lossy()
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        is_number
            && fs::read_to_string(entry.path().join("comm"))
                .is_ok_and(|name| PROCESSES.contains(&name.trim_end()))
    })
}

fn has_unit() -> bool {
    let asked = Program::new("systemctl").arg("is-active").args(UNITS).ask();
    asked.is_ok_and(|ended| ended.stdout.lines().any(|line| line == "active"))
}
