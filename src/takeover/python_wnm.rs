//! Detects a running Python wnm, which must not act on the same nodes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::manager::{ManagerError, process_scan};

/// The PID of a Python wnm that runs on the colony of this home directory, if any.
///
/// # Errors
/// When processes cannot be listed.
pub fn at_work(home: &Path) -> Result<Option<u32>, ManagerError> {
    let every = process_scan::all_commands()?;
    let mut found = every.iter().filter(|(pid, words)| {
        is_python_wnm(words) && is_at_home(*pid, home) && !process_scan::is_in_container(*pid)
    });
    Ok(found.next().map(|(pid, _)| *pid))
}

/// Whether a process has this home directory. A process whose environment cannot be read belongs to another user; without
/// `/proc`, every process counts.
fn is_at_home(pid: u32, home: &Path) -> bool {
    match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environment) => environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.strip_prefix(b"HOME=") == Some(home.as_os_str().as_bytes())),
        Err(_) => !Path::new("/proc/self").exists(),
    }
}

/// Whether a command line is `python3 -m wnm …` or `python3 /…/bin/wnm …`, with any flags of Python.
fn is_python_wnm(words: &[OsString]) -> bool {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    if !words
        .next()
        .is_some_and(|program| name(&program).to_ascii_lowercase().starts_with("python"))
    {
        return false;
    }
    while let Some(word) = words.next() {
        match word.as_ref() {
            "-m" => return words.next().is_some_and(|module| module == "wnm"),
            // These flags have a value.
            "-W" | "-X" => drop(words.next()),
            "-c" => return false,
            flag if flag.starts_with('-') => {}
            script => return name(script) == "wnm",
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(line: &str) -> bool {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        is_python_wnm(&words)
    }

    #[test]
    fn recognises_the_command_line_of_the_python_wnm() {
        for line in [
            "/home/op/.venv/bin/python3 /home/op/.venv/bin/wnm --force_action add",
            "python3.12 -X utf8 -m wnm",
            "/opt/Python.app/Contents/MacOS/Python -u /usr/local/bin/wnm",
        ] {
            assert!(is(line), "{line}");
        }
    }

    #[test]
    fn rejects_other_command_lines() {
        for line in [
            "/usr/local/bin/wnm --dry_run",
            "python3 -m pytest wnm",
            "python3 /srv/report.py wnm",
            "python3 -c wnm",
            "vim /home/op/wnm",
            "python3",
            "",
        ] {
            assert!(!is(line), "{line}");
        }
    }
}
