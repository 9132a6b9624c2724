//! The metrics: each declared once, with its name, type, help and source.

use std::collections::BTreeMap;

use crate::colony::{Decimal, MachineReadings, Node, NodeState, Rates, Timestamp, Version};
use crate::plan::{ActionKind, Policy};

/// What the report is made of.
#[derive(Debug)]
pub struct ColonyFigures<'a> {
    /// The value of the label `colony` of every sample.
    pub name: &'a str,
    pub nodes: &'a [Node],
    pub policy: &'a Policy,
    pub survey: Option<LastSurvey>,
    /// How often each action ended in each way in the last hour: by its word and the word of its outcome.
    pub actions: BTreeMap<(String, String), u64>,
    /// Up to this many nodes, each has samples. In a larger colony only nodes that are not up have, at most as many.
    pub most_nodes: usize,
}

/// The machine at the last survey.
#[derive(Clone, Debug)]
pub struct LastSurvey {
    pub at: Timestamp,
    pub readings: MachineReadings,
    pub rates: Rates,
}

/// The labels of a sample after `colony`, and its value.
pub type Sample = (Vec<(&'static str, String)>, String);

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    Counter,
    Gauge,
}

impl Kind {
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// A metric, and the function that reads its samples.
#[derive(Debug)]
pub struct Metric<T> {
    pub name: &'static str,
    pub kind: Kind,
    /// Constant ASCII text; the golden test holds it.
    pub help: &'static str,
    pub samples: T,
}

/// Reads the samples of a metric of the colony.
pub type ColonySamples = fn(&ColonyFigures<'_>) -> Vec<Sample>;
/// Reads the value of a metric of a node. None: it is not known.
pub type NodeValue = fn(&Node) -> Option<String>;

macro_rules! metrics {
    ($($name:literal $kind:ident $help:literal $samples:expr;)*) => {
        &[$(Metric { name: $name, kind: Kind::$kind, help: $help, samples: $samples }),*]
    };
}

/// The metrics of the colony.
pub const COLONY: &[Metric<ColonySamples>] = metrics! {
    "wnm_build_info" Gauge "The wnm that wrote these figures; always 1."
        |_| vec![(vec![("version", env!("CARGO_PKG_VERSION").to_owned())], "1".to_owned())];
    "wnm_last_survey_timestamp_seconds" Gauge "When the last cycle surveyed."
        |colony| colony.survey.iter().map(|survey| plain(survey.at.0)).collect();
    "wnm_node_cap" Gauge "How many nodes the colony may have."
        |colony| vec![plain(colony.policy.cap)];
    "wnm_nodes" Gauge "Nodes of the colony by state." nodes_by_state;
    "wnm_nodes_silent" Gauge "Nodes that did not answer the last survey."
        |colony| vec![plain(colony.nodes.iter().filter(|node| node.memory.silent > 0).count())];
    "wnm_nodes_by_version" Gauge "Nodes of the colony by version of their antnode." nodes_by_version;
    "wnm_oldest_transition_timestamp_seconds" Gauge
        "When the node entered its state that is between two states for longest." oldest_transition;
    "wnm_actions_last_hour" Gauge "Actions of the last hour by how they ended." actions;
    "wnm_rewards_tokens" Gauge "Sum of the rewards that the nodes report." rewards;
    "wnm_records" Gauge "Records that all nodes hold." |colony| total(colony, |node| node.figures.records);
    "wnm_relevant_records" Gauge "Records that all nodes hold and are responsible for."
        |colony| total(colony, |node| node.figures.rel_records);
    "wnm_connected_peers" Gauge "Peers that all nodes are connected to."
        |colony| total(colony, |node| node.figures.connected_peers);
    "wnm_shunned" Gauge "Peers of close groups that shun nodes of the colony."
        |colony| total(colony, |node| node.figures.shunned);
    "wnm_network_size" Gauge "Nodes in the network, the mean of what the running nodes estimate." network_size;
    "wnm_resource_used_ratio" Gauge "Use of a resource at the last survey; 1 is all." used_ratios;
    "wnm_resource_limit_ratio" Gauge "Above add no node is added, above remove nodes are stopped; 1 is all."
        limit_ratios;
};

/// The metrics of a node.
pub const NODE: &[Metric<NodeValue>] = metrics! {
    "wnm_node_info" Gauge "Version and peer ID of a node; always 1." |_| Some("1".to_owned());
    "wnm_node_up" Gauge "1: the node is RUNNING, 0: it is in another state."
        |node| Some(u8::from(node.state == NodeState::Running).to_string());
    "wnm_node_state_timestamp_seconds" Gauge "Since when the node is in its state."
        |node| Some(node.since.0.to_string());
    "wnm_node_silent_surveys" Gauge "Surveys in a row that the node did not answer."
        |node| Some(node.memory.silent.to_string());
    "wnm_node_uptime_seconds" Gauge "Age of the process of the node." |node| Some(node.figures.uptime.to_string());
    "wnm_node_records" Gauge "Records that the node holds." |node| Some(node.figures.records.to_string());
    "wnm_node_relevant_records" Gauge "Records that the node holds and is responsible for."
        |node| Some(node.figures.rel_records.to_string());
    "wnm_node_puts_total" Counter "Records that the process of the node has stored."
        |node| Some(node.figures.puts.to_string());
    "wnm_node_payments" Gauge "Payments that the node has received." |node| Some(node.figures.payment_count.to_string());
    "wnm_node_connected_peers" Gauge "Peers that the node is connected to."
        |node| Some(node.figures.connected_peers.to_string());
    "wnm_node_open_connections" Gauge "Open connections of the node."
        |node| Some(node.figures.open_connections.to_string());
    "wnm_node_shunned" Gauge "Peers of its close group that shun the node."
        |node| Some(node.figures.shunned.to_string());
    // Column `mem` is in hundredths of 1,000,000 bytes.
    "wnm_node_memory_bytes" Gauge "Memory of the process of the node."
        |node| Some(node.figures.mem.saturating_mul(10_000).to_string());
    // Column `cpu` is in hundredths of a percent.
    "wnm_node_cpu_ratio" Gauge "CPU use of the process of the node; 1 is one processor."
        |node| Some(scaled(node.figures.cpu, -4));
    "wnm_node_rewards_tokens" Gauge "Rewards that the node reports." node_rewards;
    "wnm_node_network_size" Gauge "Nodes in the network, as the node estimates it."
        |node| (node.figures.network_size > 0).then(|| node.figures.network_size.to_string());
};

fn plain(value: impl ToString) -> Sample {
    (Vec::new(), value.to_string())
}

fn nodes_by_state(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let count = |state| colony.nodes.iter().filter(|node| node.state == state).count();
    NodeState::ALL
        .iter()
        .map(|state| {
            let labels = vec![("status", state.word().to_ascii_lowercase())];
            (labels, count(*state).to_string())
        })
        .collect()
}

fn nodes_by_version(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for node in colony.nodes {
        *counts.entry(version(node)).or_default() += 1;
    }
    let labelled = |(version, count): (String, usize)| (vec![("version", version)], count.to_string());
    counts.into_iter().map(labelled).collect()
}

/// The version of a node's antnode, or `unknown`.
pub fn version(node: &Node) -> String {
    let version = node.version.as_ref().map_or("", Version::as_str);
    if version.is_empty() { "unknown" } else { version }.to_owned()
}

fn oldest_transition(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let moving = |node: &&Node| node.state.is_timed() || node.state == NodeState::Migrating;
    let oldest = colony.nodes.iter().filter(moving).map(|node| node.since.0).min();
    oldest.into_iter().map(plain).collect()
}

/// Both outcomes of the usual actions always, zeros too: an alert on a series that does not exist is silent.
fn actions(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let mut counts = colony.actions.clone();
    for kind in [
        ActionKind::Add,
        ActionKind::Start,
        ActionKind::Upgrade,
        ActionKind::Stop,
        ActionKind::Remove,
    ] {
        for outcome in ["done", "failed"] {
            counts
                .entry((kind.word().to_owned(), outcome.to_owned()))
                .or_default();
        }
    }
    let labelled = |((action, outcome), count): ((String, String), u64)| {
        (vec![("action", action), ("outcome", outcome)], count.to_string())
    };
    counts.into_iter().map(labelled).collect()
}

/// Rewards are stored in 10^-18 tokens. None: the node has never reported an amount.
fn node_rewards(node: &Node) -> Option<String> {
    let amount = Decimal::parse(&node.figures.rewards)?;
    Some(amount.times_ten_to(-18).to_string())
}

fn rewards(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let mut sum = Decimal::default();
    for amount in colony
        .nodes
        .iter()
        .filter_map(|node| Decimal::parse(&node.figures.rewards))
    {
        sum.add(&amount);
    }
    vec![plain(sum.times_ten_to(-18))]
}

fn total(colony: &ColonyFigures<'_>, figure: fn(&Node) -> i64) -> Vec<Sample> {
    let sum: i128 = colony.nodes.iter().map(|node| i128::from(figure(node))).sum();
    vec![plain(sum)]
}

fn network_size(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let sizes: Vec<i128> = colony
        .nodes
        .iter()
        .filter(|node| node.state == NodeState::Running && node.figures.network_size > 0)
        .map(|node| i128::from(node.figures.network_size))
        .collect();
    let count = i128::try_from(sizes.len()).unwrap_or(i128::MAX);
    let mean = sizes.iter().sum::<i128>().checked_div(count);
    mean.into_iter().map(plain).collect()
}

fn used_ratios(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let Some(LastSurvey { readings, rates, .. }) = &colony.survey else {
        return Vec::new();
    };
    [
        ("cpu", rates.used_cpu_percent),
        ("memory", readings.used_mem_percent()),
        ("disk", readings.used_hd_percent()),
    ]
    .into_iter()
    .filter(|(_, percent)| percent.is_finite())
    .map(|(resource, percent)| (vec![("resource", resource.to_owned())], ratio(percent)))
    .collect()
}

fn limit_ratios(colony: &ColonyFigures<'_>) -> Vec<Sample> {
    let policy = colony.policy;
    [
        ("cpu", policy.cpu),
        ("memory", policy.memory),
        ("disk", policy.disk),
    ]
    .into_iter()
    .flat_map(|(resource, threshold)| {
        [("add", threshold.add), ("remove", threshold.remove)].map(|(limit, percent)| {
            let labels = vec![("resource", resource.to_owned()), ("limit", limit.to_owned())];
            (labels, ratio(percent))
        })
    })
    .collect()
}

/// A percentage as a ratio of 0 to 1 with four decimals.
fn ratio(percent: f64) -> String {
    let text = format!("{:.4}", percent / 100.0);
    match text.trim_end_matches('0').trim_end_matches('.') {
        "" | "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn scaled(value: i64, exponent: i32) -> String {
    let amount = Decimal::parse(&value.max(0).to_string()).unwrap_or_default();
    amount.times_ten_to(exponent).to_string()
}
