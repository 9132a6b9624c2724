//! A finished run of wnm, and checks of its result.

use std::fs;
use std::io::ErrorKind;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde_json::Value;

/// A run that takes longer hangs.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// Measures a child without the time that it waits for a processor, which depends on the load of the machine.
pub struct Stopwatch {
    pid: u32,
    begun: Instant,
    queued: Duration,
}

impl Stopwatch {
    /// Starts now.
    pub fn start(child: &Child) -> Stopwatch {
        Stopwatch {
            pid: child.id(),
            begun: Instant::now(),
            queued: queued(child.id()),
        }
    }

    /// The time since the start, of a child that has not been reaped yet.
    pub fn elapsed(&self) -> Duration {
        let queued = queued(self.pid).saturating_sub(self.queued);
        self.begun.elapsed().saturating_sub(queued)
    }

    /// The time from the start to the end of the child. Does not reap it.
    pub fn until_end(&self) -> Duration {
        self.wait(WaitPidFlag::empty());
        self.elapsed()
    }

    fn has_ended(&self) -> bool {
        self.wait(WaitPidFlag::WNOHANG) != WaitStatus::StillAlive
    }

    fn wait(&self, flag: WaitPidFlag) -> WaitStatus {
        let child = Id::Pid(Pid::from_raw(self.pid.cast_signed()));
        waitid(child, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | flag).expect("a child")
    }
}

/// How long a process has waited for a processor since it started.
fn queued(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let nanoseconds = text.split_whitespace().nth(1);
    Duration::from_nanos(nanoseconds.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// A run: its arguments, exit code and output.
#[derive(Debug)]
pub struct Ran {
    pub words: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs the command and waits for it.
    pub fn of(mut command: Command) -> Ran {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = loop {
            match command.output() {
                // A child forked by another test still has this program open for writing; it closes it on
                // exec.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                ended => break ended.expect("wnm starts"),
            }
        };
        Ran::ended(words.join(" "), output)
    }

    /// The result of a command that has already ended.
    pub fn ended(words: String, output: Output) -> Ran {
        Ran {
            words,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Waits for a command; returns its result, its duration without the time that it waited for a processor, and its
    /// peak memory in kB.
    pub fn weighed(words: String, mut child: Child) -> (Ran, Duration, u64) {
        let stopwatch = Stopwatch::start(&child);
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        while !stopwatch.has_ended() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
            most = most.max(kb.unwrap_or(0));
            assert!(
                stopwatch.elapsed() < HANGS_AFTER || child.kill().is_err(),
                "`wnm {words}` does not end"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        let took = stopwatch.elapsed();
        let output = child.wait_with_output().expect("it ended");
        (Ran::ended(words, output), took, most)
    }

    /// The exit code must be `code`.
    pub fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "the code of {self}");
        self
    }

    /// The exit code must be 0.
    pub fn done(self) -> Ran {
        self.code(0)
    }

    /// stderr must contain `text`.
    pub fn says(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "`{text}` on the stderr of {self}");
        self
    }

    /// stdout must be empty.
    pub fn prints_nothing(self) -> Ran {
        assert_eq!(self.stdout, "", "the stdout of {self}");
        self
    }

    /// stderr must be an error of one to three lines without colours.
    pub fn complains(self) -> Ran {
        let lines = self.stderr.lines().filter(|line| !line.trim().is_empty()).count();
        assert!((1..=3).contains(&lines), "a line or two on the stderr of {self}");
        self.plain()
    }

    /// The output must contain no panic and no colour, because cron mails it.
    pub fn plain(self) -> Ran {
        assert!(!self.stderr.contains("panicked"), "no panic in {self}");
        assert!(
            !self.stderr.contains('\x1b') && !self.stdout.contains('\x1b'),
            "no colour in {self}"
        );
        self
    }

    /// Parses stdout as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("JSON ({error}) on the stdout of {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`wnm {}` ({:?})\nstdout:\n{}stderr:\n{}",
            self.words, self.code, self.stdout, self.stderr
        )
    }
}
