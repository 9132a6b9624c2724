//! `wnm restart`: stops nodes and starts them again. They keep their identities, and no other node is started meanwhile.

use std::collections::BTreeSet;

use super::order_answer::{is_for_person, outlook};
use super::takeover_guard::TakeoverGuard;
use super::{RunResult, execution, storage_check};
use crate::colony::{ForcedAction, NodePorts};
use crate::error::ExitError;
use crate::execute::{StepEnd, StepOutcome};
use crate::plan::{self, NodeSelection, Plan};
use crate::report::{self, cycle_result, order_result, order_text};
use crate::session::{Colony, Session};

/// Restarts the selected nodes, at most `max_concurrent_starts` of them at once.
///
/// # Errors
/// A safety stop, a signal, or a colony that cannot be opened.
pub(super) fn restart(session: &Session, selection: &NodeSelection) -> Result<RunResult, ExitError> {
    let mut colony = Colony::open(session)?;
    let guard = TakeoverGuard::begin(session, &colony)?;
    execution::recover(session, &mut colony)?;
    let before = colony.nodes.clone();
    let stops = plan_action(session, &colony, ForcedAction::Stop, selection)?;
    for blocker in &stops.blockers {
        tracing::warn!("{blocker}");
    }
    let mut plan = Plan {
        blockers: stops.blockers,
        ..Plan::default()
    };
    let mut outcomes: Vec<StepOutcome> = Vec::new();
    let at_once = usize::try_from(colony.policy().quotas.starts).unwrap_or(1).max(1);
    for steps in stops.steps.chunks(at_once) {
        let batch = Plan {
            steps: steps.to_vec(),
            blockers: Vec::new(),
        };
        plan.steps.extend(steps.iter().cloned());
        if session.run.dry_run {
            let predicted = |step| StepOutcome::predicted(step, &before);
            outcomes.extend(batch.steps.iter().map(predicted));
            continue;
        }
        let mut stopped = execution::execute_plan(session, &mut colony, &batch, None, true)?;
        let names: Vec<String> = stopped
            .iter()
            .filter(|outcome| outcome.ending == StepEnd::Done)
            .filter_map(|outcome| Some(outcome.node.as_ref()?.service.0.clone()))
            .collect();
        if !names.is_empty() {
            let starts = plan_action(
                session,
                &colony,
                ForcedAction::Start,
                &NodeSelection::Named(names),
            )?;
            let started = execution::execute_plan(session, &mut colony, &starts, None, true)?;
            for failed in started
                .into_iter()
                .filter(|outcome| outcome.ending != StepEnd::Done)
            {
                let id = failed.step.action.node();
                stopped.retain(|outcome| outcome.step.action.node() != id);
                stopped.push(failed);
            }
        }
        outcomes.extend(stopped);
        if outcomes.iter().any(|outcome| outcome.ending == StepEnd::Skipped) {
            break;
        }
    }
    if session.run.dry_run {
        for line in cycle_result::dry_run_steps(&plan, &before) {
            tracing::warn!("{line}");
        }
    } else if let Some(guard) = guard {
        guard.update_node_details(&colony.nodes);
    }
    let dry = session.run.dry_run;
    let output = match is_for_person(session) {
        true => order_text::of_restart(&outcomes, dry, &outlook(session, &colony)?),
        false => report::pretty(&order_result::of_restart(&plan, &outcomes, dry)),
    };
    execution::result(output, &plan, &outcomes)
}

/// The plan of a stop, or of a start without a new binary.
fn plan_action(
    session: &Session,
    colony: &Colony,
    action: ForcedAction,
    selection: &NodeSelection,
) -> Result<Plan, ExitError> {
    storage_check::plan_order(session, colony, action, |nodes| {
        let port_in_use = |ports: NodePorts| colony.world.machine_reader.busy_port(&ports);
        plan::plan_forced(
            action,
            selection,
            (nodes, &BTreeSet::new()),
            &colony.template(session),
            None,
            &port_in_use,
            &colony.policy(),
        )
    })
}
