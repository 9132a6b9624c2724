//! The result of a forced action, as JSON with the keys that the peer's scripts read.

use serde_json::{Map, Value, json};

use crate::colony::{ForcedAction, Node, NodeId, NodeState};
use crate::execute::{StepEnd, StepOutcome};
use crate::plan::{self, Action, Blocker, NodeSelection, Plan};

use super::cycle_result::word;

/// Whether a result lists nodes on which the action failed.
#[must_use]
pub fn has_failures(result: &Value) -> bool {
    result["failed_count"].as_u64().is_some_and(|count| count > 0)
}

/// The result of a forced action. `before`: the nodes before it.
#[must_use]
pub fn of_order(
    action: ForcedAction,
    selection: &NodeSelection,
    plan: &Plan,
    outcomes: &[StepOutcome],
    before: &[Node],
    dry: bool,
) -> Value {
    if let Some(blocker) = plan.blockers.iter().find(|blocker| is_whole_refusal(blocker)) {
        return json!({ "status": "error", "message": blocker.to_string() });
    }
    match (action, selection) {
        (ForcedAction::Restore, _) => of_restore(plan, outcomes, dry),
        (ForcedAction::Add, NodeSelection::Count(count)) => of_add(*count, plan, outcomes, dry),
        (ForcedAction::Teardown, _) if before.is_empty() => {
            json!({ "status": "no-nodes", "message": "No nodes to teardown" })
        }
        (ForcedAction::Teardown, _) => of_teardown(outcomes, before, dry),
        _ => OrderResult {
            action,
            selection,
            outcomes,
            before,
            dry,
        }
        .to_json(plan),
    }
}

fn is_whole_refusal(blocker: &Blocker) -> bool {
    matches!(
        blocker,
        Blocker::CountTooSmall { .. } | Blocker::NamesNeeded { .. } | Blocker::NoneTo { .. }
    )
}

fn of_add(count: i64, plan: &Plan, outcomes: &[StepOutcome], dry: bool) -> Value {
    let mut failures: Vec<Value> = Vec::new();
    let mut added: Vec<String> = Vec::new();
    for outcome in outcomes {
        let Action::Add(new) = &outcome.step.action else {
            continue;
        };
        match &outcome.ending {
            StepEnd::Failed(error) => failures.push(json!({ "service": new.name.full(), "error": error })),
            StepEnd::Done | StepEnd::Skipped => added.push(new.name.full()),
        }
    }
    failures.extend(
        plan.blockers
            .iter()
            .filter(|blocker| blocker.is_failure())
            .map(|blocker| json!({ "error": blocker.to_string() })),
    );
    if count == 1 {
        let mut result = Map::new();
        let status = match outcomes.first() {
            Some(outcome) => word(outcome, dry),
            None => "failed-create-node",
        };
        result.insert("status".to_owned(), status.into());
        match (added.first(), failures.first()) {
            (Some(name), _) => result.insert("node".to_owned(), name.as_str().into()),
            (None, Some(failure)) => result.insert("error".to_owned(), failure["error"].clone()),
            (None, None) => None,
        };
        return Value::Object(result);
    }
    json!({
        "status": if dry { "add-nodes-dryrun" } else { "added-nodes" },
        "added_count": added.len(),
        "added_nodes": or_null(added),
        "failed_count": failures.len(),
        "failed_nodes": or_null(failures),
    })
}

fn of_restore(plan: &Plan, outcomes: &[StepOutcome], dry: bool) -> Value {
    let mut restored: Vec<String> = Vec::new();
    let mut failures: Vec<Value> = Vec::new();
    for outcome in outcomes {
        let Action::Add(new) = &outcome.step.action else {
            continue;
        };
        let name = new.name.full();
        match &outcome.ending {
            StepEnd::Done => restored.push(name),
            StepEnd::Failed(error) => failures.push(json!({ "service": name, "error": error })),
            StepEnd::Skipped => failures.push(json!({ "service": name, "error": "ended by a signal" })),
        }
    }
    failures.extend(refusals(plan));
    json!({
        "status": if dry { "restore-dryrun" } else { "restored-nodes" },
        "restored_count": restored.len(),
        "restored_nodes": or_null(restored),
        "failed_count": failures.len(),
        "failed_nodes": or_null(failures),
    })
}

/// The result of `wnm restart`.
#[must_use]
pub fn of_restart(plan: &Plan, outcomes: &[StepOutcome], dry: bool) -> Value {
    let mut restarted: Vec<String> = Vec::new();
    let mut failures: Vec<Value> = Vec::new();
    for outcome in outcomes {
        let Some(node) = &outcome.node else { continue };
        let name = node.name.full();
        match &outcome.ending {
            StepEnd::Done => restarted.push(name),
            StepEnd::Failed(error) => failures.push(json!({ "service": name, "error": error })),
            StepEnd::Skipped => failures.push(json!({ "service": name, "error": "ended by a signal" })),
        }
    }
    failures.extend(refusals(plan));
    json!({
        "status": if dry { "restart-dryrun" } else { "restarted-nodes" },
        "restarted_count": restarted.len(),
        "restarted_nodes": or_null(restarted),
        "failed_count": failures.len(),
        "failed_nodes": or_null(failures),
    })
}

/// The parts of a plan that are not possible, as failures.
fn refusals(plan: &Plan) -> impl Iterator<Item = Value> {
    let failed = plan.blockers.iter().filter(|blocker| blocker.is_failure());
    failed.map(|blocker| match blocker {
        Blocker::Refused { name, why } => json!({ "service": name, "error": why.to_string() }),
        blocker => json!({ "error": blocker.to_string() }),
    })
}

