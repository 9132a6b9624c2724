//! A run with the most memory that it took.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::stage::Ran;

/// What the whole process may take at any time.
pub const MOST_KB: u64 = 50 * 1024;

/// A run that has ended, in what time, and what memory it took at most, as the kernel told while it ran.
pub fn measured(mut command: Command) -> (Ran, Duration, u64) {
    let words: Vec<String> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wnm starts");
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
    (Ran::ended(words.join(" "), output), begun.elapsed(), most)
}
