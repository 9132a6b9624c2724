//! Carrying out a plan: its steps in order, each written down before it is begun and when it ended.
//!
//! Nothing is decided here. A step that fails undoes what it began or says what is left; the others
//! still run. A run that is killed in the middle leaves an intent, which the next one reads first.

mod add;
mod recover;
mod remove;
mod start_stop;
mod upgrade;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::colony::{Binary, Node, NodeId, NodeState, Timestamp, Version, Wallets};
use crate::manager::{self, ProcessManager};
use crate::plan::{self, Action, Plan, Step};
use crate::progress::{ProgressGuard, Work};
use crate::signals;
use crate::store::{self, Change, Event, Intent, Store};
use crate::world::World;

pub use recover::recover;

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEnd {
    Done,
    /// What went wrong, and what is left of the step if anything is.
    Failed(String),
    /// A signal came first.
    Skipped,
}

/// One step, the node it was about, and how it ended.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    pub step: Step,
    /// As it stands after the step, or stood before it if it is gone. None for steps about no single node.
    pub node: Option<Node>,
    pub ending: StepEnd,
    /// What went wrong beside the step: a firewall rule that could not be set.
    pub warnings: Vec<String>,
}

impl StepOutcome {
    /// What a step would come to if it went well, on `nodes` as they stand.
    #[must_use]
    pub fn foreseen(step: &Step, nodes: &[Node]) -> StepOutcome {
        let node = step
            .action
            .node()
            .and_then(|id| nodes.iter().find(|node| node.id == id))
            .cloned();
        StepOutcome {
            step: step.clone(),
            node,
            ending: StepEnd::Done,
            warnings: Vec::new(),
        }
    }

    /// Whether the step was begun and did not reach its end.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.ending, StepEnd::Failed(_))
    }
}

/// What carrying out a plan needs beside the plan.
pub struct ExecuteContext<'a> {
    pub world: &'a World,
    pub store: &'a Store,
    /// Names this run in the events.
    pub run: &'a str,
    /// What new nodes and upgrades are made from; None where no antnode was found.
    pub binary: Option<&'a Binary>,
    pub wallets: &'a Wallets,
    /// Between two steps.
    pub pause: Duration,
    /// Whether an operator ordered it, or the engine planned it.
    pub forced: bool,
}

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

/// A step that has been written down and not yet ended.
struct StartedStep {
    intent: store::IntentId,
    at: Timestamp,
    timer: Instant,
    warnings: Vec<String>,
}

impl ExecuteContext<'_> {
    fn begin(&self, step: &Step, node: Option<NodeId>) -> Result<StartedStep, store::StoreError> {
        let at = self.world.clock.now();
        tracing::info!("{step}");
        let intent = self.store.begin(&Intent {
            run: self.run.to_owned(),
            action: step.action.kind().word().to_owned(),
            node,
            detail: self.detail(step),
            at,
        })?;
        Ok(StartedStep {
            intent,
            at,
            timer: Instant::now(),
            warnings: Vec::new(),
        })
    }

    /// What a later run needs to finish the step in this one's place.
    fn detail(&self, step: &Step) -> serde_json::Value {
        let rest = match step.action {
            Action::Stop(_, rest) => Some(rest.state().word()),
            _ => None,
        };
        let to = match &step.action {
            Action::Start(_, to) => to.as_ref().map(Version::as_str),
            _ => None,
        };
        json!({ "forced": self.forced, "rest": rest, "to": to })
    }

    /// Ends a step: its row, its event and the end of its intent, in one transaction.
    fn end<'c>(
        &self,
        begun: StartedStep,
        step: &Step,
        node: Option<&Node>,
        change: impl Into<Change<'c>>,
        ending: StepEnd,
    ) -> Result<StepOutcome, store::StoreError> {
        let error = match &ending {
            StepEnd::Failed(error) => {
                tracing::error!("{}: {error}", step.action);
                Some(error.clone())
            }
            StepEnd::Done | StepEnd::Skipped => None,
        };
        for warning in &begun.warnings {
            tracing::warn!("{warning}");
        }
        let event = Event {
            at: begun.at,
            run: self.run.to_owned(),
            action: step.action.kind().word().to_owned(),
            node: node.map(|node| node.id),
            service: node.map(|node| node.service.clone()),
            reason: step.because.to_string(),
            figures: step.because.figures(),
            forced: self.forced,
            outcome: if error.is_some() {
                store::EventOutcome::Failed
            } else {
                store::EventOutcome::Done
            },
            error,
            warning: (!begun.warnings.is_empty()).then(|| begun.warnings.join("; ")),
            duration_ms: u64::try_from(begun.timer.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.store.finish(begun.intent, change, &event)?;
        self.world.progress.advance(1);
        Ok(StepOutcome {
            step: step.clone(),
            node: node.cloned(),
            ending,
            warnings: begun.warnings,
        })
    }

    fn manager(&self, node: &Node) -> Result<&dyn ProcessManager, manager::ManagerError> {
        self.world.managers.of(node.manager)
    }

    /// Lets the node be reached. What fails is a warning: the node runs all the same.
    fn open_firewall(&self, node: &Node, begun: &mut StartedStep) {
        if let Err(error) = self.world.firewall.open(node.ports.node, &node.name.full()) {
            begun.warnings.push(error.to_string());
        }
    }

    fn close_firewall(&self, node: &Node, begun: &mut StartedStep) {
        if let Err(error) = self.world.firewall.close(node.ports.node, &node.name.full()) {
            begun.warnings.push(error.to_string());
        }
    }
}

/// Begins a step on the one node it is about, and keeps what came of the node.
fn on_node(
    step: &Step,
    id: NodeId,
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut ExecuteContext<'_>,
    finish: impl FnOnce(StartedStep, Node, &mut ExecuteContext<'_>) -> Result<StepOutcome, store::StoreError>,
) -> Result<StepOutcome, store::StoreError> {
    let Some(node) = nodes.get(&id) else {
        return Ok(no_such_node(step, id));
    };
    let begun = means.begin(step, Some(id))?;
    let outcome = finish(begun, node.clone(), means)?;
    if let Some(node) = &outcome.node {
        nodes.insert(id, node.clone());
    }
    Ok(outcome)
}

/// The outcome of a step whose node is not there: the plan was made of other nodes than these.
fn no_such_node(step: &Step, id: NodeId) -> StepOutcome {
    StepOutcome {
        step: step.clone(),
        node: None,
        ending: StepEnd::Failed(format!("node {id} is not in the colony")),
        warnings: Vec::new(),
    }
}

/// The node was started just now.
fn has_started(node: &mut Node, state: NodeState, means: &ExecuteContext<'_>) {
    node.state = state;
    node.since = means.world.clock.now();
    node.memory.silent = 0;
    node.memory.last_error = None;
}

/// The node would not start, stop or go: it is passed over for a while, longer each time.
fn has_failed(node: &mut Node, error: &str, means: &ExecuteContext<'_>) {
    plan::put_off(node, error, means.world.clock.now());
}
