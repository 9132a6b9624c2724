//! The acts of a takeover, in their order. Each is written down before it is begun, so that a takeover that was
//! killed goes on when it is called again.
//!
//! ```text
//! judge      nothing is changed
//! back up    a new folder                        called again: anew
//! silence    anm's cron file, its block          called again: goes on; failed: all is put back
//! import     the colony, in one transaction      called again: goes on; failed: all is put back
//! settle     NTracking, wnm's schedule           called again: goes on
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::colony::{Node, NodeState};
use crate::settings::run_options::Collector;
use crate::signals;

use super::build::{TakeoverPlan, judge, stale_block};
use super::journal::{self, Journal, JournalStep};
use super::manifest::StateBefore;
use super::paths::CRON;
use super::units::{self, NodeUnit};
use super::{Server, TakeoverError, backup, disable, ntracking, operator_summary, schedule};

/// What is wanted of a takeover.
#[derive(Clone, Copy, Debug)]
pub struct TakeoverOptions<'a> {
    /// The colony that gets the nodes, by its path on the server.
    pub database: &'a Path,
    /// In whose name cron runs it.
    pub user: &'a str,
    /// What becomes of NTracking's collector; None: as it was said first.
    pub collector: Option<Collector>,
    /// How long anm is waited for.
    pub limit: Duration,
}

/// The colony that gets the nodes.
pub trait Successor {
    /// Whether it is there already.
    ///
    /// # Errors
    /// When there is something in its place that is no colony.
    fn is_made(&self) -> Result<bool, TakeoverError>;

    /// Lets what the operator says of settings count before what was read of anm's.
    ///
    /// # Errors
    /// A setting that cannot be.
    fn weigh(&self, judgement: &mut TakeoverPlan) -> Result<(), TakeoverError>;

    /// Makes it, with its settings and rows, in one transaction. `check` is asked with the rows as they were written,
    /// and when it fails nothing was.
    ///
    /// # Errors
    /// That of `check`, and what keeps it from being made.
    fn make(
        &self,
        judgement: &TakeoverPlan,
        check: &dyn Fn(&[Node]) -> Result<(), TakeoverError>,
    ) -> Result<(), TakeoverError>;

    /// What it got, for the report.
    fn inventory(&self, judgement: &TakeoverPlan) -> String;
}

/// Takes the nodes over, or goes on where a takeover that was killed stopped; returns the report.
///
/// # Errors
/// When it must not be done or cannot be; anm is then as it was, or the error says what is not.
pub fn take_over(
    server: &Server,
    wish: &TakeoverOptions<'_>,
    heir: &dyn Successor,
) -> Result<String, TakeoverError> {
    let mut journal = match begun(server, wish, heir)? {
        Some(journal) => journal,
        None => begin(server, wish, heir)?,
    };
    if let Some(collector) = wish.collector {
        journal.state.collector = collector;
    }
    if journal.state.step != JournalStep::Settling {
        disable::silence(server, &mut journal, wish.limit)?;
        let imported = import(server, &journal, heir);
        imported.map_err(|error| disable::undone(server, &mut journal, error))?;
    }
    settle(server, &mut journal, wish)?;
    journal.report(server)
}

/// The takeover that was begun before, if it can be gone on with.
fn begun(
    server: &Server,
    wish: &TakeoverOptions<'_>,
    heir: &dyn Successor,
) -> Result<Option<Journal>, TakeoverError> {
    let is_made = heir.is_made()?;
    let there = || {
        TakeoverError::refused(
            format_args!("there is a colony at `{}` already", wish.database.display()),
            "nodes are taken over into a new one; `wnm --rollback_anm` gives back what was taken over",
        )
    };
    let Some(mut journal) = journal::last(server)? else {
        return if is_made { Err(there()) } else { Ok(None) };
    };
    let backup = journal.backup.display();
    if journal.state.step == JournalStep::GivingBack {
        return Err(TakeoverError::refused(
            format_args!("a rollback was begun and did not end: `{backup}`"),
            "end it first: `wnm --rollback_anm`",
        ));
    }
    if journal.state.database != wish.database {
        return Err(TakeoverError::refused(
            format_args!(
                "the nodes of this machine were taken over into `{}`",
                journal.state.database.display()
            ),
            format_args!(
                "go on with `--dbpath {}`, or give them back: `wnm --rollback_anm`",
                journal.state.database.display()
            ),
        ));
    }
    match (journal.state.step, is_made) {
        (JournalStep::Done | JournalStep::Silencing, true) => return Err(there()),
        // It was killed after its one transaction.
        (_, true) => journal.reach(server, JournalStep::Settling)?,
        // A colony that was moved away after it was done: the nodes are imported once more.
        (_, false) => journal.reach(server, JournalStep::Silencing)?,
    }
    tracing::info!(
        "going on with the takeover whose backup is `{}`",
        journal.backup.display()
    );
    Ok(Some(journal))
}

