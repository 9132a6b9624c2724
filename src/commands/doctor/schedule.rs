//! Checks what runs wnm each minute, and with which environment: cron, or a timer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::colony::Mode;
use crate::manager::systemctl::Systemctl;
use crate::program::Program;
use crate::report::doctor::CheckResult;
use crate::settings;
use crate::settings::locations::{Operator, Platform};

use super::crontab::{self, CrontabLine};

const CHECK: &str = "schedule";

/// PATH of a systemd service that does not set it.
const PATH_OF_SYSTEMD: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Labels and file names of the packaged launchd job, and of the one that `brew services start wnm` writes.
const JOBS: [&str; 2] = ["org.wnm.wnm", "homebrew.mxcl.wnm"];

/// The crontab lines, timers and jobs that run wnm for one operator.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    /// Crontab lines for this operator, each with the name of its crontab.
    lines: Vec<(String, CrontabLine)>,
    /// Crontab lines for other users.
    foreign: Vec<(String, CrontabLine)>,
    /// Enabled timers and jobs.
    timers: Vec<String>,
    /// Timers that are installed but not started.
    idle: Vec<String>,
}

/// Finds everything that may run wnm as `operator`.
#[must_use]
pub fn find(operator: &Operator, platform: Platform) -> Schedule {
    let mut schedule = Schedule::default();
    if let Ok(ended) = Program::new("crontab").arg("-l").ask()
        && ended.code() == Some(0)
    {
        let name = format!("the crontab of `{}`", operator.user);
        let lines = crontab::read(&ended.stdout, false);
        schedule
            .lines
            .extend(lines.into_iter().map(|line| (name.clone(), line)));
    }
    for path in system_crontabs() {
        let text = fs::read_to_string(&path).unwrap_or_default();
        for line in crontab::read(&text, true) {
            let name = format!("`{}`", path.display());
            if line.user.as_deref() == Some(&operator.user) {
                schedule.lines.push((name, line));
            } else {
                schedule.foreign.push((name, line));
            }
        }
    }
    match platform {
        Platform::Linux => schedule.find_timers(),
        Platform::MacOs => schedule.find_jobs(operator),
    }
    schedule
}

/// `/etc/crontab` and the files of `/etc/cron.d` that cron reads: those without a dot in their name.
fn system_crontabs() -> Vec<PathBuf> {
    let parts = fs::read_dir("/etc/cron.d").into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = parts
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none())
        .collect();
    paths.sort();
    paths.insert(0, PathBuf::from("/etc/crontab"));
    paths
}

impl Schedule {
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

    /// Whether only the user's own timer runs wnm, which needs lingering.
    #[must_use]
    pub fn is_by_user_timer(&self) -> bool {
        self.lines.is_empty() && self.timers.iter().any(|timer| timer.ends_with("of the user"))
    }

    /// PATH of scheduled runs; that of cron if nothing runs wnm yet.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.lines.first() {
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
        if self.lines.is_empty() && self.timers.is_empty() {
            return self.missing(operator);
        }
        for (name, line) in &self.lines {
            if let Some(result) = check_line(name, line, operator) {
                return result;
            }
        }
        let names: Vec<&str> = self
            .lines
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(self.timers.iter().map(String::as_str))
            .collect();
        match names.as_slice() {
            [one] => CheckResult::ok(CHECK, format!("{one} runs wnm")),
            several => CheckResult::warning(
                CHECK,
                format!(
                    "{} run wnm; only one of them gets the lock each time",
                    several.join(" and ")
                ),
                "keep one of them",
            ),
        }
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
        let others: Vec<String> = self
            .foreign
            .iter()
            .map(|(name, line)| format!("`{}` in {name}", line.user.as_deref().unwrap_or_default()))
            .collect();
        let except = match others.as_slice() {
            [] => String::new(),
            _ => format!(" (only for {})", others.join(", ")),
        };
        CheckResult::failed(
            CHECK,
            format!(
                "neither cron nor a timer runs wnm for `{}`{except}",
                operator.user
            ),
            format!(
                "run `crontab -e`, and add the line `PATH=/usr/local/bin:/usr/bin:/bin` and below it \
                 `* * * * * {} --quiet`",
                running_program()
            ),
        )
    }
}

