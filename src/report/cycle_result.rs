//! What a cycle did, as JSON in the peer's words, and what a dry run would do, as text.

use serde_json::{Map, Value, json};

use crate::colony::Node;
use crate::execute::{StepEnd, StepOutcome};
use crate::plan::{Action, Blocker, Feature, Features, Plan, Reason, Step, StopReason, Task};

use super::pretty;

/// The answers of the engine to each feature, as the peer logs them.
#[must_use]
pub fn features(features: &Features) -> String {
    let named: Map<String, Value> = Feature::ALL
        .iter()
        .map(|feature| (feature.name().to_owned(), features.answer(*feature).into()))
        .collect();
    pretty(&Value::Object(named))
}

/// A plan as text: its steps, then why nothing more is done.
#[must_use]
pub fn dry_run(plan: &Plan, nodes: &[Node], as_json: bool) -> String {
    if as_json {
        let outcomes: Vec<StepOutcome> = plan
            .steps
            .iter()
            .map(|step| StepOutcome::predicted(step, nodes))
            .collect();
        return pretty(&of_plan(plan, &outcomes, true));
    }
    let mut lines = dry_run_steps(plan, nodes);
    if lines.is_empty() {
        lines.push("would do nothing".to_owned());
    }
    lines.extend(plan.blockers.iter().map(|blocker| format!("  {blocker}")));
    lines.join("\n")
}

/// What a plan would do: a line for each step with its node, ids, ports, paths and reason. A teardown has one more
/// line for each node.
#[must_use]
pub fn dry_run_steps(plan: &Plan, nodes: &[Node]) -> Vec<String> {
    let mut lines = Vec::new();
    for step in &plan.steps {
        lines.push(match StepOutcome::predicted(step, nodes).node {
            Some(node) => format!("would {step} `{}`", node.service),
            None => format!("would {step}"),
        });
        if let Action::Teardown(ids) = &step.action {
            let removed = nodes.iter().filter(|node| ids.contains(&node.id));
            lines.extend(removed.map(|node| {
                let root = node.home.root.display();
                format!("would remove {} with `{root}`", node.name.full())
            }));
        }
    }
    lines
}

/// The result of a plan: the peer's word for the first step, then every step, and why wnm did nothing more.
#[must_use]
pub fn of_plan(plan: &Plan, outcomes: &[StepOutcome], dry: bool) -> Value {
    let status = match outcomes
        .iter()
        .find(|outcome| !is_unfinished(&outcome.step))
        .or(outcomes.first())
    {
        Some(outcome) => word(outcome, dry),
        None => match plan.resting() {
            Some(Task::RestInitialised) => "system-initialized",
            _ => "idle",
        },
    };
    let mut result = Map::new();
    result.insert("status".to_owned(), status.into());
    let steps: Vec<Value> = outcomes.iter().map(|outcome| step_of(outcome, dry)).collect();
    if !steps.is_empty() {
        result.insert("actions".to_owned(), steps.into());
    }
    let blockers: Vec<String> = plan
        .blockers
        .iter()
        .filter(|blocker| !matches!(blocker, Blocker::Resting(_)))
        .map(Blocker::to_string)
        .collect();
    if !blockers.is_empty() {
        result.insert("holds".to_owned(), blockers.into());
    }
    Value::Object(result)
}

fn is_unfinished(step: &Step) -> bool {
    matches!(step.reason, Reason::Unfinished { .. })
}

fn step_of(outcome: &StepOutcome, dry: bool) -> Value {
    let mut step = json!({
        "action": outcome.step.kind().word(),
        "status": word(outcome, dry),
        "node": outcome.step.action.node().map(|id| id.0),
        "service": outcome.node.as_ref().map(|node| node.service.0.clone()),
        "reason": outcome.step.reason.to_string(),
    });
    if let Action::Add(new) = &outcome.step.action {
        step["service"] = new.service.0.clone().into();
        step["port"] = new.ports.node.into();
        step["metrics_port"] = new.ports.metrics.into();
        step["root_dir"] = new.home.root.display().to_string().into();
    }
    if let StepEnd::Failed(error) = &outcome.ending {
        step["error"] = error.clone().into();
    }
    if !outcome.warnings.is_empty() {
        step["warnings"] = outcome.warnings.clone().into();
    }
    step
}

/// The peer's word for the outcome of a planned step, and a word of ours for steps that the peer does not have.
pub(super) fn word(outcome: &StepOutcome, dry: bool) -> &'static str {
    if outcome.ending == StepEnd::Skipped {
        return "skipped";
    }
    let failed = outcome.failed();
    let task = match &outcome.step.reason {
        Reason::Planned { task, .. } => Some(*task),
        Reason::Ordered { .. } | Reason::Unfinished { .. } => None,
    };
    match (&outcome.step.action, failed) {
        (Action::Add(_), false) if dry => "add-node",
        (Action::Add(_), false) => "added-node",
        (Action::Add(_), true) => "failed-create-node",
        (Action::Start(_, None), false) if dry => "starting-node",
        (Action::Start(_, None), false) => "started-node",
        (Action::Start(_, None), true) => "failed-start-node",
        (Action::Start(_, Some(_)), false) => "upgrading-stopped-node",
        (Action::Start(_, Some(_)), true) => "failed-upgrade",
        (Action::Upgrade(..), false) => "upgrading-node",
        (Action::Upgrade(..), true) => "upgrade-failed",
        (Action::Stop(_, StopReason::Stopped), false) => "stopped-node",
        (Action::Stop(_, StopReason::Removing), false) => "removed-running-node",
        (Action::Stop(_, StopReason::Disabled), false) => "disabled-node",
        (Action::Stop(..), true) => "failed-stop-node",
        (Action::Remove(_) | Action::Teardown(_), true) => "failed-remove-node",
        (Action::Remove(_), false) => match task {
            Some(Task::RemoveDead) => "removed-dead-nodes",
            Some(Task::RemoveStopped) => "removed-stopped-node",
            _ => "removed-node",
        },
        (Action::Teardown(_), false) => "cluster-teardown",
        (Action::Resurvey, _) => match task {
            Some(Task::ResurveyInitialised) => "system-initialized",
            _ => "system-rebooted",
        },
    }
}
