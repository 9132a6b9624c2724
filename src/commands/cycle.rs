//! The cycle that cron runs each minute.
//!
//! ```text
//! place -> lock -> store -> settings -> recover -> survey -> settle -> record -> plan -> execute -> report
//! ```
//!
//! A dry run takes the same way without the lock, writes nothing and ends before `execute`.

use super::survey_step::{survey_and_record, sustained_rates};
use super::takeover_guard::{self, TakeoverGuard};
use super::{RunResult, execution, order_answer, pause_record, textfile};
use crate::error::{ExitError, ExitKind};
use crate::plan::{self, Blocker, MachineFigures, PlanInput, PlanOutput, Trigger};
use crate::report::{self, Format, cycle_result, machine_reports, order_text};
use crate::session::{Colony, Session};
use crate::store::ColonyNote;
use crate::survey::{self, Observation};

/// Surveys the machine and the nodes, plans, and executes the plan.
///
/// # Errors
/// A safety stop, a signal, or a colony that cannot be opened.
pub(super) fn cycle(session: &Session) -> Result<RunResult, ExitError> {
    let mut colony = Colony::open(session)?;
    let result = survey_plan_execute(session, &mut colony);
    textfile::write(session, &colony);
    result
}

fn survey_plan_execute(session: &Session, colony: &mut Colony) -> Result<RunResult, ExitError> {
    let guard = TakeoverGuard::begin(session, colony)?;
    let mut outcomes = execution::recover(session, colony)?;
    let is_unconfirmed = colony.takeover.is_some_and(|takeover| !takeover.is_confirmed);
    let before = if is_unconfirmed {
        colony.nodes.clone()
    } else {
        Vec::new()
    };
    let pauses = pause_record::end_due(session, colony)?;
    let observation = match survey_and_record(session, colony, &[]) {
        Ok(observation) => observation,
        Err(error) => {
            remember_safety_stop(session, colony, &error)?;
            return Err(error);
        }
    };
    let binary = colony.node_binary(observation.binary.as_ref());
    let binary = binary.as_ref();
    let planned = plan::plan_around_pauses(
        &colony.nodes,
        &PlanInput {
            policy: &colony.policy(),
            template: &colony.template(session),
            machine: &MachineFigures::of(&observation.instruments, &observation.rates).with_sustained(
                sustained_rates(&colony.store, &observation.instruments, colony.now())?,
            ),
            binary: binary.map(|binary| &binary.version),
            trigger: Trigger::Ordinary,
            port_in_use: &|ports| colony.world.machine_reader.busy_port(&ports),
            now: colony.now(),
        },
        &pauses,
    );
    log_decisions(session, colony, &observation, &planned);
    let plan = planned.plan;
    let as_json = session.run.json;
    if session.run.dry_run {
        let output = cycle_result::dry_run(&plan, &colony.nodes, as_json);
        return Ok(RunResult::success(output));
    }
    outcomes.extend(execution::execute_plan(session, colony, &plan, binary, false)?);
    if plan.blockers.contains(&Blocker::Unconfirmed) {
        takeover_guard::confirm(colony, &before)?;
    }
    colony.store.set_note(ColonyNote::SafetyStop, None)?;
    if let Some(guard) = guard {
        guard.update_node_details(&colony.nodes);
    }
    if colony.store.prune(colony.now())? {
        colony.removed(session).prune(colony.now());
    }
    let result = cycle_result::of_plan(&plan, &outcomes, false);
    let is_for_person = order_answer::is_for_person(session) && session.run.has_default_level();
    let output = match (as_json, is_for_person) {
        (true, _) => report::pretty(&result),
        (false, true) => order_text::of_cycle(&plan, &outcomes),
        (false, false) => String::new(),
    };
    if !is_for_person {
        tracing::info!("Action: {result}");
    }
    execution::result(output, &plan, &outcomes)
}

/// Keeps the message of a safety stop for `wnm health` and `wnm status`, until a survey succeeds.
fn remember_safety_stop(session: &Session, colony: &Colony, error: &ExitError) -> Result<(), ExitError> {
    if error.kind == ExitKind::Unsafe && !session.run.dry_run {
        colony.store.set_note(ColonyNote::SafetyStop, Some(&error.what))?;
    }
    Ok(())
}

/// Logs the machine's figures and why no more is done, each at the level that the flags request.
fn log_decisions(session: &Session, colony: &Colony, observation: &Observation, planned: &PlanOutput) {
    let run = &session.run;
    if run.show_machine_metrics || run.verbose {
        let report = machine_reports::MachineReport {
            metrics: &planned.metrics,
            instruments: &observation.instruments,
            rates: &observation.rates,
            nodes: &colony.nodes,
            sharing: &survey::sharing(&*colony.world.machine_reader, &colony.nodes),
            peer_columns: &colony.store.peer_columns().unwrap_or_default(),
            antnode: observation
                .binary
                .as_ref()
                .ok()
                .map(|binary| binary.path.as_path()),
            hd_remove: colony.policy().disk.remove,
            crisis_bytes: colony.settings.crisis_bytes,
        };
        tracing::info!("{}", machine_reports::metrics(&report, Format::Json));
    }
    let is_explained = run.show_decisions || run.verbose;
    if is_explained {
        tracing::info!("{}", cycle_result::features(&planned.features));
    }
    for blocker in &planned.plan.blockers {
        if blocker.is_failure() {
            tracing::error!("{blocker}");
        } else if blocker.is_warning() {
            tracing::warn!("{blocker}");
        } else if is_explained {
            tracing::info!("{blocker}");
        } else {
            tracing::debug!("{blocker}");
        }
    }
}
