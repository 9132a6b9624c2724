//! Carrying out a plan: its steps in order, each written down before it is begun and when it ended.
//!
//! Nothing is decided here. A step that fails undoes what it began or says what is left; the others
//! still run. A run that is killed in the middle leaves an intent, which the next one reads first.

mod add;
mod context;
mod outcome;
mod recover;
mod remove;
mod start_stop;
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

/// Carries out `plan` on `nodes`, which are as the store has them, and leaves them as they then stand.
///
/// # Errors
/// When the store cannot be written: nothing more is begun, as nothing could be remembered of it.
pub fn execute(
    plan: &Plan,
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let mut outcomes = Vec::with_capacity(plan.steps.len());
    let mut rest = plan.steps.as_slice();
    let _working = ProgressGuard::begin(means.world.progress, Work::Steps, ends(&plan.steps));
    while let Some(first) = rest.first() {
        if !outcomes.is_empty() {
            means.world.clock.sleep(means.pause);
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
        let count = together(rest, means.pause);
        let (batch, later) = rest.split_at(count);
        rest = later;
        match &first.action {
            Action::Add(_) => outcomes.extend(add::add(batch, nodes, means)?),
            Action::Start(..) => outcomes.extend(start_stop::start(batch, nodes, means)?),
            Action::Stop(id, rest) => outcomes.push(start_stop::stop(first, *id, *rest, nodes, means)?),
            Action::Upgrade(id, to) => outcomes.push(upgrade::upgrade(first, *id, to, nodes, means)?),
            Action::Remove(id) => outcomes.push(remove::remove(first, *id, nodes, means)?),
            Action::Teardown(ids) => outcomes.extend(remove::teardown(first, ids, nodes, means)?),
            Action::Resurvey => outcomes.push(start_stop::resurvey(first, means)?),
        }
    }
    for manager in means.world.managers.all() {
        if let Err(error) = manager.settle_definitions() {
            tracing::warn!("{error}");
        }
    }
    Ok(outcomes)
}

/// How many times a step of these, or a node's part in one, will end.
fn ends(steps: &[Step]) -> usize {
    let of = |step: &Step| match &step.action {
        Action::Teardown(ids) => ids.len(),
        _ => 1,
    };
    steps.iter().map(of).sum()
}

/// How many steps a batch may hold: so many intents a killed run can leave behind.
const BATCH: usize = 50;

/// How many of the first steps are carried out together: adds or plain starts, when no pause is asked between them.
fn together(steps: &[Step], pause: Duration) -> usize {
    let kind = |step: &Step| match step.action {
        Action::Add(_) => Some(true),
        Action::Start(_, None) => Some(false),
        _ => None,
    };
    let Some(first) = steps.first().and_then(kind) else {
        return 1;
    };
    if !pause.is_zero() {
        return 1;
    }
    steps
        .iter()
        .take(BATCH)
        .take_while(|step| kind(step) == Some(first))
        .count()
}
