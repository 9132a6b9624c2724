//! `prometheus`: the colony and its nodes in Prometheus' text format 0.0.4.
//!
//! Help texts and types never change: node_exporter drops samples of a second file whose help text differs. Another
//! meaning gets another name. A figure that is not known is left out, because `NaN` makes every sum `NaN`.

mod metrics;

use std::fmt::Write;

use crate::colony::{Node, NodeState};
use metrics::{COLONY, Metric, NODE, NodeValue, Sample, version};
pub use metrics::{ColonyFigures, LastSurvey};

/// The report: every metric once, with its samples in the order of the nodes.
#[must_use]
pub fn render(figures: &ColonyFigures<'_>) -> String {
    let mut text = String::new();
    let colony = [("colony", figures.name.to_owned())];
    for metric in COLONY {
        write_metric(&mut text, metric, (metric.samples)(figures).iter(), &colony);
    }
    let shown = shown_nodes(figures);
    for metric in NODE {
        let samples: Vec<Sample> = shown
            .iter()
            .filter_map(|node| node_sample(metric, node))
            .collect();
        write_metric(&mut text, metric, samples.iter(), &colony);
    }
    text
}

fn shown_nodes<'a>(figures: &ColonyFigures<'a>) -> Vec<&'a Node> {
    let all = figures.nodes.iter();
    if figures.nodes.len() <= figures.most_nodes {
        return all.collect();
    }
    all.filter(|node| node.state != NodeState::Running)
        .take(figures.most_nodes)
        .collect()
}

fn node_sample(metric: &Metric<NodeValue>, node: &Node) -> Option<Sample> {
    let value = (metric.samples)(node)?;
    let mut labels = vec![("service", node.name.full())];
    if metric.name == "wnm_node_info" {
        labels.push(("peer_id", node.peer_id.clone().unwrap_or_default()));
        labels.push(("version", version(node)));
    }
    Some((labels, value))
}

/// Writes the head of a metric and its samples; nothing without a sample.
fn write_metric<'a, T>(
    text: &mut String,
    metric: &Metric<T>,
    samples: impl Iterator<Item = &'a Sample>,
    colony: &[(&'static str, String)],
) {
    let Metric { name, kind, help, .. } = metric;
    let mut samples = samples.peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", kind.word());
    for (labels, value) in samples {
        let labels: Vec<String> = colony
            .iter()
            .chain(labels)
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        let _ = writeln!(text, "{name}{{{}}} {value}", labels.join(","));
    }
}

/// A label value as the format wants it; nothing else may be escaped. Other control characters are left out.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// The name of the file for node_exporter's textfile collector: `wnm-COLONY.prom`.
#[must_use]
pub fn file_name(colony: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let plain: String = colony
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .take(64)
        .collect();
    format!("wnm-{plain}.prom")
}

#[cfg(test)]
mod tests;
