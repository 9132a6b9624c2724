//! How a command executes a plan on the nodes of a colony, and how it finishes the steps of a killed run.

use std::collections::BTreeMap;

use super::{RunResult, storage_check};
use crate::colony::{Binary, Node, NodeId, NodeState};
use crate::error::ExitError;
use crate::execute::{self, ExecuteContext, StepEnd, StepOutcome};
use crate::firewall::{NodeOfPort, NodesByPort, RunTime};
use crate::plan::Plan;
use crate::session::{Colony, Session};
use crate::store::StoreError;

/// Finishes or undoes the steps that a killed run began. A dry run skips this.
///
/// # Errors
/// A safety stop, or a store that cannot be read.
pub(super) fn recover(session: &Session, colony: &mut Colony) -> Result<Vec<StepOutcome>, ExitError> {
    if session.run.dry_run || colony.store.pending()?.is_empty() {
        return Ok(Vec::new());
    }
    storage_check::check_unfinished(session, colony)?;
    let binary = colony.antnode(session);
    with_context(session, colony, binary.as_ref(), false, execute::recover)
}

/// Executes the steps of `plan`; `forced`: the operator requested them.
///
/// # Errors
/// When the store cannot be written. A step that fails is an outcome and no error.
pub(super) fn execute_plan(
    session: &Session,
    colony: &mut Colony,
    plan: &Plan,
    binary: Option<&Binary>,
    forced: bool,
) -> Result<Vec<StepOutcome>, ExitError> {
    // Sorting ten thousand nodes by id takes time, and a plan without steps needs none of them.
    let unused = match plan.steps.is_empty() {
        true => std::mem::take(&mut colony.nodes),
        false => Vec::new(),
    };
    let outcomes = with_context(session, colony, binary, forced, |nodes, context| {
        execute::execute(plan, nodes, context)
    });
    colony.nodes.extend(unused);
    settle_firewall(colony)?;
    outcomes
}

/// Makes the rules of the firewall those of the nodes that are left. A failure is a warning, because the nodes run anyway.
fn settle_firewall(colony: &Colony) -> Result<(), StoreError> {
    let firewall = &colony.world.firewall;
    let time = RunTime {
        now: colony.now(),
        boot: colony.facts.boot_time,
    };
    if let Err(error) = firewall.settle(ports_of(&colony.nodes), time) {
        tracing::warn!("{error}");
    }
    colony.store.keep_firewall_record(firewall.record().as_deref())
}

fn ports_of(nodes: &[Node]) -> NodesByPort {
    use NodeState::{Restarting, Running, Upgrading};
    let node = |node: &Node| NodeOfPort {
        name: node.name.full(),
        runs: matches!(node.state, Running | Restarting | Upgrading),
    };
    nodes.iter().map(|one| (one.ports.node, node(one))).collect()
}

fn with_context(
    session: &Session,
    colony: &mut Colony,
    binary: Option<&Binary>,
    forced: bool,
    work: impl FnOnce(
        &mut BTreeMap<NodeId, Node>,
        &mut ExecuteContext<'_>,
    ) -> Result<Vec<StepOutcome>, StoreError>,
) -> Result<Vec<StepOutcome>, ExitError> {
    let mut nodes: BTreeMap<NodeId, Node> = std::mem::take(&mut colony.nodes)
        .into_iter()
        .map(|node| (node.id, node))
        .collect();
    let removed = colony.removed(session);
    let all: Vec<Node> = nodes.values().cloned().collect();
    let record = colony.store.firewall_record()?;
    colony.world.firewall.begin(record.as_deref(), ports_of(&all));
    let outcomes = work(
        &mut nodes,
        &mut ExecuteContext {
            world: &colony.world,
            store: &colony.store,
            run: &session.name,
            binary,
            wallets: &colony.settings.rewards_address,
            pause: colony.settings.effective_action_delay(),
            forced,
            boot: colony.facts.boot_time,
            removed: &removed,
        },
    );
    colony.nodes = nodes.into_values().collect();
    Ok(outcomes?)
}

/// The result of a run that executed `plan`.
///
/// # Errors
/// When a signal ended it.
pub(super) fn result(output: String, plan: &Plan, outcomes: &[StepOutcome]) -> Result<RunResult, ExitError> {
    if outcomes.iter().any(|outcome| outcome.ending == StepEnd::Skipped) {
        return Err(ExitError::interrupted());
    }
    let has_failed = plan.has_failures() || outcomes.iter().any(StepOutcome::failed);
    Ok(RunResult::of_steps(output, has_failed))
}
