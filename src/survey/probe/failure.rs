//! Why a request failed: because of the node, of wnm itself, or of something unknown.

use std::error::Error as _;
use std::io;

/// `ENFILE` and `EMFILE`, the same on Linux and macOS.
const OUT_OF_FILES: [i32; 2] = [23, 24];

/// Who caused a missing answer.
pub(super) enum Failure {
    /// The node: no program listens, or it does not use HTTP.
    Theirs,
    /// wnm, for a short time: its connections to other nodes use up the limits of the system.
    Ours,
    /// Unknown: no route, or an unknown host.
    Nobodys,
}

pub(super) fn cause_of(error: &reqwest::Error) -> Failure {
    let mut source = error.source();
    let mut found = None;
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            found = Some(cause);
        }
        source = cause.source();
    }
    let kind = found.map(io::Error::kind);
    let errno = found.and_then(io::Error::raw_os_error);
    if errno.is_some_and(|errno| OUT_OF_FILES.contains(&errno))
        || kind == Some(io::ErrorKind::AddrNotAvailable)
    {
        return Failure::Ours;
    }
    match kind {
        Some(
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted,
        ) => Failure::Theirs,
        _ if error.is_connect() || error.is_builder() => Failure::Nobodys,
        Some(io::ErrorKind::TimedOut) => Failure::Nobodys,
        _ => Failure::Theirs,
    }
}
