//! The steps of a takeover, in their order. Each is recorded before it starts, so that a takeover that was killed
//! resumes when it is run again.
//!
//! ```text
//! plan       changes nothing
//! back up    a new directory                     run again: starts again
//! disable    anm's cron file, its block file     run again: resumes; on error: restores everything
//! import     the colony, in one transaction      run again: resumes; on error: restores everything
//! settle     NTracking, wnm's schedule           run again: resumes
//! ```

use std::collections::BTreeMap;

use crate::colony::{Node, NodeState};
use crate::signals;

use super::build::{TakeoverPlan, build_plan, stale_block};
use super::journal::{self, Journal, JournalStep};
use super::manifest::StateBefore;
use super::options::TakeoverOptions;
use super::paths::CRON;
use super::units::{self, NodeUnit};
use super::{Server, TakeoverError, backup, disable, ntracking, operator_summary, schedule};

/// The colony that takes over the nodes.
pub trait Successor {
    /// Whether it exists.
    ///
    /// # Errors
    /// When something else is at its path.
    fn exists(&self) -> Result<bool, TakeoverError>;

    /// Gives the operator's settings priority over those converted from anm.
    ///
    /// # Errors
    /// When a setting is invalid.
    fn apply_settings(&self, plan: &mut TakeoverPlan) -> Result<(), TakeoverError>;

    /// Creates it with its settings and rows, in one transaction. Calls `check` with the rows as they were written, and
    /// rolls back if that fails.
    ///
    /// # Errors
    /// The error of `check`, or the reason why it cannot be created.
    fn make(
        &self,
        plan: &TakeoverPlan,
        check: &dyn Fn(&[Node]) -> Result<(), TakeoverError>,
    ) -> Result<(), TakeoverError>;

    /// The table of its nodes, for the report.
    fn inventory(&self, plan: &TakeoverPlan) -> String;
}

/// Takes over the nodes, or resumes a takeover that was killed; returns the report.
///
/// # Errors
/// When a precondition is not met or a step fails. anm was restored, or the error says what was not.
pub fn take_over(
    server: &Server,
    options: &TakeoverOptions<'_>,
    successor: &dyn Successor,
) -> Result<String, TakeoverError> {
    let mut journal = match resume(server, options, successor)? {
        Some(journal) => journal,
        None => start(server, options, successor)?,
    };
    if let Some(collector) = options.collector {
        journal.state.collector = collector;
    }
    if journal.state.step != JournalStep::Settling {
        disable::disable(server, &mut journal, options.limit)?;
        let imported = import(server, &journal, successor);
        imported.map_err(|error| disable::enable_after_error(server, &mut journal, error))?;
    }
    finish(server, &mut journal, options)?;
    journal.report(server)
}

/// The takeover to resume, if there is one.
fn resume(
    server: &Server,
    options: &TakeoverOptions<'_>,
    successor: &dyn Successor,
) -> Result<Option<Journal>, TakeoverError> {
    let exists = successor.exists()?;
    let already_exists = || {
        TakeoverError::refused(
            format_args!("a colony already exists at `{}`", options.database.display()),
            "a takeover needs a new colony; to return nodes that were taken over: `wnm --rollback_anm`",
        )
    };
    let Some(mut journal) = journal::last(server)? else {
        return if exists { Err(already_exists()) } else { Ok(None) };
    };
    let backup = journal.backup.display();
    if journal.state.step == JournalStep::GivingBack {
        return Err(TakeoverError::refused(
            format_args!("a rollback was interrupted: `{backup}`"),
            "finish it first: `wnm --rollback_anm`",
        ));
    }
    if journal.state.database != options.database {
        return Err(TakeoverError::refused(
            format_args!(
                "the nodes of this machine were taken over into `{}`",
                journal.state.database.display()
            ),
            format_args!(
                "continue with `--dbpath {}`, or return them: `wnm --rollback_anm`",
                journal.state.database.display()
            ),
        ));
    }
    match (journal.state.step, exists) {
        (JournalStep::Done | JournalStep::Silencing, true) => return Err(already_exists()),
        // It was killed after the transaction.
        (_, true) => journal.reach(server, JournalStep::Settling)?,
        // The colony was moved away after the takeover: import the nodes again.
        (_, false) => journal.reach(server, JournalStep::Silencing)?,
    }
    tracing::info!(
        "resuming the takeover with the backup `{}`",
        journal.backup.display()
    );
    Ok(Some(journal))
}

/// Plans the takeover and makes the backup. Changes nothing of anm.
fn start(
    server: &Server,
    options: &TakeoverOptions<'_>,
    successor: &dyn Successor,
) -> Result<Journal, TakeoverError> {
    let cron = server.read(CRON)?;
    let mut plan = build_plan(server, cron.as_deref())?;
    successor.apply_settings(&mut plan)?;
    let state = journal::JournalState {
        step: JournalStep::BackingUp,
        database: options.database.to_owned(),
        operator: plan.operator.name.clone(),
        collector: options.collector.unwrap_or_default(),
        had_cron: cron.is_some(),
        had_stale_block: false,
    };
    let journal = backup::make(server, &units::all(server)?, state)?;
    tracing::info!("backup complete: `{}`", journal.backup.display());
    Ok(journal)
}

/// Reads everything again, after the last run of anm, and creates the colony.
fn import(server: &Server, journal: &Journal, successor: &dyn Successor) -> Result<(), TakeoverError> {
    let cron = journal.kept_text(server, CRON)?;
    let mut plan = build_plan(server, cron.as_deref())?;
    if journal.state.had_stale_block {
        plan.warnings.push(stale_block("wnm replaced it with its own"));
    }
    successor.apply_settings(&mut plan)?;
    let units = units::all(server)?;
    let before = backup::renew(server, journal, &units)?;
    let report = operator_summary::of(
        &plan,
        &successor.inventory(&plan),
        journal.state.collector,
        Some(&journal.backup),
    );
    journal.keep_report(server, &report)?;
    successor.make(&plan, &|rows| {
        let mut wrong = differences(&plan, rows);
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

/// How the written rows differ from the planned ones.
fn differences(plan: &TakeoverPlan, rows: &[Node]) -> Vec<String> {
    let mut wrong = Vec::new();
    let TakeoverPlan { units, foreign, .. } = plan;
    if rows.len() != units.len() {
        wrong.push(format!("there are {} rows of {} units", rows.len(), units.len()));
    }
    let row_of = |unit: &NodeUnit| rows.iter().find(|row| row.service.0 == unit.service);
    for unit in units {
        match row_of(unit) {
            None => wrong.push(format!("`{}` has no row", unit.service)),
            Some(row) if is_lost(unit, row) && !plan.excused().contains(unit.name()) => wrong.push(format!(
                "`{}` is {} and its row says {}",
                unit.service, unit.shown.active, row.state
            )),
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

/// Whether the unit of a node is active and its row is not.
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

/// Sets up NTracking, and then wnm's own schedule.
fn finish(
    server: &Server,
    journal: &mut Journal,
    options: &TakeoverOptions<'_>,
) -> Result<(), TakeoverError> {
    journal.reach(server, JournalStep::Settling)?;
    ntracking::settle(server, journal, options.database)?;
    schedule::install(server, options.user, options.database)?;
    journal.reach(server, JournalStep::Done)
}
