//! `plan`: what the next cycle would do and why not more, each feature with its figure and its limit.

use serde::Serialize;
use serde_json::{Value, json};

use crate::colony::{Node, NodeId, Timestamp};
use crate::plan::{Action, Blocker, Feature, LimitedQuantity, PlanOutput, Policy, Step};

use super::Format;

/// What the next cycle would find, and what it would make of it.
pub struct PlanPreview<'a> {
    pub at: Timestamp,
    pub policy: &'a Policy,
    pub judgement: &'a PlanOutput,
    pub nodes: &'a [Node],
}

/// A feature, its answer, and the figures that gave it.
#[derive(Serialize)]
struct FeatureRow {
    name: &'static str,
    value: bool,
    because: Vec<LimitRow>,
}

/// A figure against its limit.
#[derive(Serialize)]
struct LimitRow {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
}

/// The report.
#[must_use]
pub fn render(foreseen: &PlanPreview<'_>, format: Format) -> String {
    let row = |feature: &Feature| FeatureRow {
        name: feature.name(),
        value: foreseen.judgement.features.answer(*feature),
        because: facts(*feature, foreseen),
    };
    let features: Vec<FeatureRow> = Feature::ALL.iter().map(row).collect();
    if format == Format::Json {
        let steps: Vec<Value> = foreseen
            .judgement
            .plan
            .steps
            .iter()
            .map(|step| told(step, foreseen.nodes))
            .collect();
        let holds: Vec<String> = foreseen
            .judgement
            .plan
            .holds
            .iter()
            .map(ToString::to_string)
            .collect();
        return serde_json::to_string_pretty(&json!({
            "at": foreseen.at.0,
            "steps": steps,
            "holds": holds,
            "features": features,
        }))
        .unwrap_or_default();
    }
    let mut lines = vec!["The next cycle would:".to_owned()];
    let steps = &foreseen.judgement.plan.steps;
    lines.extend(
        steps
            .iter()
            .map(|step| format!("  {}; {}", step.action, step.because)),
    );
    let is_rest = |hold: &&Blocker| matches!(hold, Blocker::Resting(_));
    let holds = &foreseen.judgement.plan.holds;
    if steps.is_empty() {
        let rest = holds.iter().find(is_rest).map(|rest| format!("; {rest}"));
        lines.push(format!("  look, and do nothing else{}", rest.unwrap_or_default()));
    }
    lines.push("Why not more:".to_owned());
    let others: Vec<&Blocker> = holds.iter().filter(|hold| !is_rest(hold)).collect();
    lines.extend(others.iter().map(|hold| format!("  {hold}")));
    if others.is_empty() {
        lines.push("  nothing is held back".to_owned());
    }
    lines.push("What is allowed, and what presses:".to_owned());
    for feature in &features {
        let because: Vec<&str> = feature.because.iter().map(|fact| fact.text.as_str()).collect();
        let answer = if feature.value { "yes" } else { "no" };
        lines.push(format!(
            "  {:<15} {answer:<4} {}",
            feature.name,
            because.join(", ")
        ));
    }
    lines.join("\n")
}

fn told(step: &Step, nodes: &[Node]) -> Value {
    let service = |id: NodeId| {
        nodes
            .iter()
            .find(|node| node.id == id)
            .map(|node| node.service.0.clone())
    };
    let service = match &step.action {
        Action::Add(new) => Some(new.service.0.clone()),
        action => action.node().and_then(service),
    };
    json!({
        "action": step.action.kind().word(),
        "text": step.action.to_string(),
        "node": step.action.node().map(|id| id.0),
        "service": service,
        "priority": step.priority,
        "reason": step.because.to_string(),
        "figures": step.because.figures(),
    })
}

/// Which side of a limit is asked about.
#[derive(Clone, Copy)]
enum LimitSide {
    /// Below it, nodes may be added.
    Add,
    /// Above it, nodes are taken away.
    Remove,
}

fn facts(feature: Feature, foreseen: &PlanPreview<'_>) -> Vec<LimitRow> {
    let (policy, metrics) = (foreseen.policy, &foreseen.judgement.metrics);
    let quantities = feature.measured(policy, metrics);
    match feature {
        Feature::AllowCpu | Feature::AllowMem | Feature::AllowHd | Feature::LoadAllow => {
            measured(&quantities, LimitSide::Add)
        }
        Feature::RemoveCpu | Feature::RemoveMem | Feature::RemoveHd | Feature::LoadNotAllow => {
            measured(&quantities, LimitSide::Remove)
        }
        Feature::AllowHdio => watched("disk I/O", &quantities, LimitSide::Add),
        Feature::RemoveHdio => watched("disk I/O", &quantities, LimitSide::Remove),
        Feature::AllowNetio => watched("network I/O", &quantities, LimitSide::Add),
        Feature::RemoveNetio => watched("network I/O", &quantities, LimitSide::Remove),
        Feature::AllowNodeCap => vec![against(
            "running nodes",
            metrics.running_nodes,
            policy.cap,
            LimitSide::Add,
        )],
        Feature::AddNewNode => growth(foreseen),
        Feature::Remove => vec![
            said(if foreseen.judgement.features.has_pressure() {
                "something presses"
            } else {
                "nothing presses"
            }),
            against("nodes", metrics.total_nodes, policy.cap, LimitSide::Remove),
        ],
        Feature::Upgrade => upgrade(foreseen),
    }
}