/// Judges the server and makes the backup: nothing of anm is changed before that is whole.
fn begin(
    server: &Server,
    wish: &TakeoverOptions<'_>,
    heir: &dyn Successor,
) -> Result<Journal, TakeoverError> {
    let cron = server.read(CRON)?;
    let mut judgement = judge(server, cron.as_deref())?;
    heir.weigh(&mut judgement)?;
    let state = journal::JournalState {
        step: JournalStep::BackingUp,
        database: wish.database.to_owned(),
        operator: judgement.operator.name.clone(),
        collector: wish.collector.unwrap_or_default(),
        had_cron: cron.is_some(),
        had_stale_block: false,
    };
    let journal = backup::make(server, &units::all(server)?, state)?;
    tracing::info!("the backup is whole: `{}`", journal.backup.display());
    Ok(journal)
}

/// Reads everything once more, as the last run of anm left it, and makes the colony.
fn import(server: &Server, journal: &Journal, heir: &dyn Successor) -> Result<(), TakeoverError> {
    let cron = journal.kept_text(server, CRON)?;
    let mut judgement = judge(server, cron.as_deref())?;
    if journal.state.had_stale_block {
        judgement
            .warnings
            .push(stale_block("nobody held it; ours is in its place"));
    }
    heir.weigh(&mut judgement)?;
    let units = units::all(server)?;
    let before = backup::renew(server, journal, &units)?;
    let report = operator_summary::of(
        &judgement,
        &heir.inventory(&judgement),
        journal.state.collector,
        Some(&journal.backup),
    );
    journal.keep_report(server, &report)?;
    heir.make(&judgement, &|rows| {
        let mut wrong = unlike(&judgement, rows);
        wrong.extend(before.differences(&StateBefore::of(server, &units::all(server)?)?));
        if !wrong.is_empty() {
            return Err(TakeoverError::Unlike(wrong));
        }
        match signals::asked_to_end() {
            true => Err(TakeoverError::Interrupted),
            false => Ok(()),
        }
    })
}

/// What of the rows is not as the units that were judged.
fn unlike(judgement: &TakeoverPlan, rows: &[Node]) -> Vec<String> {
    let mut wrong = Vec::new();
    let TakeoverPlan { units, foreign, .. } = judgement;
    if rows.len() != units.len() {
        wrong.push(format!("there are {} rows of {} units", rows.len(), units.len()));
    }
    let row_of = |unit: &NodeUnit| rows.iter().find(|row| row.service.0 == unit.service);
    for unit in units {
        match row_of(unit) {
            None => wrong.push(format!("`{}` has no row", unit.service)),
            Some(row) if is_lost(unit, row) && !judgement.excused().contains(unit.name()) => {
                wrong.push(format!(
                    "`{}` is {} and its row says {}",
                    unit.service, unit.shown.active, row.state
                ))
            }
            Some(_) => {}
        }
    }
    let strays = foreign.iter().filter(|unit| row_of(unit).is_some());
    wrong.extend(strays.map(|unit| format!("`{}` is not anm's and has a row", unit.service)));
    let enabled = || rows.iter().filter(|row| row.state != NodeState::Disabled);
    let ports = enabled().flat_map(|row| [row.ports.node, row.ports.metrics]);
    wrong.extend(twice(rows.iter().map(|row| row.id)).map(|id| format!("two rows are node {id}")));
    wrong.extend(twice(rows.iter().map(|row| &row.service)).map(|name| format!("two rows are of `{name}`")));
    wrong.extend(
        twice(ports.filter(|port| *port > 0)).map(|port| format!("two enabled rows have port {port}")),
    );
    wrong
}

/// Whether a node that runs would be taken for one that does not.
fn is_lost(unit: &NodeUnit, row: &Node) -> bool {
    unit.is_active() && !matches!(row.state, NodeState::Running | NodeState::Restarting)
}

fn twice<T: Ord>(all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(one, _)| one)
}

/// What comes after the import: NTracking, and wnm's own schedule last.
fn settle(server: &Server, journal: &mut Journal, wish: &TakeoverOptions<'_>) -> Result<(), TakeoverError> {
    journal.reach(server, JournalStep::Settling)?;
    ntracking::settle(server, journal, wish.database)?;
    schedule::install(server, wish.user, wish.database)?;
    journal.reach(server, JournalStep::Done)
}
