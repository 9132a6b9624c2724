//! Disables anm and enables it again. To disable it, wnm removes its cron file, waits for its last run, and creates a
//! block file, so that every later run ends at once.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::colony::Timestamp;
use crate::signals;

use super::after_takeover::FinishedTakeover;
use super::config::teardown_reason;
use super::fs_ops::{FileOps, FileOwner};
use super::journal::{Journal, JournalStep};
use super::paths::{BLOCK, CONFIG, CRON, SCRIPT, STATE};
use super::{Server, TakeoverError};

/// How long to wait for the last run of anm without `--anm_wait`.
pub const LIMIT: Duration = Duration::from_secs(15 * 60);

/// After this many seconds without a process of anm, its block file is that of a run that was killed.
const STALE_AFTER_S: i64 = 60;

/// cron starts its jobs within this many seconds after a full minute.
const CRON_S: i64 = 5;

/// The start of the block file that wnm writes.
const OURS: &str = "wnm ";

/// The mode of the block file.
const BLOCK_BITS: u32 = 0o644;

/// Removes anm's cron file, waits until no run of anm is active, and creates the block file. If this fails, it restores
/// anm, unless anm's next run would delete its nodes: then the cron file stays in the backup.
///
/// # Errors
/// When a run of anm is still active after `limit`, after a signal, or when a file cannot be changed.
pub fn disable(server: &Server, journal: &mut Journal, limit: Duration) -> Result<(), TakeoverError> {
    match try_disable(server, journal, limit) {
        Ok(()) => Ok(()),
        Err(first) => Err(enable_after_error(server, journal, first)),
    }
}

/// Enables anm again after the error `first`. If that fails, the returned error contains both.
pub fn enable_after_error(server: &Server, journal: &mut Journal, first: TakeoverError) -> TakeoverError {
    let Err(then) = enable(server, journal) else {
        return first;
    };
    let kept = journal.backup.display();
    let hint = match &then {
        TakeoverError::Teardown { .. } => format!(
            "to keep the nodes, restore it with `sudo cp -p {} {CONFIG}`, and run this again",
            journal.copy_of(Path::new(CONFIG)).display()
        ),
        _ => format!("run this again, or `wnm --rollback_anm`; the removed files are in `{kept}`"),
    };
    let then = match (&first, then) {
        (TakeoverError::Teardown { .. }, TakeoverError::Teardown { .. }) => {
            "its cron file is in the backup".to_owned()
        }
        (_, then) => then.to_string(),
    };
    TakeoverError::NotUndone {
        first: Box::new(first),
        then,
        hint,
    }
}

fn try_disable(server: &Server, journal: &mut Journal, limit: Duration) -> Result<(), TakeoverError> {
    journal.reach(server, JournalStep::Silencing)?;
    remove_cron(server, journal)?;
    let begun = server.clock.now();
    let mut wait = LastRunWait {
        server,
        begun,
        alone_since: None,
        told: None,
    };
    loop {
        if let Some(why) = teardown_reason(server)? {
            return Err(TakeoverError::Teardown { why });
        }
        let waits = wait.blocker()?;
        match waits {
            None if create_block(server, journal, wait.is_stale())? => break,
            // A run of anm created its own block file first.
            None => {}
            Some(what) => {
                let waited = server.clock.now().since(begun);
                if waited >= i64::try_from(limit.as_secs()).unwrap_or(i64::MAX) {
                    return Err(TakeoverError::StillBusy { what, limit });
                }
                wait.report_progress(what);
            }
        }
        if signals::asked_to_end() {
            return Err(TakeoverError::Interrupted);
        }
        server.clock.sleep(Duration::from_secs(1));
    }
    FinishedTakeover::keep(server, journal)?;
    journal.reach(server, JournalStep::Importing)
}

/// Waits for the last run of anm.
struct LastRunWait<'a> {
    server: &'a Server,
    begun: Timestamp,
    /// Since when no process of anm was seen.
    alone_since: Option<Timestamp>,
    told: Option<(String, Timestamp)>,
}

impl LastRunWait<'_> {
    /// What prevents the takeover now; `None`: nothing.
    fn blocker(&mut self) -> Result<Option<String>, TakeoverError> {
        let now = self.server.clock.now();
        if let Some(line) = running(self.server)? {
            self.alone_since = None;
            return Ok(Some(format!("anm is running: `{line}`")));
        }
        let alone_since = *self.alone_since.get_or_insert(now);
        // In the minute in which the file was removed, cron may still use its old table.
        let quiet_at = Timestamp((self.begun.0.div_euclid(60) + 1) * 60 + CRON_S);
        if now < quiet_at {
            return Ok(Some("cron may still start anm for this minute".to_owned()));
        }
        let block = self.server.path(Path::new(BLOCK));
        let Ok(seen) = fs::symlink_metadata(&block) else {
            return Ok(None);
        };
        let alone = now.since(alone_since);
        let is_older = seen.mtime() < self.server.host.boot()?.0;
        if is_ours(self.server) || is_older || alone >= STALE_AFTER_S {
            return Ok(None);
        }
        Ok(Some(format!(
            "`{BLOCK}` exists although no process of anm runs; it is considered stale after {STALE_AFTER_S} s"
        )))
    }

    /// Whether there is a block file that wnm did not write.
    fn is_stale(&self) -> bool {
        fs::symlink_metadata(self.server.path(Path::new(BLOCK))).is_ok() && !is_ours(self.server)
    }

    /// Logs what it waits for: when that changes, and every 30 seconds.
    fn report_progress(&mut self, what: String) {
        const AGAIN_S: i64 = 30;
        let now = self.server.clock.now();
        let is_known = self
            .told
            .as_ref()
            .is_some_and(|(told, at)| *told == what && now.since(*at) < AGAIN_S);
        if !is_known {
            tracing::info!("waiting: {what}");
            self.told = Some((what, now));
        }
    }
}

