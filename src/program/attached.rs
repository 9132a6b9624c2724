//! Programs that take the place of wnm, with its terminal.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Runs a program in place of this one. Returns only if that fails.
#[must_use]
pub fn replace_process(words: &[String]) -> io::Error {
    match words {
        [program, args @ ..] => Command::new(program).args(args).exec(),
        [] => io::Error::other("there is no program"),
    }
}
