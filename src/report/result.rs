//! What a run did, as JSON in the peer's words, and what a dry run would do, as text.

use serde_json::{Map, Value, json};

use crate::colony::{Node, NodeId, State};
use crate::execute::{Ending, Outcome};
use crate::plan::{self, Action, Hold, Order, Plan, Reason, Rest, Step, Task, Whom};

/// JSON as the peer writes it: indented by two.
#[must_use]
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// Whether a result tells of nodes that something failed on.
#[must_use]
pub fn has_failures(result: &Value) -> bool {
    result["failed_count"].as_u64().is_some_and(|count| count > 0)
}

/// A plan as text: each step with its node, ids, ports and paths, and why; then why nothing more is done.
#[must_use]
pub fn dry_run(plan: &Plan, nodes: &[Node], as_json: bool) -> String {
    let outcomes: Vec<Outcome> = plan
        .steps
        .iter()
        .map(|step| Outcome::foreseen(step, nodes))
        .collect();
    if as_json {
        return pretty(&of_plan(plan, &outcomes, true));
    }
    let mut lines: Vec<String> = outcomes
        .iter()
        .map(|outcome| match &outcome.node {
            Some(node) => format!("would {} `{}`", outcome.step, node.service),
            None => format!("would {}", outcome.step),
        })
        .collect();
    if lines.is_empty() {
        lines.push("would do nothing".to_owned());
    }
    lines.extend(plan.holds.iter().map(|hold| format!("  {hold}")));
    lines.join("\n")
}

/// What became of a plan: the peer's word for the first step, then every step and why no more were taken.
#[must_use]
pub fn of_plan(plan: &Plan, outcomes: &[Outcome], dry: bool) -> Value {
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
    let holds: Vec<String> = plan
        .holds
        .iter()
        .filter(|hold| !matches!(hold, Hold::Resting(_)))
        .map(Hold::to_string)
        .collect();
    if !holds.is_empty() {
        result.insert("holds".to_owned(), holds.into());
    }
    Value::Object(result)
}

fn is_unfinished(step: &Step) -> bool {
    matches!(step.because, Reason::Unfinished { .. })
}

fn step_of(outcome: &Outcome, dry: bool) -> Value {
    let mut step = json!({
        "action": outcome.step.kind().word(),
        "status": word(outcome, dry),
        "node": outcome.step.action.node().map(|id| id.0),
        "service": outcome.node.as_ref().map(|node| node.service.0.clone()),
        "reason": outcome.step.because.to_string(),
    });
    if let Action::Add(new) = &outcome.step.action {
        step["service"] = new.service.0.clone().into();
        step["port"] = new.ports.node.into();
        step["metrics_port"] = new.ports.metrics.into();
        step["root_dir"] = new.home.root.display().to_string().into();
    }
    if let Ending::Failed(error) = &outcome.ending {
        step["error"] = error.clone().into();
    }
    if !outcome.warnings.is_empty() {
        step["warnings"] = outcome.warnings.clone().into();
    }
    step
}

