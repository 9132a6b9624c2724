//! What is said to launchd, and how its answers are read.
//!
//! `launchctl` tells apart "it is so already" and "it failed" by codes that differ from one macOS to the next
//! (5, 17 or 37 for a job that is loaded; 3, 36 or 113 for one that is not). So its complaints are kept to be
//! quoted, and what is true is looked up afterwards in the list of all jobs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::colony::Mode;
use crate::manager::ManagerError;
use crate::program::{Program, user_account};

/// The launchd of the machine, or that of the user's desktop.
#[derive(Debug)]
pub struct Launchctl {
    mode: Mode,
    domain: String,
    /// Whether this launchctl is from before OS X 10.10 and knows `load`, `unload` and `list` only.
    is_old: AtomicBool,
}

/// One job that launchd has loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadedJob {
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How its last process ended, where launchd says; negative for a signal.
    pub last_exit: Option<i32>,
}

impl LoadedJob {
    /// Why it is not as it should be; `complaint` is what launchctl said when it was told.
    #[must_use]
    pub fn why(found: Option<LoadedJob>, complaint: Option<&str>) -> String {
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

/// What came of telling launchctl something: nothing, or what it complained of.
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
            // Anybody may ask; only root may tell the machine's launchd something.
            let print = Program::new("launchctl").args(["print", &self.domain]);
            let ended = print.ask()?;
            if ended.code() == Some(0) {
                if let Some(jobs) = printed(&ended.stdout) {
                    return Ok(jobs);
                }
            } else if !self.is_unknown(&ended.stderr, &ended.stdout) {
                return Err(ManagerError::NoDomain {
                    domain: self.domain.clone(),
                    why: print.failure(&ended).to_string(),
                });
            }
        }
        let ended = self.teller(&["list"]).run()?;
        Ok(listed(&ended.stdout))
    }

    /// Has it load the job that `file` describes, which starts it; also one that was kept from starting.
    pub fn load(&self, label: &str, file: &Path) -> LaunchctlResult {
        if !self.is_old() {
            self.tell(&["enable", &self.target(label)])?;
            let complaint = self.tell_of(&["bootstrap", &self.domain], file)?;
            if !self.is_old() {
                return Ok(complaint);
            }
        }
        self.load_as_before(file)
    }

    /// [`load`](Launchctl::load) in the way of old, which works where the new one does not.
    pub fn load_as_before(&self, file: &Path) -> LaunchctlResult {
        self.tell_of(&["load", "-w"], file)
    }

    /// Has it end the job and forget it. With `for_good` it also does not come back with the next boot.
    pub fn unload(&self, label: &str, file: &Path, for_good: bool) -> LaunchctlResult {
        if !self.is_old() {
            if for_good {
                self.tell(&["disable", &self.target(label)])?;
            }
            let complaint = self.tell(&["bootout", &self.target(label)])?;
            if !self.is_old() {
                return Ok(complaint);
            }
        }
        self.unload_as_before(file, for_good)
    }

    /// [`unload`](Launchctl::unload) in the way of old.
    pub fn unload_as_before(&self, file: &Path, for_good: bool) -> LaunchctlResult {
        self.tell_of(if for_good { &["unload", "-w"] } else { &["unload"] }, file)
    }

    /// Keeps the job, which is not loaded, from coming back with the next boot.
    pub fn disable(&self, label: &str) -> LaunchctlResult {
        self.tell(&["disable", &self.target(label)])
    }

    /// Forgets that the job was ever kept from starting.
    pub fn enable(&self, label: &str) -> LaunchctlResult {
        self.tell(&["enable", &self.target(label)])
    }

    /// Starts a loaded job at once, whatever pause launchd would make; ends its process first with `anew`.
    pub fn kickstart(&self, label: &str, file: &Path, anew: bool) -> LaunchctlResult {
        if !self.is_old() {
            let target = self.target(label);
            let words: &[&str] = if anew {
                &["kickstart", "-k", &target]
            } else {
                &["kickstart", &target]
            };
            let complaint = self.tell(words)?;
            if !self.is_old() {
                return Ok(complaint);
            }
        }
        self.unload_as_before(file, false)?;
        self.load_as_before(file)
    }

    fn target(&self, label: &str) -> String {
        format!("{}/{label}", self.domain)
    }

    fn is_old(&self) -> bool {
        self.is_old.load(Ordering::Relaxed)
    }

    fn teller(&self, words: &[&str]) -> Program {
        Program::new("launchctl").rights(self.mode).args(words)
    }

    fn tell(&self, words: &[&str]) -> LaunchctlResult {
        self.said(self.teller(words))
    }

    fn tell_of(&self, words: &[&str], file: &Path) -> LaunchctlResult {
        self.said(self.teller(words).arg(file))
    }

    fn said(&self, program: Program) -> LaunchctlResult {
        let ended = program.ask()?;
        // Old verbs that fail say so and end with 0.
        let has_failed = ended.code() != Some(0) || ended.stderr.contains("failed: ");
        if has_failed {
            self.is_unknown(&ended.stderr, &ended.stdout);
        }
        Ok(has_failed.then(|| program.failure(&ended).to_string()))
    }

    /// Whether it did not know what it was told to do; then it is an old one.
    fn is_unknown(&self, stderr: &str, stdout: &str) -> bool {
        let said = format!("{stderr}{stdout}").to_lowercase();
        let is_unknown = said.contains("unknown subcommand") || said.contains("unrecognized subcommand");
        self.is_old.fetch_or(is_unknown, Ordering::Relaxed);
        is_unknown
    }
}

/// The jobs in `launchctl print DOMAIN`: lines of pid (0: none), last exit (`-`: none) and label.
///
/// None where the text has no such part: Apple promises no form.
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
    fn all_jobs_are_read_from_one_answer() {
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
    fn the_list_of_old_is_read_as_well() {
        let jobs =
            listed("PID\tStatus\tLabel\n412\t0\tcom.autonomi.antnode-1\n-\t-9\tcom.autonomi.antnode-2\n");
        assert_eq!(jobs["com.autonomi.antnode-1"].pid, Some(412));
        assert_eq!(jobs["com.autonomi.antnode-2"].last_exit, Some(-9));
    }

    #[test]
    fn a_job_says_why_it_does_not_run() {
        let loaded = LoadedJob {
            pid: None,
            last_exit: Some(78),
        };
        assert_eq!(
            LoadedJob::why(Some(loaded), Some("run `launchctl`: exit code 5")),
            "launchd has loaded it and does not run it, exit status 78 (launchd could not start the program): run `launchctl`: exit code 5"
        );
        assert_eq!(LoadedJob::why(None, None), "launchd has not loaded it");
    }
}
