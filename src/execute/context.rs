//! What all steps share: the context of a run, the intent before a step, and the event after it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::colony::{Binary, Node, NodeId, NodeState, Timestamp, Version, Wallets};
use crate::firewall::RunTime;
use crate::manager::{self, ProcessManager};
use crate::plan::{self, Action, Step};
use crate::store::{self, Change, Event, Intent, Store};
use crate::world::World;

use super::RemovedNodes;
use super::outcome::{StepEnd, StepOutcome};

/// What the execution of a plan needs besides the plan.
pub struct ExecuteContext<'a> {
    pub world: &'a World,
    pub store: &'a Store,
    /// The name of this run in the events.
    pub run: &'a str,
    /// The binary of new nodes and upgrades; none if no antnode was found.
    pub binary: Option<&'a Binary>,
    pub wallets: &'a Wallets,
    /// The pause between two steps.
    pub pause: Duration,
    /// Whether an operator forced the plan; otherwise the engine planned it.
    pub forced: bool,
    /// When the machine was booted.
    pub boot: Option<Timestamp>,
    /// The identities of removed nodes.
    pub removed: &'a RemovedNodes,
}

/// A step whose intent is written and that has not ended.
pub(super) struct StartedStep {
    pub(super) intent: store::IntentId,
    pub(super) at: Timestamp,
    pub(super) timer: Instant,
    pub(super) warnings: Vec<String>,
    /// The word of the event, if it is more exact than that of the step.
    pub(super) word: Option<&'static str>,
}

impl ExecuteContext<'_> {
    pub(super) fn begin(&self, step: &Step, node: Option<NodeId>) -> Result<StartedStep, store::StoreError> {
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
            word: None,
        })
    }

    /// What a later run needs to finish the step if this run is killed.
    pub(super) fn detail(&self, step: &Step) -> serde_json::Value {
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

    /// Ends a step: writes its row and its event and deletes its intent, in one transaction.
    pub(super) fn end<'c>(
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
            action: begun.word.unwrap_or(step.action.kind().word()).to_owned(),
            node: node.map(|node| node.id),
            service: node.map(|node| node.service.clone()),
            reason: step.reason.to_string(),
            figures: step.reason.figures(),
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

    pub(super) fn manager(&self, node: &Node) -> Result<&dyn ProcessManager, manager::ManagerError> {
        self.world.managers.of(node.manager)
    }

    /// Opens the port of the node. A failure is only a warning, because the node runs anyway.
    pub(super) fn open_firewall(&self, node: &Node, begun: &mut StartedStep) {
        let time = RunTime {
            now: self.world.clock.now(),
            boot: self.boot,
        };
        let opened = self.world.firewall.open(node.ports.node, &node.name.full(), time);
        if let Err(error) = opened {
            begun.warnings.push(error.to_string());
        }
    }

    pub(super) fn close_firewall(&self, node: &Node, begun: &mut StartedStep) {
        let time = RunTime {
            now: self.world.clock.now(),
            boot: self.boot,
        };
        if let Err(error) = self.world.firewall.close(node.ports.node, time) {
            begun.warnings.push(error.to_string());
        }
    }
}

/// Runs a step on its one node, and updates the node in `nodes`.
pub(super) fn on_node(
    step: &Step,
    id: NodeId,
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
    finish: impl FnOnce(StartedStep, Node, &mut ExecuteContext<'_>) -> Result<StepOutcome, store::StoreError>,
) -> Result<StepOutcome, store::StoreError> {
    let Some(node) = nodes.get(&id) else {
        return Ok(no_such_node(step, id));
    };
    let begun = context.begin(step, Some(id))?;
    let outcome = finish(begun, node.clone(), context)?;
    if let Some(node) = &outcome.node {
        nodes.insert(id, node.clone());
    }
    Ok(outcome)
}

/// The outcome of a step whose node does not exist: the plan was made for other nodes.
pub(super) fn no_such_node(step: &Step, id: NodeId) -> StepOutcome {
    StepOutcome {
        step: step.clone(),
        node: None,
        ending: StepEnd::Failed(format!("node {id} is not in the colony")),
        warnings: Vec::new(),
    }
}

/// Records that the node was just started.
pub(super) fn has_started(node: &mut Node, state: NodeState, context: &ExecuteContext<'_>) {
    node.state = state;
    node.since = context.world.clock.now();
    node.memory.silent = 0;
    node.memory.last_error = None;
}

/// Records a failure on the node, which delays the next attempt; each failure in a row makes the delay longer.
pub(super) fn has_failed(node: &mut Node, error: &str, context: &ExecuteContext<'_>) {
    plan::put_off(node, error, context.world.clock.now());
}