/// The problem of a crontab line, if it has one.
fn check_line(name: &str, line: &CrontabLine, operator: &Operator) -> Option<CheckResult> {
    if line.path.contains('$') || line.path.contains('~') {
        return Some(CheckResult::failed(
            CHECK,
            format!(
                "{name} sets PATH to `{}`, and cron does not expand `$` and `~`",
                line.path
            ),
            "write absolute paths",
        ));
    }
    let home = operator.home.to_string_lossy();
    let program = line
        .program
        .replace("${HOME}", &home)
        .replace("$HOME", &home)
        .replacen("~/", &format!("{home}/"), 1);
    let places: Vec<PathBuf> = if program.contains('/') {
        vec![PathBuf::from(&program)]
    } else {
        let folders = line.path.split(':').filter(|folder| !folder.is_empty());
        folders.map(|folder| Path::new(folder).join(&program)).collect()
    };
    if !places.iter().any(|place| is_program(place)) {
        return Some(CheckResult::failed(
            CHECK,
            format!(
                "{name} runs `{}`, which is not found on its PATH `{}`",
                line.program, line.path
            ),
            format!("use the full path in that line: `{}`", running_program()),
        ));
    }
    if !line.is_frequent {
        return Some(CheckResult::warning(
            CHECK,
            format!("{name} runs wnm less often than every five minutes"),
            "begin the line with `* * * * *`: a run that has nothing to do is cheap",
        ));
    }
    None
}

/// Where this program is installed, quoted for a shell.
fn running_program() -> String {
    let path = settings::running_program();
    let path = path.map_or("wnm".to_owned(), |path| path.to_string_lossy().into_owned());
    shell_words::quote(&path).into_owned()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{JOBS, Operator, Schedule, crontab};
    use crate::report::doctor::Verdict;

    fn check(text: &str) -> (Verdict, String) {
        let operator = Operator {
            user: "op".to_owned(),
            uid: 1000,
            home: "/home/op".into(),
        };
        let lines = crontab::read(text, false).into_iter();
        let schedule = Schedule {
            lines: lines.map(|line| ("the crontab".to_owned(), line)).collect(),
            ..Schedule::default()
        };
        let result = schedule.check(&operator);
        (result.verdict, result.what)
    }

    #[test]
    fn path_that_cron_does_not_expand_fails() {
        let (verdict, what) = check("PATH=$HOME/.local/bin:/bin\n* * * * * wnm\n");
        assert_eq!(verdict, Verdict::Failed);
        assert!(what.contains("does not expand `$`"), "{what}");
    }

    #[test]
    fn line_with_a_missing_program_fails() {
        let (verdict, what) = check("* * * * * $HOME/no/such/wnm\n");
        assert_eq!(
            (verdict, what.contains("not found")),
            (Verdict::Failed, true),
            "{what}"
        );
    }

    #[test]
    fn without_a_line_the_operator_is_named() {
        let (verdict, what) = check("");
        assert_eq!(
            (verdict, what.contains("`op`")),
            (Verdict::Failed, true),
            "{what}"
        );
    }

    #[test]
    fn finds_launchd_jobs_of_both_installers() {
        for job in JOBS {
            let home = tempfile::tempdir().expect("a home");
            let agents = home.path().join("Library/LaunchAgents");
            fs::create_dir_all(&agents).expect("a folder");
            fs::write(agents.join(format!("{job}.plist")), "").expect("a job");
            let operator = Operator {
                user: "op".to_owned(),
                uid: 1000,
                home: home.path().to_owned(),
            };
            let mut schedule = Schedule::default();
            schedule.find_jobs(&operator);
            assert_eq!(schedule.check(&operator).verdict, Verdict::Ok, "{job}");
        }
    }
}
