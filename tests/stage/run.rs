//! One run of wnm that has ended, and what may be asked of it.

use std::fs;
use std::io::ErrorKind;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A run: its words, how it ended and what it said.
#[derive(Debug)]
pub struct Ran {
    pub words: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Runs the command to its end.
    pub fn of(mut command: Command) -> Ran {
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = loop {
            match command.output() {
                // Another test forked while this program was being written, and holds it open until its exec.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                ended => break ended.expect("wnm starts"),
            }
        };
        Ran::ended(words.join(" "), output)
    }

    /// One that was started elsewhere and has ended.
    pub fn ended(words: String, output: Output) -> Ran {
        Ran {
            words,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// One that runs, once it has ended, and the most memory that it took, in kB, as the kernel told while it ran.
    pub fn weighed(words: String, mut child: Child) -> (Ran, u64) {
        let begun = Instant::now();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        while child.try_wait().expect("it is ours").is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let told = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = told.and_then(|told| told.trim().trim_end_matches(" kB").parse().ok());
            most = most.max(kb.unwrap_or(0));
            assert!(
                begun.elapsed() < Duration::from_secs(120) || child.kill().is_err(),
                "it ends"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().expect("it ended");
        (Ran::ended(words, output), most)
    }

    /// It must have ended with this code.
    pub fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "the code of {self}");
        self
    }

    /// It must have ended with 0.
    pub fn done(self) -> Ran {
        self.code(0)
    }

    /// It must have said this on stderr.
    pub fn says(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "`{text}` on the stderr of {self}");
        self
    }

    /// It must have printed nothing on stdout.
    pub fn prints_nothing(self) -> Ran {
        assert_eq!(self.stdout, "", "the stdout of {self}");
        self
    }

    /// An error is told in a line or two, without a trace, and without terminal colours.
    pub fn complains(self) -> Ran {
        let lines = self.stderr.lines().filter(|line| !line.trim().is_empty()).count();
        assert!((1..=3).contains(&lines), "a line or two on the stderr of {self}");
        self.plain()
    }

    /// No panic and no colour: what cron mails must be readable.
    pub fn plain(self) -> Ran {
        assert!(!self.stderr.contains("panicked"), "no panic in {self}");
        assert!(
            !self.stderr.contains('\x1b') && !self.stdout.contains('\x1b'),
            "no colour in {self}"
        );
        self
    }

    /// What it printed, as JSON.
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