/// The command line of a running process of anm; `None`: there is none.
///
/// # Errors
/// When the processes cannot be listed.
pub fn running(server: &Server) -> Result<Option<String>, TakeoverError> {
    let all = server.host.processes()?;
    let of_anm = all
        .into_iter()
        .find(|process| process.words.iter().any(|word| word.contains(SCRIPT)));
    Ok(of_anm.map(|process| process.words.join(" ")))
}

/// Whether wnm wrote the block file.
#[must_use]
pub fn is_ours(server: &Server) -> bool {
    fs::read(server.path(Path::new(BLOCK))).is_ok_and(|bytes| bytes.starts_with(OURS.as_bytes()))
}

/// Removes the cron file, if its copy in the backup is the same.
fn remove_cron(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
    let path = Path::new(CRON);
    let here = server.path(path);
    if fs::symlink_metadata(&here).is_err() {
        return Ok(());
    }
    let copy = journal.copy_of(path);
    if !journal.state.had_cron || !FileOps::of(server).same(&here, &server.path(&copy))? {
        return Err(TakeoverError::Differs {
            path: path.to_owned(),
            copy,
        });
    }
    FileOps::of(server).remove(&here)
}

/// Creates the block file; `false`: a run of anm created its own first, or runs now.
fn create_block(server: &Server, journal: &mut Journal, is_stale: bool) -> Result<bool, TakeoverError> {
    let block = server.path(Path::new(BLOCK));
    let text = format!(
        "{OURS}has taken these nodes over from anm, and no run of anm may change them; backup: {}; to undo: \
         wnm --rollback_anm\n",
        journal.backup.display()
    );
    let folder = block.parent().unwrap_or(&block).to_owned();
    let owned = FileOwner {
        bits: BLOCK_BITS,
        ..FileOwner::of(&folder).ok_or_else(|| TakeoverError::unreadable(STATE, "not found"))?
    };
    if is_ours(server) {
        // A takeover that was killed wrote it; it may name another backup.
        FileOps::of(server).write(&block, &text, owned)?;
    } else if is_stale {
        tracing::warn!("`{BLOCK}` is from a run of anm that was killed; it is replaced");
        journal.state.had_stale_block = true;
        journal.write(server)?;
        FileOps::of(server).write(&block, &text, owned)?;
    } else if !FileOps::of(server).create(&block, &text, owned)? {
        return Ok(false);
    }
    // A run that started before and had not created its block file yet would remove ours at its end.
    Ok(running(server)?.is_none() && is_ours(server))
}

/// Restores the block file and the cron file of anm. Can be repeated.
///
/// # Errors
/// When anm's next run would delete its nodes: then the cron file is not restored. When a file cannot be changed.
pub fn enable(server: &Server, journal: &mut Journal) -> Result<(), TakeoverError> {
    if is_ours(server) {
        let block = Path::new(BLOCK);
        let copy = server.path(journal.copy_of(block));
        if journal.state.had_stale_block {
            restore_stale(server, &copy)?;
        } else {
            FileOps::of(server).remove(&server.path(block))?;
        }
    }
    FinishedTakeover::forget(server)?;
    restore_cron(server, journal)?;
    journal.reach(server, JournalStep::GivenBack)
}

/// Restores a stale block file from the backup, or creates an empty one if it is not in the backup.
fn restore_stale(server: &Server, copy: &Path) -> Result<(), TakeoverError> {
    let files = FileOps::of(server);
    let block = server.path(Path::new(BLOCK));
    if files.read_if_there(copy)?.is_some() {
        return files.copy(copy, &block);
    }
    let owned = FileOwner::of(&block).unwrap_or(FileOwner {
        uid: 0,
        gid: 0,
        bits: BLOCK_BITS,
    });
    files.write(&block, "", owned)
}

/// Restores anm's cron file, unless anm would then delete its nodes.
pub(super) fn restore_cron(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
    if !journal.state.had_cron || server.path(Path::new(CRON)).exists() {
        return Ok(());
    }
    // Settings that cannot be parsed do not order that, and were there before.
    if let Ok(Some(why)) = teardown_reason(server) {
        return Err(TakeoverError::Teardown { why });
    }
    let path = Path::new(CRON);
    FileOps::of(server).copy(&server.path(journal.copy_of(path)), &server.path(path))
}
