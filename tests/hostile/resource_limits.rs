//! A run with its duration and peak memory.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::stage::Ran;

/// The memory limit of the process.
pub const MOST_KB: u64 = 50 * 1024;

/// Runs the command; returns the result, the duration without waiting for a processor, and the peak memory in kB.
pub fn measured(mut command: Command) -> (Ran, Duration, u64) {
    let words: Vec<String> = command
        .get_args()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wnm starts");
    Ran::weighed(words.join(" "), child)
}
