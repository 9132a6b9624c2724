//! `--force_action`: a forced action, which ignores limits, quotas and delays.

use std::collections::BTreeSet;

use super::order_answer::{is_for_person, outlook};
use super::takeover_guard::TakeoverGuard;
use super::{RunResult, execution, pause_record, storage_check, textfile};
use crate::colony::{ForcedAction, Node, NodeId, NodePorts, NodeState, Plural, ProcessState};
use crate::error::ExitError;
use crate::execute::{StepEnd, StepOutcome};
use crate::plan::{self, Action, NodeSelection, Plan, Step};
use crate::report::{self, cycle_result, order_result, order_text};
use crate::session::{Colony, Session, confirm};

/// Executes `action` on the selected nodes, or prints what it would do.
///
/// # Errors
/// A teardown without `--confirm`, a safety stop, a signal, or a colony that cannot be opened.
pub(super) fn order(
    session: &Session,
    action: ForcedAction,
    selection: &NodeSelection,
) -> Result<RunResult, ExitError> {
    if action == ForcedAction::Teardown && !session.run.confirm {
        return Err(
            ExitError::refused("teardown removes every node with its data, and needs `--confirm`")
                .hint("see what it would do with `--dry_run --confirm`"),
        );
    }
    let mut colony = Colony::open(session)?;
    let guard = TakeoverGuard::begin(session, &colony)?;
    execution::recover(session, &mut colony)?;
    let binary = if action.facts().needs_binary {
        colony.antnode(session)
    } else {
        None
    };
    let living = living(&colony, action, selection);
    let plan = storage_check::plan_order(session, &colony, action, |nodes| {
        let template = colony.template(session);
        let version = binary.as_ref().map(|binary| &binary.version);
        let port_in_use = |ports: NodePorts| colony.world.machine_reader.busy_port(&ports);
        let policy = colony.policy();
        match action {
            ForcedAction::Restore => {
                let removed = colony.removed(session).all();
                plan::plan_restore(
                    selection,
                    &removed,
                    nodes,
                    &template,
                    version,
                    &port_in_use,
                    &policy,
                )
            }
            _ => plan::plan_forced(
                action,
                selection,
                (nodes, &living),
                &template,
                version,
                &port_in_use,
                &policy,
            ),
        }
    })?;
    warn_above_cap(&colony, &plan);
    for blocker in &plan.blockers {
        if blocker.is_failure() {
            tracing::error!("{blocker}")
        } else {
            tracing::warn!("{blocker}")
        }
    }
    let removed: Vec<&Node> = plan
        .steps
        .iter()
        .filter_map(|step| match step.action {
            Action::Remove(id) => colony.nodes.iter().find(|node| node.id == id),
            _ => None,
        })
        .collect();
    confirm::check_removal(
        &session.run,
        &session.terminal,
        confirm::FORCED,
        &removed,
        colony.nodes.len(),
    )?;
    let before = colony.nodes.clone();
    let outcomes = if session.run.dry_run {
        for line in cycle_result::dry_run_steps(&plan, &before) {
            tracing::warn!("{line}");
        }
        let predicted = |step| StepOutcome::predicted(step, &before);
        plan.steps.iter().map(predicted).collect()
    } else {
        let outcomes = execution::execute_plan(session, &mut colony, &plan, binary.as_ref(), true)?;
        if let Some(guard) = guard {
            guard.update_node_details(&colony.nodes);
        }
        if action == ForcedAction::Teardown && colony.nodes.is_empty() {
            textfile::delete(session, &colony.settings);
        }
        record_pauses(session, &colony, action, &outcomes)?;
        outcomes
    };
    let dry = session.run.dry_run;
    let output = match is_for_person(session) {
        true => order_text::of_order(action, &plan, &outcomes, dry, &outlook(session, &colony)?),
        false => {
            let result = order_result::of_order(action, selection, &plan, &outcomes, &before, dry);
            report::pretty(&result)
        }
    };
    execution::result(output, &plan, &outcomes)
}

/// Stores until when disabled nodes are disabled, and why; and ends the pauses of nodes that were started or removed.
fn record_pauses(
    session: &Session,
    colony: &Colony,
    action: ForcedAction,
    outcomes: &[StepOutcome],
) -> Result<(), ExitError> {
    let done = outcomes.iter().filter(|outcome| outcome.ending == StepEnd::Done);
    let nodes: Vec<Node> = done.filter_map(|outcome| outcome.node.clone()).collect();
    match action {
        ForcedAction::Disable => pause_record::record_disable(session, colony, &nodes),
        ForcedAction::Start | ForcedAction::Remove => {
            let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
            pause_record::forget(colony, &ids)
        }
        _ => Ok(()),
    }
}

/// Warns about added nodes that the next cycle would remove because of the cap.
fn warn_above_cap(colony: &Colony, plan: &Plan) {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let is_add = |step: &&Step| matches!(step.action, Action::Add(_));
    let added = count(plan.steps.iter().filter(is_add).count());
    let stays = |node: &&Node| !matches!(node.state, NodeState::Removing | NodeState::Dead);
    let wanted = count(colony.nodes.iter().filter(stays).count()).saturating_add(added);
    let cap = colony.policy().cap;
    if added > 0 && wanted > cap {
        tracing::warn!(
            "the colony will have {}, and `node_cap` is {cap}: the next run stops and removes the surplus, with \
             identities; to keep them: `wnm --force_action update_config --node_cap {wanted}`",
            Plural(wanted, "node"),
        );
    }
}

/// The nodes that are not RUNNING but have a process, such as nodes that were just started; only where `action` selects
/// running nodes by a count.
fn living(colony: &Colony, action: ForcedAction, selection: &NodeSelection) -> BTreeSet<NodeId> {
    let is_counted = matches!(selection, NodeSelection::Count(_))
        && matches!(action, ForcedAction::Stop | ForcedAction::Upgrade);
    if !is_counted {
        return BTreeSet::new();
    }
    let is_in_doubt = |node: &&Node| match node.state {
        NodeState::Restarting | NodeState::Upgrading => true,
        NodeState::Stopped => action == ForcedAction::Stop,
        _ => false,
    };
    let nodes: Vec<Node> = colony.nodes.iter().filter(is_in_doubt).cloned().collect();
    if nodes.is_empty() {
        return BTreeSet::new();
    }
    let processes = colony.processes(&nodes);
    nodes
        .iter()
        .zip(processes)
        .filter(|(_, process)| process.is_some_and(|process| process.activity == ProcessState::Running))
        .map(|(node, _)| node.id)
        .collect()
}
