//! Calls `launchctl` and reads its answers.
//!
//! Its exit codes for "already so" and "failed" differ from one macOS to the next (5, 17 or 37 for a job that is
//! loaded; 3, 36 or 113 for one that is not). So its complaints are only quoted, and the list of all jobs decides.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::colony::Mode;
use crate::manager::ManagerError;
use crate::program::{Program, user_account};

/// The launchd of the machine, or of the user's desktop.
#[derive(Debug)]
pub struct Launchctl {
    mode: Mode,
    domain: String,
    /// Whether this launchctl is older than OS X 10.10 and only has `load`, `unload` and `list`.
    is_old: AtomicBool,
}

/// One job that launchd has loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadedJob {
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// The exit status of its last process, if launchd reports it; negative for a signal.
    pub last_exit: Option<i32>,
}

impl LoadedJob {
    /// Why a job is not as it should be; `complaint` is what launchctl printed.
    #[must_use]
    pub fn explain(found: Option<LoadedJob>, complaint: Option<&str>) -> String {
        let mut why = match found {
            None => "launchd has not loaded it".to_owned(),
            Some(LoadedJob { pid: Some(pid), .. }) => format!("launchd runs it as process {pid}"),
            Some(_) => "launchd has loaded it and does not run it".to_owned(),
        };
        if let Some(status) = found.and_then(|found| found.last_exit) {
            why += &format!(", exit status {status}");
            why += match status {
                78 => " (launchd could not start the program)",
                _ => "",
            };
        }
        match complaint {
            Some(complaint) => format!("{why}: {complaint}"),
            None => why,
        }
    }
}

/// The complaint that launchctl printed, if any.
pub type LaunchctlResult = Result<Option<String>, ManagerError>;

impl Launchctl {
    #[must_use]
    pub fn new(mode: Mode) -> Launchctl {
        Launchctl {
            mode,
            domain: match mode {
                Mode::User => format!("gui/{}", user_account::uid()),
                Mode::Sudo => "system".to_owned(),
            },
            is_old: AtomicBool::new(false),
        }
    }

    /// All jobs of this launchd by their labels, in one call.
    pub fn jobs(&self) -> Result<HashMap<String, LoadedJob>, ManagerError> {
        if !self.is_old() {
            // Every user may list the jobs; only root may change them.
            let print = Program::new("launchctl").args(["print", &self.domain]);
            let ended = print.ask()?;
            if ended.code() == Some(0) {
                if let Some(jobs) = printed(&ended.stdout) {
                    return Ok(jobs);
                }
            } else if !self.note_unknown(&ended.stderr, &ended.stdout) {
                return Err(ManagerError::NoDomain {
                    domain: self.domain.clone(),
                    why: print.failure(&ended).to_string(),
                });
            }
        }
        let ended = self.program(&["list"]).run()?;
        Ok(listed(&ended.stdout))
    }

    /// Loads the job of `file`, which starts it, even if it was disabled.
    pub fn load(&self, label: &str, file: &Path) -> LaunchctlResult {
        if !self.is_old() {
            self.run(&["enable", &self.target(label)])?;
            let complaint = self.run_with_file(&["bootstrap", &self.domain], file)?;
            if !self.is_old() {
                return Ok(complaint);
            }
        }
        self.load_by_old_command(file)
    }

    /// [`load`](Launchctl::load) by the command of old systems, which works in some cases where the modern one does not.
    pub fn load_by_old_command(&self, file: &Path) -> LaunchctlResult {
        self.run_with_file(&["load", "-w"], file)
    }

    /// Ends the job and unloads it; with `permanently` it is not started at the next boot either.
    pub fn unload(&self, label: &str, file: &Path, permanently: bool) -> LaunchctlResult {
        if !self.is_old() {
            if permanently {
                self.run(&["disable", &self.target(label)])?;
            }
            let complaint = self.run(&["bootout", &self.target(label)])?;
            if !self.is_old() {
                return Ok(complaint);
            }
        }
        self.unload_by_old_command(file, permanently)
    }

    /// [`unload`](Launchctl::unload) by the command of old systems.
    pub fn unload_by_old_command(&self, file: &Path, permanently: bool) -> LaunchctlResult {
        self.run_with_file(
            if permanently {
                &["unload", "-w"]
            } else {
                &["unload"]
            },
            file,
        )
    }

    /// Keeps a job that is not loaded from being started at the next boot.
    pub fn disable(&self, label: &str) -> LaunchctlResult {
        self.run(&["disable", &self.target(label)])
    }

    /// Undoes [`disable`](Launchctl::disable).
    pub fn enable(&self, label: &str) -> LaunchctlResult {
        self.run(&["enable", &self.target(label)])
    }

