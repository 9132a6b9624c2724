//! Executes a plan: its steps in order, each with an intent before it and an event after it.
//!
//! This module decides nothing. A step that fails undoes what it began or reports what is left, and the other steps
//! still run. A run that is killed leaves an intent, which the next run handles first.

mod add;
mod context;
mod outcome;
mod recover;
mod remove;
pub mod removed_nodes;
mod start_stop;
mod together;
mod upgrade;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::colony::{Node, NodeId};
use crate::plan::{Action, Plan, Step};
use crate::progress::{ProgressGuard, Work};
use crate::{signals, store};

pub use context::ExecuteContext;
pub use outcome::{StepEnd, StepOutcome};
pub use recover::recover;
pub use removed_nodes::RemovedNodes;

/// Executes `plan` on `nodes` and updates them.
///
/// # Errors
/// When the store cannot be written: then no further step is begun, because it could not be recorded.
pub fn execute(
    plan: &Plan,
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut outcomes = Vec::with_capacity(plan.steps.len());
    let mut rest = plan.steps.as_slice();
    let _working = ProgressGuard::begin(context.world.progress, Work::Steps, outcome_count(&plan.steps));
    while let Some(first) = rest.first() {
        if !outcomes.is_empty() {
            context.world.clock.sleep(context.pause);
        }
        if signals::asked_to_end() {
            outcomes.extend(rest.iter().map(|step| StepOutcome {
                step: step.clone(),
                node: None,
                ending: StepEnd::Skipped,
                warnings: Vec::new(),
            }));
            break;
        }
        let count = batch_size(rest, context.pause);
        let (batch, later) = rest.split_at(count);
        rest = later;
        match &first.action {
            Action::Add(_) => outcomes.extend(add::add(batch, nodes, context)?),
            Action::Start(..) => outcomes.extend(start_stop::start(batch, nodes, context)?),
            Action::Stop(..) => outcomes.extend(start_stop::stop(batch, nodes, context)?),
            Action::Upgrade(..) => outcomes.extend(upgrade::upgrade(batch, nodes, context)?),
            Action::Remove(_) => outcomes.extend(remove::remove(batch, nodes, context)?),
            Action::Teardown(ids) => outcomes.extend(remove::teardown(first, ids, nodes, context)?),
            Action::Resurvey => outcomes.push(start_stop::resurvey(first, context)?),
        }
    }
    for manager in context.world.managers.all() {
        if let Err(error) = manager.reload_definitions() {
            tracing::warn!("{error}");
        }
    }
    Ok(outcomes)
}

/// How many outcomes the steps will have: a teardown has one for each node.
fn outcome_count(steps: &[Step]) -> usize {
    let of = |step: &Step| match &step.action {
        Action::Teardown(ids) => ids.len(),
        _ => 1,
    };
    steps.iter().map(of).sum()
}

/// The most steps in a batch, which is also the most intents that a killed run leaves. A batch of stops or removals is
/// larger, because it waits for its slowest node.
const BATCH: usize = 50;
const STOP_BATCH: usize = 500;

/// How many of the first steps run together, if there is no pause between steps.
fn batch_size(steps: &[Step], pause: Duration) -> usize {
    let kind = |step: &Step| match step.action {
        Action::Add(_) => Some((0, BATCH)),
        Action::Start(_, None) => Some((1, BATCH)),
        Action::Upgrade(..) => Some((2, BATCH)),
        Action::Stop(..) => Some((3, STOP_BATCH)),
        Action::Remove(_) => Some((4, STOP_BATCH)),
        Action::Start(_, Some(_)) | Action::Teardown(_) | Action::Resurvey => None,
    };
    let Some(first) = steps.first().and_then(kind) else {
        return 1;
    };
    if !pause.is_zero() {
        return 1;
    }
    let same = steps
        .iter()
        .take(first.1)
        .take_while(|step| kind(step) == Some(first));
    same.count()
}
