//! `plan`: what the next cycle would do, why it would do nothing more, and each feature with its figure and its limit.

use serde::Serialize;
use serde_json::{Value, json};

use crate::colony::{Node, NodeId, Timestamp};
use crate::plan::{
    Action, Blocker, Feature, LimitedQuantity, PlanOutput, Policy, Step, is_port_answered_by_other,
};

use super::Format;

/// The nodes and the settings at the next cycle, and the plan for them.
pub struct PlanPreview<'a> {
    pub at: Timestamp,
    pub policy: &'a Policy,
    pub output: &'a PlanOutput,
    pub nodes: &'a [Node],
    /// Why the next cycle would stop before it does anything.
    pub safety_stop: Option<String>,
}

/// A feature, its answer, and the figures that it is based on.
#[derive(Serialize)]
struct FeatureRow {
    name: &'static str,
    value: bool,
    #[serde(rename = "because")]
    limits: Vec<LimitRow>,
}

/// A figure and its limit.
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
pub fn render(preview: &PlanPreview<'_>, format: Format) -> String {
    let row = |feature: &Feature| FeatureRow {
        name: feature.name(),
        value: preview.output.features.answer(*feature),
        limits: limits_of(*feature, preview),
    };
    let features: Vec<FeatureRow> = Feature::ALL.iter().map(row).collect();
    if format == Format::Json {
        let steps: Vec<Value> = preview
            .output
            .plan
            .steps
            .iter()
            .filter(|_| preview.safety_stop.is_none())
            .map(|step| step_json(step, preview.nodes))
            .collect();
        let blockers: Vec<String> = preview
            .output
            .plan
            .blockers
            .iter()
            .map(ToString::to_string)
            .chain(answered_ports(preview.nodes))
            .collect();
        return serde_json::to_string_pretty(&json!({
            "at": preview.at.0,
            "safety_stop": preview.safety_stop,
            "steps": steps,
            "holds": blockers,
            "features": features,
        }))
        .unwrap_or_default();
    }
    let mut lines = vec!["The next cycle would:".to_owned()];
    let steps = &preview.output.plan.steps;
    // A safety stop prevents all of them.
    let steps = match preview.safety_stop {
        Some(_) => &[],
        None => &steps[..],
    };
    lines.extend(
        steps
            .iter()
            .map(|step| format!("  {}; {}", step.action, step.reason)),
    );
    let is_rest = |blocker: &&Blocker| matches!(blocker, Blocker::Resting(_));
    let blockers = &preview.output.plan.blockers;
    if let Some(stop) = &preview.safety_stop {
        lines.push(format!(
            "  change nothing, and exit with code 4, because of a {stop}"
        ));
    } else if steps.is_empty() {
        let rest = blockers.iter().find(is_rest).map(|rest| format!("; {rest}"));
        lines.push(format!(
            "  survey the nodes, and do nothing else{}",
            rest.unwrap_or_default()
        ));
    }
    lines.push("Why not more:".to_owned());
    let others: Vec<&Blocker> = blockers.iter().filter(|blocker| !is_rest(blocker)).collect();
    lines.extend(others.iter().map(|blocker| format!("  {blocker}")));
    let answered: Vec<String> = answered_ports(preview.nodes).collect();
    lines.extend(answered.iter().map(|text| format!("  {text}")));
    if others.is_empty() && answered.is_empty() {
        lines.push("  nothing is blocked".to_owned());
    }
    lines.push("Limits: room to add, and pressure to remove:".to_owned());
    for feature in &features {
        let limits: Vec<&str> = feature.limits.iter().map(|fact| fact.text.as_str()).collect();
        let answer = if feature.value { "yes" } else { "no" };
        lines.push(format!(
            "  {:<15} {answer:<4} {}",
            feature.name,
            limits.join(", ")
        ));
    }
    lines.join("\n")
}

/// The nodes whose metrics ports another process answers.
fn answered_ports(nodes: &[Node]) -> impl Iterator<Item = String> {
    let answered = nodes.iter().filter(|node| is_port_answered_by_other(node));
    answered.map(|node| {
        let error = node.memory.last_error.as_deref().unwrap_or_default();
        format!("node {}: {error}", node.id)
    })
}

fn step_json(step: &Step, nodes: &[Node]) -> Value {
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
        "reason": step.reason.to_string(),
        "figures": step.reason.figures(),
    })
}