    /// Starts a loaded job at once, without the pause that launchd makes between starts; with `restart` it ends the
    /// process first.
    pub fn kickstart(&self, label: &str, file: &Path, restart: bool) -> LaunchctlResult {
        if !self.is_old() {
            let target = self.target(label);
            let words: &[&str] = if restart {
                &["kickstart", "-k", &target]
            } else {
                &["kickstart", &target]
            };
            let complaint = self.run(words)?;
            if !self.is_old() {
                return Ok(complaint);
            }
        }
        self.unload_by_old_command(file, false)?;
        self.load_by_old_command(file)
    }

    fn target(&self, label: &str) -> String {
        format!("{}/{label}", self.domain)
    }

    fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }

    fn program(&self, words: &[&str]) -> Program {
        Program::new("launchctl").rights(self.mode).args(words)
    }

    fn run(&self, words: &[&str]) -> LaunchctlResult {
        self.complaint(self.program(words))
    }

    fn run_with_file(&self, words: &[&str], file: &Path) -> LaunchctlResult {
        self.complaint(self.program(words).arg(file))
    }

    fn complaint(&self, program: Program) -> LaunchctlResult {
        let ended = program.ask()?;
        // The old commands exit with 0 even if they fail.
        let has_failed = ended.code() != Some(0) || ended.stderr.contains("failed: ");
        if has_failed {
            self.note_unknown(&ended.stderr, &ended.stdout);
        }
        Ok(has_failed.then(|| program.failure(&ended).to_string()))
    }

    /// Whether launchctl did not know the command; then it is an old one.
    fn note_unknown(&self, stderr: &str, stdout: &str) -> bool {
        let said = format!("{stderr}{stdout}").to_lowercase();
        let is_unknown = said.contains("unknown subcommand") || said.contains("unrecognized subcommand");
        self.is_old.fetch_or(is_unknown, Ordering::Relaxed);
        is_unknown
    }
}

/// The jobs in `launchctl print DOMAIN`: lines of pid (0: none), last exit (`-`: none) and label.
///
/// None if the text has no such part: Apple does not document the format.
fn printed(text: &str) -> Option<HashMap<String, LoadedJob>> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| *line == "services = {")?;
    Some(lines.take_while(|line| *line != "}").filter_map(job).collect())
}

/// The jobs in `launchctl list`: the same three columns, with `-` for no pid.
fn listed(text: &str) -> HashMap<String, LoadedJob> {
    text.lines().filter_map(job).collect()
}

fn job(line: &str) -> Option<(String, LoadedJob)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [pid, status, label] = words.as_slice() else {
        return None;
    };
    let loaded = LoadedJob {
        pid: pid.parse().ok().filter(|&pid| pid != 0),
        last_exit: status.parse().ok(),
    };
    Some(((*label).to_owned(), loaded))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "gui/501 = {\n\ttype = login\n\thandle = 100005\n\tactive count = 4\n\
        \tservices = {\n\
        \t\t       0      - \tcom.apple.SafariHistoryServiceAgent\n\
        \t\t     412      - \tcom.autonomi.antnode-1\n\
        \t\t       0     78 \tcom.autonomi.antnode-2\n\
        \t\t       0   (pe) \tcom.apple.odd\n\
        \t}\n\n\tunmanaged processes = {\n\t\tcom.apple.xpc.launchd.unmanaged = {\n\t\t}\n\t}\n\
        \tendpoints = {\n\t\t 0x1 M A com.apple.x\n\t}\n}\n";

    #[test]
    fn reads_all_jobs_of_one_answer() {
        let jobs = printed(PRINTED).unwrap();
        assert_eq!(jobs.len(), 4);
        let one = jobs["com.autonomi.antnode-1"];
        assert_eq!((one.pid, one.last_exit), (Some(412), None));
        let two = jobs["com.autonomi.antnode-2"];
        assert_eq!((two.pid, two.last_exit), (None, Some(78)));
        assert_eq!(jobs["com.apple.odd"], LoadedJob::default());
        assert_eq!(printed("gui/501 = {\n}\n"), None);
    }

    #[test]
    fn reads_list_of_old_launchctl() {
        let jobs =
            listed("PID\tStatus\tLabel\n412\t0\tcom.autonomi.antnode-1\n-\t-9\tcom.autonomi.antnode-2\n");
        assert_eq!(jobs["com.autonomi.antnode-1"].pid, Some(412));
        assert_eq!(jobs["com.autonomi.antnode-2"].last_exit, Some(-9));
    }

    #[test]
    fn explains_why_a_job_does_not_run() {
        let loaded = LoadedJob {
            pid: None,
            last_exit: Some(78),
        };
        assert_eq!(
            LoadedJob::explain(Some(loaded), Some("run `launchctl`: exit code 5")),
            "launchd has loaded it and does not run it, exit status 78 (launchd could not start the program): run `launchctl`: exit code 5"
        );
        assert_eq!(LoadedJob::explain(None, None), "launchd has not loaded it");
    }
}