fn of_teardown(outcomes: &[StepOutcome], before: &[Node], dry: bool) -> Value {
    let failures: Vec<Value> = outcomes
        .iter()
        .filter_map(|outcome| match (&outcome.ending, &outcome.node) {
            (StepEnd::Failed(error), Some(node)) => {
                Some(json!({ "service": node.name.full(), "error": error }))
            }
            _ => None,
        })
        .collect();
    let removed = if dry {
        before.len()
    } else {
        outcomes.iter().filter(|outcome| !outcome.failed()).count()
    };
    let mut result = json!({
        "status": "cluster-teardown",
        "method": "individual-remove",
        "removed_count": removed,
    });
    if !failures.is_empty() {
        result["failed_count"] = failures.len().into();
        result["failed_nodes"] = failures.into();
    }
    result
}

/// A forced action that has one outcome for each node.
struct OrderResult<'a> {
    action: ForcedAction,
    selection: &'a NodeSelection,
    outcomes: &'a [StepOutcome],
    before: &'a [Node],
    dry: bool,
}

impl OrderResult<'_> {
    fn to_json(&self, plan: &Plan) -> Value {
        let mut done: Vec<String> = Vec::new();
        let mut upgraded: Vec<String> = Vec::new();
        let mut failures: Vec<Value> = Vec::new();
        let verb_done = self.action.facts().done;
        let starts = self.action == ForcedAction::Start;
        for (label, id) in self.selected() {
            let Some(outcome) = self
                .outcomes
                .iter()
                .find(|outcome| outcome.step.action.node() == Some(id))
            else {
                continue;
            };
            match (&outcome.ending, &outcome.step.action) {
                (StepEnd::Failed(error), _) => failures.push(json!({ "service": label, "error": error })),
                (StepEnd::Skipped, _) => {
                    failures.push(json!({ "service": label, "error": "ended by a signal" }))
                }
                (StepEnd::Done, Action::Start(_, Some(_))) if starts => upgraded.push(label),
                (StepEnd::Done, _) => done.push(label),
            }
        }
        failures.extend(plan.blockers.iter().filter_map(|blocker| match blocker {
            Blocker::Refused { name, why } if blocker.is_failure() => {
                Some(json!({ "service": name, "error": why.to_string() }))
            }
            _ => None,
        }));
        if let (NodeSelection::Count(1), [], [name], []) | (NodeSelection::Count(1), [name], [], []) = (
            self.selection,
            done.as_slice(),
            upgraded.as_slice(),
            failures.as_slice(),
        ) {
            let status = if upgraded.is_empty() {
                format!("{verb_done}-node")
            } else {
                "upgrading-node".to_owned()
            };
            // The peer omits the prefix of a node that was selected by count.
            return json!({ "status": status, "node": name.strip_prefix("antnode").unwrap_or(name) });
        }
        let named = matches!(self.selection, NodeSelection::Named(_));
        let list = |names: Vec<String>| if named { json!(names) } else { or_null(names) };
        let mut result = Map::new();
        let status = if self.dry {
            format!("{}-dryrun", self.action.word())
        } else {
            format!("{verb_done}-nodes")
        };
        result.insert("status".to_owned(), status.into());
        result.insert(format!("{verb_done}_count"), done.len().into());
        result.insert(format!("{verb_done}_nodes"), list(done));
        if starts {
            result.insert("upgraded_count".to_owned(), upgraded.len().into());
            result.insert("upgraded_nodes".to_owned(), or_null(upgraded));
        }
        result.insert("failed_count".to_owned(), failures.len().into());
        result.insert("failed_nodes".to_owned(), or_null(failures));
        Value::Object(result)
    }

    /// The nodes, each once, by the names that the operator used or by their own.
    fn selected(&self) -> Vec<(String, NodeId)> {
        match self.selection {
            NodeSelection::Named(names) => {
                let mut selected: Vec<(String, NodeId)> = Vec::with_capacity(names.len());
                for name in names {
                    if let Ok(node) = plan::find(name, self.before)
                        && selected.iter().all(|(_, id)| *id != node.id)
                    {
                        selected.push((name.clone(), node.id));
                    }
                }
                selected
            }
            NodeSelection::Count(_) => self
                .outcomes
                .iter()
                .filter_map(|outcome| {
                    let id = outcome.step.action.node()?;
                    let node = self.before.iter().find(|node| node.id == id)?;
                    Some((node.name.full(), id))
                })
                .collect(),
        }
    }
}

/// The result of a forced survey.
#[must_use]
pub fn of_survey(names: &[String], nodes: &[Node], dry: bool) -> Value {
    let status = if dry { "survey-dryrun" } else { "survey-complete" };
    if names.is_empty() {
        let count = nodes
            .iter()
            .filter(|node| node.state != NodeState::Disabled)
            .count();
        return json!({ "status": status, "node_count": count });
    }
    let mut surveyed: Vec<&String> = Vec::new();
    let mut failures: Vec<Value> = Vec::new();
    for name in names {
        match plan::find(name, nodes) {
            Ok(_) => surveyed.push(name),
            Err(why) => failures.push(json!({ "service": name, "error": why.to_string() })),
        }
    }
    json!({
        "status": status,
        "surveyed_count": surveyed.len(),
        "surveyed_nodes": surveyed,
        "failed_count": failures.len(),
        "failed_nodes": or_null(failures),
    })
}

/// A list as it is, or null where it is empty.
fn or_null<T: Into<Value>>(list: Vec<T>) -> Value {
    if list.is_empty() {
        Value::Null
    } else {
        Value::Array(list.into_iter().map(Into::into).collect())
    }
}
