//! A private machine for the replay, where this is root: `/run` with only a simulated systemd of the
//! operator, and an empty `/var`. Without root the replay uses the real machine, and the differences are
//! listed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::home::UID;

/// Set in the replay that runs inside.
const INSIDE: &str = "WNM_REPLAY_INSIDE";

/// The network is private too, so that every port is free; its loopback interface starts disabled.
const LOOPBACK: &str = "ip link set lo up 2>/dev/null || ifconfig lo up";

/// Runs this program again in the private machine and returns the result; None inside.
pub fn enter(golden: &Path) -> Option<ExitCode> {
    if std::env::var_os(INSIDE).is_some() {
        prepare(golden);
        return None;
    }
    let is_possible = || {
        let tried = Command::new("unshare")
            .args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"])
            .output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    if !nix::unistd::geteuid().is_root() || !is_possible() {
        return None;
    }
    let own = std::env::current_exe().ok()?;
    let ended = Command::new("unshare")
        .args(["--mount", "--net"])
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .ok()?;
    Some(if ended.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn prepare(golden: &Path) {
    let _ = Command::new("sh").args(["-c", LOOPBACK]).status();
    cover("/run");
    let sockets = PathBuf::from(format!("/run/user/{UID}/systemd"));
    if fs::create_dir_all(&sockets).is_ok() {
        let _ = fs::write(sockets.join("private"), "");
    }
    let needed = [
        golden.to_owned(),
        std::env::temp_dir(),
        PathBuf::from(env!("CARGO_BIN_EXE_wnm")),
    ];
    if !needed.iter().any(|place| place.starts_with("/var")) {
        cover("/var");
    }
}

/// Mounts an empty folder at `place`, for this process and its children.
fn cover(place: &str) {
    let covered = Command::new("mount")
        .args(["-t", "tmpfs", "tmpfs", place])
        .status();
    if !covered.is_ok_and(|covered| covered.success()) {
        eprintln!("{place} cannot be covered");
    }
}
