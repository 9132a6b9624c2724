//! A run with the most memory that it took.

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
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wnm starts");
    let (ran, most) = Ran::weighed(words.join(" "), child);
    (ran, begun.elapsed(), most)
}
