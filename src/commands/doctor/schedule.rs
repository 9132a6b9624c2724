//! Checks what runs wnm each minute, and with which environment: cron, or a timer.

use std::fs;
use std::path::{Path, PathBuf};

use crate::colony::Mode;
use crate::manager::systemctl::Systemctl;
use crate::program::Program;
use crate::report::doctor::{CheckResult, Verdict};
use crate::settings::locations::{Operator, Platform};
use crate::settings::search_path;

use super::cron_daemon::CronDaemon;
use super::crontab::{self, CrontabKind, CrontabLine, Purpose};
use super::crontab_file::{self, IgnoredCrontab};
use super::{cron_time, line_check};

const CHECK: &str = "schedule";

/// PATH of a systemd service that does not set it.
const PATH_OF_SYSTEMD: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Labels and file names of the packaged launchd job, and of the one that `brew services start wnm` writes.
const JOBS: [&str; 2] = ["org.wnm.wnm", "homebrew.mxcl.wnm"];

/// The crontab lines, timers and jobs that run wnm for one operator.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Calls of wnm for this operator, each with the name of its crontab.
    lines: Vec<(String, CrontabLine)>,
    /// Calls of wnm for other users.
    foreign: Vec<(String, CrontabLine)>,
    /// Files with lines for this operator that cron ignores.
    ignored: Vec<IgnoredCrontab>,
    /// Enabled timers and jobs.
    timers: Vec<String>,
    /// Timers that are installed but not started.
    idle: Vec<String>,
    cron: CronDaemon,
}

/// Finds everything that may run wnm as `operator` for the colony with this database.
#[must_use]
pub fn find(operator: &Operator, platform: Platform, database: &Path) -> Schedule {
    let login_path = search_path();
    let kind = |has_users| CrontabKind {
        operator,
        has_users,
        login_path: &login_path,
    };
    let own = Program::new("crontab").arg("-l").ask();
    let mut schedule = Schedule {
        cron: CronDaemon::find(platform, own.is_ok()),
        ..Schedule::default()
    };
    if let Ok(ended) = own
        && ended.code() == Some(0)
    {
        let name = format!("the crontab of `{}`", operator.user);
        let lines = crontab::read(&ended.stdout, kind(false));
        schedule.add(&name, lines, operator, database);
    }
    for path in crontab_file::all() {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = crontab::read(&text, kind(true));
        match crontab_file::why_ignored(&path, &text) {
            None => schedule.add(&format!("`{}`", path.display()), lines, operator, database),
            Some(ignored) => {
                let is_own = |line: &CrontabLine| {
                    line.user.as_deref() == Some(&operator.user) && line.purpose == Purpose::Cycle
                };
                schedule
                    .ignored
                    .extend(lines.iter().any(is_own).then_some(ignored));
            }
        }
    }
    match platform {
        Platform::Linux => schedule.find_timers(),
        Platform::MacOs => schedule.find_jobs(operator),
    }
    schedule
}

impl Schedule {
    fn add(&mut self, name: &str, lines: Vec<CrontabLine>, operator: &Operator, database: &Path) {
        for line in lines {
            let named = line
                .database
                .as_deref()
                .map(|path| path.trim_start_matches("sqlite:///"));
            if named.is_some_and(|path| {
                path.trim_start_matches('/') != database.to_string_lossy().trim_start_matches('/')
            }) {
                continue;
            }
            let is_own = line.user.as_ref().is_none_or(|user| *user == operator.user);
            let lines = if is_own {
                &mut self.lines
            } else {
                &mut self.foreign
            };
            lines.push((name.to_owned(), line));
        }
    }

    /// The lines that are meant to run cycles.
    fn cycles(&self) -> impl Iterator<Item = &(String, CrontabLine)> {
        self.lines
            .iter()
            .filter(|(_, line)| line.purpose == Purpose::Cycle)
    }

    fn find_timers(&mut self) {
        for (mode, whose) in [(Mode::User, "of the user"), (Mode::Sudo, "of the machine")] {
            let shown = Systemctl::new(mode).show(&["wnm.timer".to_owned()]);
            let Some(timer) = shown.ok().and_then(|mut shown| shown.pop()) else {
                continue;
            };
            let name = format!("the timer `wnm.timer` {whose}");
            match (timer.load.as_str(), timer.active.as_str()) {
                ("loaded", "active") => self.timers.push(name),
                ("loaded", _) => self.idle.push(name),
                _ => {}
            }
        }
    }

    fn find_jobs(&mut self, operator: &Operator) {
        let folders = [
            operator.home.join("Library/LaunchAgents"),
            PathBuf::from("/Library/LaunchDaemons"),
        ];
        for folder in folders {
            for path in JOBS.map(|job| folder.join(format!("{job}.plist"))) {
                if path.exists() {
                    self.timers.push(format!("the job `{}`", path.display()));
                }
            }
        }
    }

    /// Everything that runs cycles: crontabs and timers.
    #[must_use]
    pub fn runners(&self) -> Vec<String> {
        let lines = self.cycles().map(|(name, _)| name.clone());
        lines.chain(self.timers.iter().cloned()).collect()
    }

    /// The numbers of the lines in the operator's own crontab that run cycles.
    #[must_use]
    pub fn own_lines(&self) -> Vec<usize> {
        let own = self.cycles().filter(|(_, line)| line.user.is_none());
        own.map(|(_, line)| line.number).collect()
    }

    /// Whether only the user's own timer runs wnm, which needs lingering.
    #[must_use]
    pub fn is_by_user_timer(&self) -> bool {
        self.cycles().next().is_none() && self.timers.iter().any(|timer| timer.ends_with("of the user"))
    }