fn growth(foreseen: &PlanPreview<'_>) -> Vec<LimitRow> {
    let (policy, metrics) = (foreseen.policy, &foreseen.judgement.metrics);
    let underway = metrics.upgrading_nodes + metrics.restarting_nodes + metrics.removing_nodes;
    vec![
        said(if foreseen.judgement.features.has_resources() {
            "the machine has room"
        } else {
            "the machine has no room"
        }),
        against("nodes", metrics.total_nodes, policy.cap, LimitSide::Add),
        counted("nodes between two states", underway),
    ]
}

fn upgrade(foreseen: &PlanPreview<'_>) -> Vec<LimitRow> {
    let (policy, metrics) = (foreseen.policy, &foreseen.judgement.metrics);
    let mut facts = vec![counted(
        "running nodes older than the binary",
        metrics.upgradable_nodes.unwrap_or(metrics.nodes_to_upgrade),
    )];
    if !policy.upgrades {
        facts.push(said("`enable_upgrade` is off"));
    }
    if metrics.antnode_version.is_none() {
        facts.push(said("there is no antnode binary"));
    }
    if foreseen.judgement.features.remove {
        facts.push(said("nodes are to be taken away first"));
    }
    facts
}

fn measured(quantities: &[LimitedQuantity], side: LimitSide) -> Vec<LimitRow> {
    quantities
        .iter()
        .map(|LimitedQuantity { what, is, limits }| {
            let (limit, word) = match side {
                LimitSide::Add => (limits.add, "add"),
                LimitSide::Remove => (limits.remove, "remove"),
            };
            let text = if is.is_nan() {
                format!("{what} is not known")
            } else {
                let sign = sign(*is < limit, *is > limit, side);
                format!(
                    "{what} {} {sign} {word} limit {}",
                    what.reading(*is),
                    what.limit(limit)
                )
            };
            LimitRow {
                text,
                what: Some(what.to_string()),
                is: Some(*is),
                limit: Some(limit).filter(|limit| limit.is_finite()),
            }
        })
        .collect()
}

/// A pair of rates, which need not be watched.
fn watched(name: &str, pair: &[LimitedQuantity], side: LimitSide) -> Vec<LimitRow> {
    if pair.is_empty() {
        vec![said(&format!("{name} is not watched"))]
    } else {
        measured(pair, side)
    }
}

fn sign(is_below: bool, is_above: bool, side: LimitSide) -> &'static str {
    match (side, is_below, is_above) {
        (LimitSide::Add, true, _) => "<",
        (LimitSide::Add, ..) => ">=",
        (LimitSide::Remove, _, true) => ">",
        (LimitSide::Remove, ..) => "<=",
    }
}

/// A count of nodes against the cap.
#[expect(clippy::cast_precision_loss, reason = "no colony has 2^52 nodes")]
fn against(what: &str, is: i64, cap: i64, side: LimitSide) -> LimitRow {
    let sign = sign(is < cap, is > cap, side);
    LimitRow {
        text: format!("{is} {what} {sign} node_cap {cap}"),
        what: Some(what.to_owned()),
        is: Some(is as f64),
        limit: Some(cap as f64),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no colony has 2^52 nodes")]
fn counted(what: &str, is: i64) -> LimitRow {
    LimitRow {
        text: format!("{is} {what}"),
        what: Some(what.to_owned()),
        is: Some(is as f64),
        limit: None,
    }
}

fn said(text: &str) -> LimitRow {
    LimitRow {
        text: text.to_owned(),
        what: None,
        is: None,
        limit: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Quantity, Threshold};

    fn texts(facts: &[LimitRow]) -> Vec<&str> {
        facts.iter().map(|fact| fact.text.as_str()).collect()
    }

    fn quantity(what: Quantity, is: f64, add: f64, remove: f64) -> LimitedQuantity {
        LimitedQuantity {
            what,
            is,
            limits: Threshold { add, remove },
        }
    }

    #[test]
    fn a_figure_stands_against_its_limit() {
        let cpu = |is| [quantity(Quantity::Cpu, is, 50.0, 70.0)];
        assert_eq!(
            texts(&measured(&cpu(62.1), LimitSide::Add)),
            ["cpu 62.1 % >= add limit 50 %"]
        );
        assert_eq!(
            texts(&measured(&cpu(49.9), LimitSide::Add)),
            ["cpu 49.9 % < add limit 50 %"]
        );
        assert_eq!(
            texts(&measured(&cpu(70.0), LimitSide::Remove)),
            ["cpu 70.0 % <= remove limit 70 %"]
        );
        assert_eq!(
            texts(&measured(&cpu(70.1), LimitSide::Remove)),
            ["cpu 70.1 % > remove limit 70 %"]
        );
        assert_eq!(
            texts(&measured(&cpu(f64::NAN), LimitSide::Add)),
            ["cpu is not known"]
        );
    }

    #[test]
    fn a_pair_of_rates_without_limits_is_not_watched() {
        assert_eq!(
            texts(&watched("disk I/O", &[], LimitSide::Add)),
            ["disk I/O is not watched"]
        );
        let pair = [
            quantity(Quantity::DiskRead, 5.0, 100.0, 200.0),
            quantity(Quantity::DiskWrite, 500.0, 100.0, 200.0),
        ];
        assert_eq!(
            texts(&watched("disk I/O", &pair, LimitSide::Remove)),
            [
                "disk read 5 B/s <= remove limit 200 B/s",
                "disk write 500 B/s > remove limit 200 B/s"
            ]
        );
    }

    #[test]
    fn nodes_stand_against_the_cap() {
        assert_eq!(
            against("nodes", 20, 20, LimitSide::Add).text,
            "20 nodes >= node_cap 20"
        );
        assert_eq!(
            against("nodes", 20, 20, LimitSide::Remove).text,
            "20 nodes <= node_cap 20"
        );
    }
}
