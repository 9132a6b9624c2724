//! anm is silenced so that it can be given its voice back: its cron file is taken away, its last run waited for, and
//! a block of ours left in its folder, at which any run of it ends at once.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::colony::Timestamp;
use crate::signals;

use super::after_takeover::FinishedTakeover;
use super::config::teardown_ordered;
use super::fs_ops::{FileOps, FileOwner};
use super::journal::{Journal, JournalStep};
use super::paths::{BLOCK, CONFIG, CRON, SCRIPT, STATE};
use super::{Server, TakeoverError};

/// How long anm is waited for when nothing else is said.
pub const LIMIT: Duration = Duration::from_secs(15 * 60);

/// After so many seconds without a process of anm its block is that of a run that was killed.
const STALE_AFTER_S: i64 = 60;

/// cron starts what it starts within so many seconds of a full minute.
const CRON_S: i64 = 5;

/// What our block begins with.
const OURS: &str = "wnm ";

/// Owner and mode of our block, where it replaces none: that of anm's folder.
const BLOCK_BITS: u32 = 0o644;

/// Takes anm's cron file away, waits until no run of it is left, and leaves our block. When it fails anm is as it
/// was before, unless it was told to destroy its nodes: then its cron file stays away.
///
/// # Errors
/// When anm does not come to rest within `limit`, a signal asks us to end, or a file cannot be handled.
pub fn silence(server: &Server, journal: &mut Journal, limit: Duration) -> Result<(), TakeoverError> {
    match hush(server, journal, limit) {
        Ok(()) => Ok(()),
        Err(first) => Err(undone(server, journal, first)),
    }
}

/// Gives anm its voice back after `first` went wrong; what is to be told is both.
pub fn undone(server: &Server, journal: &mut Journal, first: TakeoverError) -> TakeoverError {
    let Err(then) = give_voice(server, journal) else {
        return first;
    };
    let kept = journal.backup.display();
    let hint = match &then {
        TakeoverError::Teardown { .. } => format!(
            "if the nodes shall live, put it back with `sudo cp -p {} {CONFIG}`, and call this again",
            journal.copy_of(Path::new(CONFIG)).display()
        ),
        _ => format!("call this again, or `wnm --rollback_anm`; what was taken away is in `{kept}`"),
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

fn hush(server: &Server, journal: &mut Journal, limit: Duration) -> Result<(), TakeoverError> {
    journal.reach(server, JournalStep::Silencing)?;
    take_cron_away(server, journal)?;
    let begun = server.clock.now();
    let mut watch = LastRunWait {
        server,
        begun,
        alone_since: None,
        told: None,
    };
    loop {
        if let Some(why) = teardown_ordered(server)? {
            return Err(TakeoverError::Teardown { why });
        }
        let waits = watch.waits_for()?;
        match waits {
            None if leave_block(server, journal, watch.is_stale())? => break,
            // Its next run came first after all.
            None => {}
            Some(what) => {
                let waited = server.clock.now().since(begun);
                if waited >= i64::try_from(limit.as_secs()).unwrap_or(i64::MAX) {
                    return Err(TakeoverError::StillBusy { what, limit });
                }
                watch.tell(what);
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

/// What is waited for, and since when.
struct LastRunWait<'a> {
    server: &'a Server,
    begun: Timestamp,
    /// Since when no process of anm is to be seen.
    alone_since: Option<Timestamp>,
    told: Option<(String, Timestamp)>,
}

impl LastRunWait<'_> {
    /// What is still in the way; None: nothing.
    fn waits_for(&mut self) -> Result<Option<String>, TakeoverError> {
        let now = self.server.clock.now();
        if let Some(line) = running(self.server)? {
            self.alone_since = None;
            return Ok(Some(format!("anm is at work: `{line}`")));
        }
        let alone_since = *self.alone_since.get_or_insert(now);
        // cron may have read its old table for the minute in which the file went.
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
            "`{BLOCK}` is there, as in a run of anm, though no process of it is; taken for stale after {STALE_AFTER_S} s"
        )))
    }

    /// Whether there is a block, though no run that it could be of.
    fn is_stale(&self) -> bool {
        fs::symlink_metadata(self.server.path(Path::new(BLOCK))).is_ok() && !is_ours(self.server)
    }

    /// Says what is waited for: when that changes, and now and then.
    fn tell(&mut self, what: String) {
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

/// The command line of a process of anm; None: there is none.
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

/// Whether the block there is one of ours.
#[must_use]
pub fn is_ours(server: &Server) -> bool {
    fs::read(server.path(Path::new(BLOCK))).is_ok_and(|bytes| bytes.starts_with(OURS.as_bytes()))
}

/// Takes the cron file away, once its copy is known to be the same.
fn take_cron_away(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
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

/// Leaves our block; false: a run of anm was faster, or is there now.
fn leave_block(server: &Server, journal: &mut Journal, is_stale: bool) -> Result<bool, TakeoverError> {
    let block = server.path(Path::new(BLOCK));
    let text = format!(
        "{OURS}has taken these nodes over from anm, and no run of anm may act on them; backup: {}; back with: \
         wnm --rollback_anm\n",
        journal.backup.display()
    );
    let folder = block.parent().unwrap_or(&block).to_owned();
    let owned = FileOwner {
        bits: BLOCK_BITS,
        ..FileOwner::of(&folder).ok_or_else(|| TakeoverError::Unreadable {
            path: STATE.into(),
            why: "it is gone".to_owned(),
        })?
    };
    if is_ours(server) {
        // Of a takeover that was killed; it may name another backup.
        FileOps::of(server).write(&block, &text, owned)?;
    } else if is_stale {
        tracing::warn!("`{BLOCK}` was left by a run of anm that has long gone; it is replaced");
        journal.state.had_stale_block = true;
        journal.write(server)?;
        FileOps::of(server).write(&block, &text, owned)?;
    } else if !FileOps::of(server).create(&block, &text, owned)? {
        return Ok(false);
    }
    // A run that had begun before, and had not yet made a block, would remove ours at its end.
    Ok(running(server)?.is_none() && is_ours(server))
}

/// Puts the block and the cron file of anm back as they were at the beginning. Done twice it does no harm.
///
/// # Errors
/// When anm was told to destroy its nodes, the cron file stays away; or a file cannot be handled.
pub fn give_voice(server: &Server, journal: &mut Journal) -> Result<(), TakeoverError> {
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
    put_cron_back(server, journal)?;
    journal.reach(server, JournalStep::GivenBack)
}

/// The block of a run long gone, as it lay there: from the backup, or made anew where it came after the backup.
fn restore_stale(server: &Server, copy: &Path) -> Result<(), TakeoverError> {
    let hands = FileOps::of(server);
    let block = server.path(Path::new(BLOCK));
    if hands.read_if_there(copy)?.is_some() {
        return hands.copy(copy, &block);
    }
    let owned = FileOwner::of(&block).unwrap_or(FileOwner {
        uid: 0,
        gid: 0,
        bits: BLOCK_BITS,
    });
    hands.write(&block, "", owned)
}

/// Puts anm's cron file back; never while that would destroy nodes.
pub(super) fn put_cron_back(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
    if !journal.state.had_cron || server.path(Path::new(CRON)).exists() {
        return Ok(());
    }
    // Settings that cannot be understood are no such order, and were there before.
    if let Ok(Some(why)) = teardown_ordered(server) {
        return Err(TakeoverError::Teardown { why });
    }
    let path = Path::new(CRON);
    FileOps::of(server).copy(&server.path(journal.copy_of(path)), &server.path(path))
}
