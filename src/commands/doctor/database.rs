//! Checks of the database, the lock, and the time of the last cycle.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::colony::Timestamp;
use crate::lock;
use crate::program::user_account;
use crate::report::doctor::CheckResult;
use crate::session::Session;
use crate::store::{Fault, Store, newest_version};

use super::context::duration;

/// A run that takes longer hangs: a survey is limited to 20 s and a program to 30 s, and few plans have many steps.
const LONG_RUN_S: i64 = 30 * 60;
/// Cron runs wnm each minute, and a run with many steps may take several minutes.
const STALE_S: i64 = 5 * 60;

/// Checks that the database exists, has this version, is not damaged and belongs to this user. Returns the open store too.
pub fn check(session: &Session) -> (CheckResult, Option<Store>) {
    const CHECK: &str = "database";
    let path = &session.place.db_path;
    let name = path.display();
    let store = match Store::open_read_only(path) {
        Ok(store) => store,
        Err(error) => {
            let todo = match &error.fault {
                Fault::Absent | Fault::Uninitialised => "wnm --init --rewards_address ADDRESS",
                Fault::Behind { .. } | Fault::Interrupted => "wnm --force_action wnm-db-migration --confirm",
                Fault::Ahead(_) => "use the wnm that migrated it, or a newer one",
                Fault::Denied(_) => "run wnm as the owner of the file, or change its owner",
                Fault::Locked => "stop the program that locks it: a backup or an SQLite browser",
                _ => "restore a backup; a migration leaves one in the same directory",
            };
            return (CheckResult::failed(CHECK, error.to_string(), todo), None);
        }
    };
    let damage = match store.flaws() {
        Ok(flaws) => flaws,
        Err(error) => vec![error.to_string()],
    };
    if let Some(first) = damage.first() {
        let what = format!("`{name}` is damaged: {first} ({} errors)", damage.len());
        let todo = "stop cron, keep a copy of the file, and restore a backup";
        return (CheckResult::failed(CHECK, what, todo), None);
    }
    if let Some(result) = foreign_owner(CHECK, path) {
        return (result, Some(store));
    }
    if let Ok(foreign) = store.foreign_objects()
        && !foreign.is_empty()
    {
        let what = format!(
            "`{name}` contains what wnm did not create: {}",
            foreign.join(", ")
        );
        let todo = "wnm does not use them and never runs triggers; delete them with `sqlite3`, for example `DROP VIEW name`";
        return (CheckResult::warning(CHECK, what, todo), Some(store));
    }
    let what = format!("`{name}`: schema V{}, integrity ok", newest_version());
    (CheckResult::ok(CHECK, what), Some(store))
}

/// A file of another user than the one who runs wnm, for example after one run with sudo.
fn foreign_owner(check: &'static str, path: &Path) -> Option<CheckResult> {
    let owner = fs::metadata(path).ok()?.uid();
    if owner == user_account::uid() || user_account::is_root() {
        return None;
    }
    Some(CheckResult::failed(
        check,
        format!(
            "`{}` belongs to user {owner}, and wnm runs as another user",
            path.display()
        ),
        format!(
            "sudo chown -R \"$USER\" {}",
            shell_words::quote(&path.parent().unwrap_or(path).to_string_lossy())
        ),
    ))
}

/// Checks that the lock is free, or held by a run that does not hang.
pub fn lock(session: &Session, now: Timestamp) -> CheckResult {
    const CHECK: &str = "lock";
    let path = &session.place.lock_path;
    let name = path.display();
    if let Some(result) = foreign_owner(CHECK, path) {
        return result;
    }
    match lock::holder(path) {
        Err(error) => CheckResult::warning(CHECK, error.to_string(), "check the file"),
        Ok(None) => match lock::other_holder(path) {
            None => CheckResult::ok(CHECK, "free"),
            Some(pid) => CheckResult::warning(
                CHECK,
                format!(
                    "`{name}` is held by {}, which is no run of wnm: no run begins meanwhile",
                    program_name(pid)
                ),
                format!("wait until it ends, or end it; `ps -fp {pid}` shows it"),
            ),
        },
        Ok(Some(holder)) => {
            let age = holder.since.map(|since| now.since(since));
            let since = age.map_or_else(String::new, |age| format!(" for {}", duration(age)));
            let what = format!("held by run {}{since}", holder.pid);
            match age {
                Some(age) if age > LONG_RUN_S => CheckResult::failed(
                    CHECK,
                    format!("{what}: all other runs exit because of `{name}`"),
                    format!(
                        "see what it waits for: `ps --forest -g {0}`; then `kill {0}`",
                        holder.pid
                    ),
                ),
                _ => CheckResult::ok(CHECK, what),
            }
        }
    }
}

/// `process 4711 (flock)`.
fn program_name(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    match name.trim() {
        "" => format!("process {pid}"),
        name => format!("process {pid} ({name})"),
    }
}

/// Checks that a cycle ended less than five minutes ago.
pub fn last_cycle(store: &Store, now: Timestamp) -> CheckResult {
    const CHECK: &str = "cycle";
    let todo = "run `wnm` by hand; if it succeeds, the problem is in the schedule that runs it each minute";
    let last = match store.last_sample() {
        Err(error) => return CheckResult::failed(CHECK, error.to_string(), todo),
        Ok(None) => return CheckResult::failed(CHECK, "no cycle has ended yet", todo),
        Ok(Some(sample)) => sample.at,
    };
    let age = now.since(last);
    match age {
        // The check of the clock reports a clock that was set back.
        ..=STALE_S => CheckResult::ok(
            CHECK,
            format!("the last cycle ended {} ago", duration(age.max(0))),
        ),
        _ => CheckResult::failed(CHECK, format!("the last cycle ended {} ago", duration(age)), todo),
    }
}
