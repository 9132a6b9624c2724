//! What became of an order, as JSON with the keys the peer's scripts read.

use serde_json::{Map, Value, json};

use crate::colony::{ForcedAction, Node, NodeId, NodeState};
use crate::execute::{StepEnd, StepOutcome};
use crate::plan::{self, Action, Blocker, NodeSelection, Plan};

use super::cycle_result::word;

/// Whether a result tells of nodes that something failed on.
#[must_use]
pub fn has_failures(result: &Value) -> bool {
    result["failed_count"].as_u64().is_some_and(|count| count > 0)
}

/// What became of a forced action. `before` are the nodes as they were.
#[must_use]
pub fn of_order(
    action: ForcedAction,
    whom: &NodeSelection,
    plan: &Plan,
    outcomes: &[StepOutcome],
    before: &[Node],
    dry: bool,
) -> Value {
    if let Some(hold) = plan.holds.iter().find(|hold| is_whole_refusal(hold)) {
        return json!({ "status": "error", "message": hold.to_string() });
    }
    match (action, whom) {
        (ForcedAction::Add, NodeSelection::Count(count)) => of_add(*count, plan, outcomes, dry),
        (ForcedAction::Teardown, _) if before.is_empty() => {
            json!({ "status": "no-nodes", "message": "No nodes to teardown" })
        }
        (ForcedAction::Teardown, _) => of_teardown(outcomes, before, dry),
        _ => OrderResult {
            action,
            whom,
            outcomes,
            before,
            dry,
        }
        .tell(plan),
    }
}

fn is_whole_refusal(hold: &Blocker) -> bool {
    matches!(
        hold,
        Blocker::CountTooSmall { .. } | Blocker::NamesNeeded { .. } | Blocker::NoneTo { .. }
    )
}

fn of_add(count: i64, plan: &Plan, outcomes: &[StepOutcome], dry: bool) -> Value {
    let failed = |outcome: &StepOutcome| match &outcome.ending {
        StepEnd::Failed(error) => Some(error.clone()),
        StepEnd::Done | StepEnd::Skipped => None,
    };
    let mut failures: Vec<Value> = Vec::new();
    let mut added: Vec<String> = Vec::new();
    for outcome in outcomes {
        let Action::Add(new) = &outcome.step.action else {
            continue;
        };
        match failed(outcome) {
            Some(error) => failures.push(json!({ "service": new.name.full(), "error": error })),
            None => added.push(new.name.full()),
        }
    }
    failures.extend(
        plan.holds
            .iter()
            .filter(|hold| hold.is_failure())
            .map(|hold| json!({ "error": hold.to_string() })),
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

/// An order that was served node by node.
struct OrderResult<'a> {
    action: ForcedAction,
    whom: &'a NodeSelection,
    outcomes: &'a [StepOutcome],
    before: &'a [Node],
    dry: bool,
}

impl OrderResult<'_> {
    fn tell(&self, plan: &Plan) -> Value {
        let mut done: Vec<String> = Vec::new();
        let mut upgraded: Vec<String> = Vec::new();
        let mut failures: Vec<Value> = Vec::new();
        let verb_done = self.action.facts().done;
        let starts = self.action == ForcedAction::Start;
        for (label, id) in self.called() {
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
        failures.extend(plan.holds.iter().filter_map(|hold| match hold {
            Blocker::Refused { name, why } if hold.is_failure() => {
                Some(json!({ "service": name, "error": why.to_string() }))
            }
            _ => None,
        }));
        if let (NodeSelection::Count(1), [], [name], []) | (NodeSelection::Count(1), [name], [], []) = (
            self.whom,
            done.as_slice(),
            upgraded.as_slice(),
            failures.as_slice(),
        ) {
            let status = if upgraded.is_empty() {
                format!("{}-node", verb_done)
            } else {
                "upgrading-node".to_owned()
            };
            // As the peer does, without the family name when it was found by count.
            return json!({ "status": status, "node": name.strip_prefix("antnode").unwrap_or(name) });
        }
        let named = matches!(self.whom, NodeSelection::Named(_));
        let list = |names: Vec<String>| if named { json!(names) } else { or_null(names) };
        let mut result = Map::new();
        let status = if self.dry {
            format!("{}-dryrun", self.action.word())
        } else {
            format!("{}-nodes", verb_done)
        };
        result.insert("status".to_owned(), status.into());
        result.insert(format!("{}_count", verb_done), done.len().into());
        result.insert(format!("{}_nodes", verb_done), list(done));
        if starts {
            result.insert("upgraded_count".to_owned(), upgraded.len().into());
            result.insert("upgraded_nodes".to_owned(), or_null(upgraded));
        }
        result.insert("failed_count".to_owned(), failures.len().into());
        result.insert("failed_nodes".to_owned(), or_null(failures));
        Value::Object(result)
    }

    /// The nodes by the names the operator called them, or by their own; each once.
    fn called(&self) -> Vec<(String, NodeId)> {
        match self.whom {
            NodeSelection::Named(names) => {
                let mut called: Vec<(String, NodeId)> = Vec::with_capacity(names.len());
                for name in names {
                    if let Ok(node) = plan::find(name, self.before)
                        && called.iter().all(|(_, id)| *id != node.id)
                    {
                        called.push((name.clone(), node.id));
                    }
                }
                called
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

/// What became of an ordered survey.
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