    /// PATH of scheduled runs; that of cron if nothing runs wnm yet.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.cycles().next() {
            Some((_, line)) => &line.path,
            None if self.timers.is_empty() => crontab::PATH,
            None => PATH_OF_SYSTEMD,
        }
    }

    /// The environment variables of a scheduled run.
    #[must_use]
    pub fn environment(&self, operator: &Operator) -> Vec<(&'static str, String)> {
        vec![
            ("HOME", operator.home.to_string_lossy().into_owned()),
            ("LOGNAME", operator.user.clone()),
            ("SHELL", "/bin/sh".to_owned()),
            ("PATH", self.path().to_owned()),
        ]
    }

    /// Checks that something runs wnm, often enough, with a command that works.
    #[must_use]
    pub fn check(&self, operator: &Operator) -> CheckResult {
        let refused = self
            .lines
            .iter()
            .find(|(_, line)| matches!(line.purpose, Purpose::Refused(_)));
        let cycles: Vec<_> = self.cycles().collect();
        if cycles.is_empty() && self.timers.is_empty() {
            return match refused {
                Some((name, line)) => line_check::check(name, line).unwrap_or_else(|| self.missing(operator)),
                None => self.missing(operator),
            };
        }
        let mut warning = None;
        for (name, line) in cycles.iter().copied().chain(refused) {
            match line_check::check(name, line) {
                Some(result) if result.verdict == Verdict::Failed => return result,
                result => warning = warning.or(result),
            }
        }
        if self.timers.is_empty() {
            if let Some(result) = self.cron.check(CHECK) {
                return result;
            }
            warning = warning.or_else(|| check_pace(&cycles));
        }
        warning
            .or_else(|| self.check_overlap(&cycles))
            .unwrap_or_else(|| {
                let first = cycles.first().map(|(name, _)| name).or(self.timers.first());
                let name = first.map_or("", String::as_str);
                CheckResult::ok(CHECK, format!("{name} runs wnm"))
            })
    }

    /// Two cycles at the same time: only one of them gets the lock.
    fn check_overlap(&self, cycles: &[&(String, CrontabLine)]) -> Option<CheckResult> {
        let overlaps = |a: &CrontabLine, b: &CrontabLine| {
            let mut minutes = a.time.minutes.iter().zip(&b.time.minutes);
            a.delay == b.delay && minutes.any(|(a, b)| *a && *b)
        };
        let mut names: Vec<&str> = self.timers.iter().map(String::as_str).collect();
        if names.is_empty() {
            let pair = cycles.iter().enumerate().find_map(|(at, (name, line))| {
                let later = &cycles[at + 1..];
                let other = later.iter().find(|(other_name, other)| {
                    (name, line.number) != (other_name, other.number) && overlaps(line, other)
                })?;
                Some([name.as_str(), other.0.as_str()])
            });
            names.extend(pair?);
        } else {
            names.extend(cycles.iter().map(|(name, _)| name.as_str()));
        }
        (names.len() > 1).then(|| {
            CheckResult::warning(
                CHECK,
                format!(
                    "{} run wnm; only one of them gets the lock each time",
                    names.join(" and ")
                ),
                "keep one of them",
            )
        })
    }

    fn missing(&self, operator: &Operator) -> CheckResult {
        if let Some(timer) = self.idle.first() {
            let user = if timer.ends_with("of the user") {
                " --user"
            } else {
                ""
            };
            return CheckResult::failed(
                CHECK,
                format!("{timer} is installed but not started"),
                format!("systemctl{user} enable --now wnm.timer"),
            );
        }
        if let Some(ignored) = self.ignored.first() {
            return CheckResult::failed(
                CHECK,
                format!(
                    "cron ignores `{}`, which has the line for `{}`: {}",
                    ignored.path.display(),
                    operator.user,
                    ignored.reason
                ),
                ignored.todo.clone(),
            );
        }
        let others = self.foreign.iter().map(|(name, line)| {
            format!(
                "only for `{}` in {name}",
                line.user.as_deref().unwrap_or_default()
            )
        });
        let reports = self.lines.iter().filter_map(|(name, line)| match &line.purpose {
            Purpose::Other(flag) => Some(format!("{name} runs it only with `{flag}`, which is no cycle")),
            _ => None,
        });
        let found: Vec<String> = others.chain(reports).take(3).collect();
        let except = match found.as_slice() {
            [] => String::new(),
            _ => format!(" ({})", found.join(", ")),
        };
        CheckResult::failed(
            CHECK,
            format!(
                "neither cron nor a timer runs wnm for `{}`{except}",
                operator.user
            ),
            self.cron.how_to_schedule(operator),
        )
    }
}

/// A warning if the lines together run wnm less often than every five minutes.
fn check_pace(cycles: &[&(String, CrontabLine)]) -> Option<CheckResult> {
    let mut minutes = vec![false; cron_time::MINUTES];
    for (_, line) in cycles.iter().filter(|(_, line)| line.time.is_daily) {
        for (all, own) in minutes.iter_mut().zip(&line.time.minutes) {
            *all |= *own;
        }
    }
    let (name, _) = cycles.first()?;
    (cron_time::longest_gap(&minutes) > 5).then(|| {
        CheckResult::warning(
            CHECK,
            format!("{name} runs wnm less often than every five minutes"),
            "begin the line with `* * * * *`: a run that has nothing to do is cheap",
        )
    })
}

#[cfg(test)]
mod tests;
