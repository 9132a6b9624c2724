//! What /proc says of a process.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) fn is_mounted() -> bool {
    Path::new("/proc/self/cmdline").exists()
}

/// The command line of a process; empty if the process is gone, has ended, or is hidden from us.
///
/// # Errors
/// With what prevents us from reading any process, as too many open files: to count such a process as ended would be
/// to count living nodes as dead.
pub(super) fn command(pid: u32) -> io::Result<Vec<OsString>> {
    let mut bytes = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => bytes,
        Err(error) if is_about_this_process(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(bytes
        .split(|&byte| byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect())
}

/// Whether an error only says that this process has ended or is hidden.
fn is_about_this_process(error: &io::Error) -> bool {
    /// The process ended between open and read.
    const ESRCH: i32 = 3;
    let is_gone = error.raw_os_error() == Some(ESRCH);
    is_gone || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}

/// The program file that a process runs, even if it was deleted since.
pub(super) fn executable(pid: u32) -> Option<PathBuf> {
    let target = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let bytes = target.as_os_str().as_bytes();
    let bytes = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    Some(PathBuf::from(OsStr::from_bytes(bytes)))
}

pub(super) fn working_directory(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// The user id of a process.
pub(super) fn owner(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}"))
        .ok()
        .map(|process| process.uid())
}

/// The environment variables of a process whose names begin with `prefix`.
pub(super) fn environment(pid: u32, prefix: &str) -> Vec<(String, String)> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let all = bytes
        .split(|&byte| byte == 0)
        .filter(|pair| pair.starts_with(prefix.as_bytes()));
    all.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
