//! A finished run of wnm, and checks of its result.

use std::fs;
use std::io::ErrorKind;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

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

    /// Waits for a command; returns its result and its peak memory in kB.
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
