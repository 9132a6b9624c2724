//! `wnm health`: reads only the database, takes no lock and queries no node.

use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};

use super::RunResult;
use super::node_problems::ProblemFacts;
use crate::clock::Clock;
use crate::error::ExitError;
use crate::report::Format;
use crate::report::health::{self, DiskLevel, Health, HealthInput};
use crate::session::{Session, absent};
use crate::store::{ColonyNote, Store};

const HOUR_S: i64 = 60 * 60;

/// Whether the command line asks for the health. Such a run ends with a line and one of four exit codes, whatever happens.
pub(super) fn is_requested(args: &[OsString]) -> bool {
    let is_help = |arg: &OsString| arg == "--help" || arg == "-h";
    args.get(1).is_some_and(|word| word == "health") && !args.iter().any(is_help)
}

/// Turns an error or a panic of `work` into the state UNKNOWN.
pub(super) fn always_answer(work: impl FnOnce() -> Result<RunResult, ExitError>) -> RunResult {
    // The message of a panic would be a second line.
    panic::set_hook(Box::new(|_| {}));
    let health = match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => return result,
        Ok(Err(error)) => Health::unknown(&error.what),
        Err(_) => Health::unknown("wnm failed; `wnm doctor` may show why"),
    };
    answer(&health, health.line())
}

fn answer(health: &Health, output: String) -> RunResult {
    RunResult {
        output,
        code: health.state as u8,
    }
}

/// Judges the colony.
///
/// # Errors
/// When it cannot be read.
pub(super) fn health(session: &Session) -> Result<RunResult, ExitError> {
    let store = Store::open_read_only(&session.place.db_path).map_err(|error| absent(session, error))?;
    let rows = store.node_rows()?;
    let settings = session
        .resolve_from(Some(&store), &[], &session.provided)?
        .settings;
    let now = session.clock.now();
    let last = store.last_sample()?;
    let facts = ProblemFacts::read(&store, &settings, &rows.nodes)?;
    let disk = last.as_ref().and_then(|sample| {
        let (used, free) = (sample.readings.disk_used as f64, sample.readings.disk_free as f64);
        let limits = settings.policy().disk;
        (used + free > 0.0).then(|| DiskLevel {
            used: 100.0 * used / (used + free),
            warning: limits.add,
            critical: limits.remove,
        })
    });
    let safety_stop = store.note_text(ColonyNote::SafetyStop)?;
    let health = health::check(&HealthInput {
        nodes: &rows.nodes,
        problems: facts.context(now),
        cap: settings.node_cap,
        survey_age: last.map(|sample| now.since(sample.at).max(0)),
        disk,
        failed_actions: store.failed_actions(now.plus(-HOUR_S))?,
        unreadable_rows: rows.unread.len(),
        safety_stop: safety_stop.as_deref(),
        pause: store.pauses()?.describe(now),
    });
    let output = match session.run.format() {
        Format::Json => health.json(),
        _ => health.line(),
    };
    Ok(answer(&health, output))
}
