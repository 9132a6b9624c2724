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

use crate::colony::{Node, State};
use crate::settings::run::Collector;
use crate::signals;

use super::journal::{self, Journal, Step};
use super::judge::{Judgement, judge, stale_block};
use super::manifest::Standing;
use super::place::CRON;
use super::unit::{self, Unit};
use super::{Error, Server, account, backup, ntracking, schedule, silence};

/// What is wanted of a takeover.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
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
pub trait Heir {
    /// Whether it is there already.
    ///
    /// # Errors
    /// When there is something in its place that is no colony.
    fn is_made(&self) -> Result<bool, Error>;

    /// Lets what the operator says of settings count before what was read of anm's.
    ///
    /// # Errors
    /// A setting that cannot be.
    fn weigh(&self, judgement: &mut Judgement) -> Result<(), Error>;

    /// Makes it, with its settings and rows, in one transaction. `check` is asked with the rows as they were written,
    /// and when it fails nothing was.
    ///
    /// # Errors
    /// That of `check`, and what keeps it from being made.
    fn make(&self, judgement: &Judgement, check: &dyn Fn(&[Node]) -> Result<(), Error>) -> Result<(), Error>;

    /// What it got, for the report.
    fn inventory(&self, judgement: &Judgement) -> String;
}

/// Takes the nodes over, or goes on where a takeover that was killed stopped; returns the report.
///
/// # Errors
/// When it must not be done or cannot be; anm is then as it was, or the error says what is not.
pub fn take_over(server: &Server, wish: &Wish<'_>, heir: &dyn Heir) -> Result<String, Error> {
    let mut journal = match begun(server, wish, heir)? {
        Some(journal) => journal,
        None => begin(server, wish, heir)?,
    };
    if let Some(collector) = wish.collector {
        journal.state.collector = collector;
    }
    if journal.state.step != Step::Settling {
        silence::silence(server, &mut journal, wish.limit)?;
        let imported = import(server, &journal, heir);
        imported.map_err(|error| silence::undone(server, &mut journal, error))?;
    }
    settle(server, &mut journal, wish)?;
    journal.report(server)
}

/// The takeover that was begun before, if it can be gone on with.
fn begun(server: &Server, wish: &Wish<'_>, heir: &dyn Heir) -> Result<Option<Journal>, Error> {
    let is_made = heir.is_made()?;
    let there = || {
        Error::refused(
            format_args!("there is a colony at `{}` already", wish.database.display()),
            "nodes are taken over into a new one; `wnm --rollback_anm` gives back what was taken over",
        )
    };
    let Some(mut journal) = journal::last(server)? else {
        return if is_made { Err(there()) } else { Ok(None) };
    };
    let backup = journal.backup.display();
    if journal.state.step == Step::GivingBack {
        return Err(Error::refused(
            format_args!("a rollback was begun and did not end: `{backup}`"),
            "end it first: `wnm --rollback_anm`",
        ));
    }
    if journal.state.database != wish.database {
        return Err(Error::refused(
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
        (Step::Done | Step::Silencing, true) => return Err(there()),
        // It was killed after its one transaction.
        (_, true) => journal.reach(server, Step::Settling)?,
        // A colony that was moved away after it was done: the nodes are imported once more.
        (_, false) => journal.reach(server, Step::Silencing)?,
    }
    tracing::info!(
        "going on with the takeover whose backup is `{}`",
        journal.backup.display()
    );
    Ok(Some(journal))
}

/// Judges the server and makes the backup: nothing of anm is changed before that is whole.
fn begin(server: &Server, wish: &Wish<'_>, heir: &dyn Heir) -> Result<Journal, Error> {
    let cron = server.read(CRON)?;
    let mut judgement = judge(server, cron.as_deref())?;
    heir.weigh(&mut judgement)?;
    let state = journal::State {
        step: Step::BackingUp,
        database: wish.database.to_owned(),
        operator: judgement.operator.name.clone(),
        collector: wish.collector.unwrap_or_default(),
        had_cron: cron.is_some(),
        had_stale_block: false,
    };
    let journal = backup::make(server, &unit::all(server)?, state)?;
    tracing::info!("the backup is whole: `{}`", journal.backup.display());
    Ok(journal)
}

/// Reads everything once more, as the last run of anm left it, and makes the colony.
fn import(server: &Server, journal: &Journal, heir: &dyn Heir) -> Result<(), Error> {
    let cron = journal.kept_text(server, CRON)?;
    let mut judgement = judge(server, cron.as_deref())?;
    if journal.state.had_stale_block {
        judgement
            .warnings
            .push(stale_block("nobody held it; ours is in its place"));
    }
    heir.weigh(&mut judgement)?;
    let units = unit::all(server)?;
    let before = backup::renew(server, journal, &units)?;
    let report = account::of(
        &judgement,
        &heir.inventory(&judgement),
        journal.state.collector,
        Some(&journal.backup),
    );
    journal.keep_report(server, &report)?;
    heir.make(&judgement, &|rows| {
        let mut wrong = unlike(&judgement, rows);
        wrong.extend(before.differences(&Standing::of(server, &unit::all(server)?)?));
        if !wrong.is_empty() {
            return Err(Error::Unlike(wrong));
        }
        match signals::asked_to_end() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    })
}

/// What of the rows is not as the units that were judged.
fn unlike(judgement: &Judgement, rows: &[Node]) -> Vec<String> {
    let mut wrong = Vec::new();
    let Judgement { units, foreign, .. } = judgement;
    if rows.len() != units.len() {
        wrong.push(format!("there are {} rows of {} units", rows.len(), units.len()));
    }
    let row_of = |unit: &Unit| rows.iter().find(|row| row.service.0 == unit.service);
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
    let enabled = || rows.iter().filter(|row| row.state != State::Disabled);
    let ports = enabled().flat_map(|row| [row.ports.node, row.ports.metrics]);
    wrong.extend(twice(rows.iter().map(|row| row.id)).map(|id| format!("two rows are node {id}")));
    wrong.extend(twice(rows.iter().map(|row| &row.service)).map(|name| format!("two rows are of `{name}`")));
    wrong.extend(
        twice(ports.filter(|port| *port > 0)).map(|port| format!("two enabled rows have port {port}")),
    );
    wrong
}

/// Whether a node that runs would be taken for one that does not.
fn is_lost(unit: &Unit, row: &Node) -> bool {
    unit.is_active() && !matches!(row.state, State::Running | State::Restarting)
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
fn settle(server: &Server, journal: &mut Journal, wish: &Wish<'_>) -> Result<(), Error> {
    journal.reach(server, Step::Settling)?;
    ntracking::settle(server, journal, wish.database)?;
    schedule::install(server, wish.user, wish.database)?;
    journal.reach(server, Step::Done)
}