/// Which of the two limits of a figure counts.
#[derive(Clone, Copy)]
enum LimitSide {
    /// Below it, nodes may be added.
    Add,
    /// Above it, nodes are removed.
    Remove,
}

fn limits_of(feature: Feature, preview: &PlanPreview<'_>) -> Vec<LimitRow> {
    let (policy, metrics) = (preview.policy, &preview.output.metrics);
    let quantities = feature.measured(policy, metrics);
    match feature {
        Feature::AllowCpu | Feature::AllowMem | Feature::AllowHd | Feature::LoadAllow => {
            measured(&quantities, LimitSide::Add)
        }
        Feature::RemoveCpu | Feature::RemoveMem | Feature::RemoveHd | Feature::LoadNotAllow => {
            measured(&quantities, LimitSide::Remove)
        }
        Feature::AllowHdio => rates("disk I/O", &quantities, LimitSide::Add),
        Feature::RemoveHdio => rates("disk I/O", &quantities, LimitSide::Remove),
        Feature::AllowNetio => rates("network I/O", &quantities, LimitSide::Add),
        Feature::RemoveNetio => rates("network I/O", &quantities, LimitSide::Remove),
        Feature::AllowNodeCap => vec![compare_to_cap(
            "running nodes",
            metrics.running_nodes,
            policy.cap,
            LimitSide::Add,
        )],
        Feature::AddNewNode => add_new_node(preview),
        Feature::Remove => vec![
            note(if preview.output.features.has_pressure() {
                "a limit is exceeded"
            } else {
                "no limit is exceeded"
            }),
            compare_to_cap("nodes", metrics.total_nodes, policy.cap, LimitSide::Remove),
        ],
        Feature::Upgrade => upgrade(preview),
    }
}

fn add_new_node(preview: &PlanPreview<'_>) -> Vec<LimitRow> {
    let (policy, metrics) = (preview.policy, &preview.output.metrics);
    let underway = metrics.upgrading_nodes + metrics.restarting_nodes + metrics.removing_nodes;
    vec![
        note(if preview.output.features.has_resources() {
            "the machine has room"
        } else {
            "the machine has no room"
        }),
        compare_to_cap("nodes", metrics.total_nodes, policy.cap, LimitSide::Add),
        counted("nodes still settling", underway),
    ]
}

fn upgrade(preview: &PlanPreview<'_>) -> Vec<LimitRow> {
    let (policy, metrics) = (preview.policy, &preview.output.metrics);
    let mut facts = vec![counted(
        "running nodes older than the binary",
        metrics.upgradable_nodes.unwrap_or(metrics.nodes_to_upgrade),
    )];
    if !policy.upgrades {
        facts.push(note("`enable_upgrade` is off"));
    }
    if metrics.antnode_version.is_none() {
        facts.push(note("no antnode binary found"));
    }
    if preview.output.features.remove {
        facts.push(note("nodes must be removed first"));
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
                format!("{what} is unknown")
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

/// A pair of rates, which may have no limits.
fn rates(name: &str, pair: &[LimitedQuantity], side: LimitSide) -> Vec<LimitRow> {
    if pair.is_empty() {
        vec![note(&format!("{name} has no limits"))]
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
fn compare_to_cap(what: &str, is: i64, cap: i64, side: LimitSide) -> LimitRow {
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

fn note(text: &str) -> LimitRow {
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
    use crate::plan::policy::Threshold;
    use crate::plan::reason::Quantity;

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
    fn compares_a_figure_with_its_limit() {
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
            ["cpu is unknown"]
        );
    }

    #[test]
    fn a_pair() {
        assert_eq!(
            texts(&rates("disk I/O", &[], LimitSide::Add)),
            ["disk I/O has no limits"]
        );
        let pair = [
            quantity(Quantity::DiskRead, 5.0, 100.0, 200.0),
            quantity(Quantity::DiskWrite, 500.0, 100.0, 200.0),
        ];
        assert_eq!(
            texts(&rates("disk I/O", &pair, LimitSide::Remove)),
            [
                "disk read 5 B/s <= remove limit 200 B/s",
                "disk write 500 B/s > remove limit 200 B/s"
            ]
        );
    }

    #[test]
    fn compares_the_number_of_nodes_with_the_cap() {
        assert_eq!(
            compare_to_cap("nodes", 20, 20, LimitSide::Add).text,
            "20 nodes >= node_cap 20"
        );
        assert_eq!(
            compare_to_cap("nodes", 20, 20, LimitSide::Remove).text,
            "20 nodes <= node_cap 20"
        );
    }
}
