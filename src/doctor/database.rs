//! What the colony keeps: its database, its lock, and when a cycle last wrote to it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::colony::Timestamp;
use crate::lock;
use crate::program::user_account;
use crate::report::doctor::CheckResult;
use crate::session::Session;
use crate::store::{Fault, Store, newest_version};

use super::span;

/// A run that takes longer hangs: surveys have 20 s, a program 30 s, and a plan rarely many steps.
const LONG_RUN_S: i64 = 30 * 60;
/// Cron runs wnm each minute; a run of many steps may take a few.
const STALE_S: i64 = 5 * 60;

/// Whether the database is there, of this version, whole and ours; and the open store where it is.
pub fn database(session: &Session) -> (CheckResult, Option<Store>) {
    const CHECK: &str = "database";
    let path = &session.place.db_path;
    let name = path.display();
    let store = match Store::open_read_only(path) {
        Ok(store) => store,
        Err(error) => {
            let todo = match &error.fault {
                Fault::Absent | Fault::Uninitialised => "wnm --init --rewards_address ADDRESS",
                Fault::Behind { .. } | Fault::Interrupted => "wnm --force_action wnm-db-migration --confirm",
                Fault::Ahead(_) => "use the wnm that made it, or a newer one",
                Fault::Denied(_) => "run wnm as the user who made it, or give the file back",
                Fault::Locked => "end the program that holds it: a backup, a browser of SQLite files",
                _ => "put a backup in its place; the copy that a migration made lies beside it",
            };
            return (CheckResult::failed(CHECK, error.to_string(), todo), None);
        }
    };
    let damage = match store.flaws() {
        Ok(flaws) => flaws,
        Err(error) => vec![error.to_string()],
    };
    if let Some(first) = damage.first() {
        let what = format!("`{name}` is damaged: {first} ({} in all)", damage.len());
        let todo = "let no run write to it: stop cron, keep a copy, and put a backup in its place";
        return (CheckResult::failed(CHECK, what, todo), None);
    }
    if let Some(finding) = someone_elses(CHECK, path) {
        return (finding, Some(store));
    }
    let what = format!("`{name}` has schema V{} and is whole", newest_version());
    (CheckResult::ok(CHECK, what), Some(store))
}

/// A file that belongs to another user than the one who runs wnm, as after one run with sudo.
fn someone_elses(check: &'static str, path: &Path) -> Option<CheckResult> {
    let owner = fs::metadata(path).ok()?.uid();
    if owner == user_account::uid() || user_account::is_root() {
        return None;
    }
    Some(CheckResult::failed(
        check,
        format!(
            "`{}` belongs to user {owner}, not to the one who runs wnm",
            path.display()
        ),
        format!(
            "sudo chown -R \"$USER\" {}",
            path.parent().unwrap_or(path).display()
        ),
    ))
}

/// Whether the lock is free, or held by a run that is not too old.
pub fn lock(session: &Session, now: Timestamp) -> CheckResult {
    const CHECK: &str = "lock";
    let path = &session.place.lock_path;
    let name = path.display();
    if let Some(finding) = someone_elses(CHECK, path) {
        return finding;
    }
    match lock::holder(path) {
        Err(error) => CheckResult::warning(CHECK, error.to_string(), "look at the file"),
        Ok(None) => CheckResult::ok(CHECK, "free"),
        Ok(Some(holder)) => {
            let age = holder.since.map(|since| now.since(since));
            let since = age.map_or_else(String::new, |age| format!(" for {}", span(age)));
            let what = format!("run {} is at work{since}", holder.pid);
            match age {
                Some(age) if age > LONG_RUN_S => CheckResult::failed(
                    CHECK,
                    format!("{what}, and keeps `{name}` from all others"),
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

/// Whether a cycle ended less than five minutes ago.
pub fn last_cycle(store: &Store, now: Timestamp) -> CheckResult {
    const CHECK: &str = "cycle";
    let todo =
        "run `wnm` by hand and read what it says; if that goes well, what runs it each minute does not work";
    let last = match store.last_sample() {
        Err(error) => return CheckResult::failed(CHECK, error.to_string(), todo),
        Ok(None) => return CheckResult::failed(CHECK, "there was none yet", todo),
        Ok(Some(sample)) => sample.at,
    };
    let age = now.since(last);
    match age {
        // A clock that was set back is the affair of its own check.
        ..=STALE_S => CheckResult::ok(CHECK, format!("the last one was {} ago", span(age.max(0)))),
        _ => CheckResult::failed(CHECK, format!("the last one was {} ago", span(age)), todo),
    }
}