/// The peer's word for how a planned step went; its own words for steps that the peer does not know.
fn word(outcome: &Outcome, dry: bool) -> &'static str {
    if outcome.ending == Ending::Skipped {
        return "skipped";
    }
    let failed = outcome.failed();
    let task = match &outcome.step.because {
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
        (Action::Stop(_, Rest::Stopped), false) => "stopped-node",
        (Action::Stop(_, Rest::Removing), false) => "removed-running-node",
        (Action::Stop(_, Rest::Disabled), false) => "disabled-node",
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

/// What became of an order, with the keys the peer's scripts read. `before` are the nodes as they were.
#[must_use]
pub fn of_order(order: &Order, plan: &Plan, outcomes: &[Outcome], before: &[Node], dry: bool) -> Value {
    if let Some(hold) = plan.holds.iter().find(|hold| is_whole_refusal(hold)) {
        return json!({ "status": "error", "message": hold.to_string() });
    }
    match order {
        Order::Add { count } => of_add(*count, plan, outcomes, dry),
        Order::Remove(whom) => Served {
            verb: "remove",
            done: "removed",
            whom,
            outcomes,
            before,
            dry,
        }
        .tell(plan),
        Order::Upgrade(whom) => Served {
            verb: "upgrade",
            done: "upgraded",
            whom,
            outcomes,
            before,
            dry,
        }
        .tell(plan),
        Order::Start(whom) => Served {
            verb: "start",
            done: "started",
            whom,
            outcomes,
            before,
            dry,
        }
        .tell(plan),
        Order::Stop(whom) => Served {
            verb: "stop",
            done: "stopped",
            whom,
            outcomes,
            before,
            dry,
        }
        .tell(plan),
        Order::Disable(whom) => Served {
            verb: "disable",
            done: "disabled",
            whom,
            outcomes,
            before,
            dry,
        }
        .tell(plan),
        Order::Teardown if before.is_empty() => {
            json!({ "status": "no-nodes", "message": "No nodes to teardown" })
        }
        Order::Teardown => of_teardown(outcomes, before, dry),
    }
}

fn is_whole_refusal(hold: &Hold) -> bool {
    matches!(
        hold,
        Hold::CountTooSmall { .. } | Hold::NamesNeeded { .. } | Hold::NoneTo { .. }
    )
}

fn of_add(count: i64, plan: &Plan, outcomes: &[Outcome], dry: bool) -> Value {
    let failed = |outcome: &Outcome| match &outcome.ending {
        Ending::Failed(error) => Some(error.clone()),
        Ending::Done | Ending::Skipped => None,
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

fn of_teardown(outcomes: &[Outcome], before: &[Node], dry: bool) -> Value {
    let failures: Vec<Value> = outcomes
        .iter()
        .filter_map(|outcome| match (&outcome.ending, &outcome.node) {
            (Ending::Failed(error), Some(node)) => {
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
struct Served<'a> {
    verb: &'static str,
    done: &'static str,
    whom: &'a Whom,
    outcomes: &'a [Outcome],
    before: &'a [Node],
    dry: bool,
}

impl Served<'_> {
    fn tell(&self, plan: &Plan) -> Value {
        let mut done: Vec<String> = Vec::new();
        let mut upgraded: Vec<String> = Vec::new();
        let mut failures: Vec<Value> = Vec::new();
        let starts = self.verb == "start";
        for (label, id) in self.called() {
            let Some(outcome) = self
                .outcomes
                .iter()
                .find(|outcome| outcome.step.action.node() == Some(id))
            else {
                continue;
            };
            match (&outcome.ending, &outcome.step.action) {
                (Ending::Failed(error), _) => failures.push(json!({ "service": label, "error": error })),
                (Ending::Skipped, _) => {
                    failures.push(json!({ "service": label, "error": "ended by a signal" }))
                }
                (Ending::Done, Action::Start(_, Some(_))) if starts => upgraded.push(label),
                (Ending::Done, _) => done.push(label),
            }
        }
        failures.extend(plan.holds.iter().filter_map(|hold| match hold {
            Hold::Refused { name, why } if hold.is_failure() => {
                Some(json!({ "service": name, "error": why.to_string() }))
            }
            _ => None,
        }));
        if let (Whom::Count(1), [], [name], []) | (Whom::Count(1), [name], [], []) = (
            self.whom,
            done.as_slice(),
            upgraded.as_slice(),
            failures.as_slice(),
        ) {
            let status = if upgraded.is_empty() {
                format!("{}-node", self.done)
            } else {
                "upgrading-node".to_owned()
            };
            // As the peer does, without the family name when it was found by count.
            return json!({ "status": status, "node": name.strip_prefix("antnode").unwrap_or(name) });
        }
        let named = matches!(self.whom, Whom::Named(_));
        let list = |names: Vec<String>| if named { json!(names) } else { or_null(names) };
        let mut result = Map::new();
        let status = if self.dry {
            format!("{}-dryrun", self.verb)
        } else {
            format!("{}-nodes", self.done)
        };
        result.insert("status".to_owned(), status.into());
        result.insert(format!("{}_count", self.done), done.len().into());
        result.insert(format!("{}_nodes", self.done), list(done));
        if starts {
            result.insert("upgraded_count".to_owned(), upgraded.len().into());
            result.insert("upgraded_nodes".to_owned(), or_null(upgraded));
        }
        result.insert("failed_count".to_owned(), failures.len().into());
        result.insert("failed_nodes".to_owned(), or_null(failures));
        Value::Object(result)
    }

    /// The nodes by the names the operator called them, or by their own.
    fn called(&self) -> Vec<(String, NodeId)> {
        match self.whom {
            Whom::Named(names) => names
                .iter()
                .filter_map(|name| Some((name.clone(), plan::find(name, self.before).ok()?.id)))
                .collect(),
            Whom::Count(_) => self
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
        let count = nodes.iter().filter(|node| node.state != State::Disabled).count();
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
