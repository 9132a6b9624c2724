//! `machine-config` and `machine-metrics`: the stored settings, and the figures of machine and colony.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::colony::{BinarySharing, MachineReadings, Metrics, Node, NodeId, PeerColumns, Rates, Version};
use crate::settings::parse_value;
use crate::settings::table::{self, KnownTo, SETTINGS, ValueType};

use super::{Format, assignments, pretty};

/// The settings that the colony stores. `row`: the columns of table `machine` as text.
#[must_use]
pub fn config(row: &[(String, Option<String>)], database: &Path, format: Format) -> String {
    let mut map = Map::new();
    let mut add = |name: &str| {
        if let Some((_, text)) = row.iter().find(|(column, _)| column == name) {
            map.insert(name.to_owned(), typed(name, text.as_deref()));
        }
    };
    // The order of the Python wnm, then the settings that it does not know.
    let stored = |is_ours: bool| {
        SETTINGS
            .iter()
            .filter(move |setting| setting.is_persistent() && is_ours == (setting.known_to == KnownTo::Wnm))
    };
    ["id", "cpu_count"].into_iter().for_each(&mut add);
    stored(false).for_each(|setting| add(setting.name));
    map.insert(
        "dbpath".to_owned(),
        json!(format!("sqlite:///{}", database.display())),
    );
    for setting in stored(true) {
        let value = row
            .iter()
            .find(|(column, _)| column == setting.name)
            .map(|(_, text)| typed(setting.name, text.as_deref()));
        // Programs that read the report of the Python wnm find exactly what they know.
        if let Some(value) = value.filter(|value| *value != typed(setting.name, Some(setting.default))) {
            map.insert(setting.name.to_owned(), value);
        }
    }
    render(&map, format)
}

/// The number, boolean or text that a column's text stands for.
fn typed(name: &str, text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    let number = || text.parse::<i64>().ok().map(Value::from);
    // JSON has no infinite numbers, so these stay text.
    let fraction = || {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(Value::from)
    };
    let known = match table::find(name).map(|setting| setting.value_type) {
        Some(ValueType::Switch) => parse_value::parse_switch(text).map(Value::from),
        Some(ValueType::Whole { .. } | ValueType::Thousands) => number(),
        Some(ValueType::Load) => fraction(),
        None => number(),
        Some(_) => None,
    };
    known.unwrap_or_else(|| text.into())
}

/// The values that the report on the machine's figures is made from.
pub struct MachineReport<'a> {
    pub metrics: &'a Metrics,
    pub instruments: &'a MachineReadings,
    pub rates: &'a Rates,
    pub nodes: &'a [Node],
    /// The columns of the peer in their rows.
    pub peer_columns: &'a BTreeMap<NodeId, PeerColumns>,
    /// How many nodes share their antnode's bytes in which way.
    pub sharing: &'a BTreeMap<BinarySharing, usize>,
    /// The antnode for new nodes; None if there is none.
    pub antnode: Option<&'a Path>,
    /// The percentage of used disk above which nodes are removed.
    pub hd_remove: f64,
    /// The bytes that a node is expected to grow to.
    pub crisis_bytes: i64,
}

/// The figures, in the peer's order and with its keys.
#[must_use]
pub fn metrics(figures: &MachineReport<'_>, format: Format) -> String {
    let MachineReport {
        metrics,
        instruments,
        rates,
        ..
    } = figures;
    let mut by_version: Vec<(Option<&str>, u64)> = Vec::new();
    let mut place: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for node in figures.nodes {
        let written = figures.peer_columns.get(&node.id);
        let version = written.and_then(|written| written.version.as_deref());
        let at = *place.entry(version).or_insert_with(|| {
            by_version.push((version, 0));
            by_version.len() - 1
        });
        by_version[at].1 += 1;
    }
    let latest = figures
        .nodes
        .iter()
        .filter(|node| metrics.antnode_version.is_some() && node.version == metrics.antnode_version)
        .count();
    let by_version: Map<String, Value> = by_version
        .into_iter()
        .map(|(version, count)| (version.unwrap_or("null").to_owned(), json!(count)))
        .collect();
    let by_binary: Map<String, Value> = figures
        .sharing
        .iter()
        .map(|(way, count)| (way.word().to_owned(), json!(count)))
        .collect();
    let Value::Object(mut map) = json!({
        "system_start": metrics.system_start.0,
        "total_nodes": metrics.total_nodes,
        "running_nodes": metrics.running_nodes,
        "stopped_nodes": metrics.stopped_nodes,
        "restarting_nodes": metrics.restarting_nodes,
        "upgrading_nodes": metrics.upgrading_nodes,
        "migrating_nodes": metrics.migrating_nodes,
        "removing_nodes": metrics.removing_nodes,
        "dead_nodes": metrics.dead_nodes,
        "antnode": figures.antnode.map(|path| path.display().to_string()),
        "antnode_version": metrics.antnode_version.as_ref().map(Version::as_str),
        "queen_node_version": metrics.queen_node_version.as_ref().map(Version::as_str),
        "nodes_latest_v": latest,
        "nodes_no_version": metrics.nodes_no_version,
        "nodes_to_upgrade": metrics.nodes_to_upgrade,
        "nodes_by_version": by_version,
        "load_average_1": metrics.load_average_1,
        "load_average_5": metrics.load_average_5,
        "load_average_15": metrics.load_average_15,
        "idle_cpu_percent": tenth(rates.idle_cpu_percent),
        "io_wait": tenth(rates.io_wait),
        "used_cpu_percent": tenth(metrics.used_cpu_percent),
        "used_mem_percent": tenth(metrics.used_mem_percent),
        "free_mem_percent": tenth(100.0 - metrics.used_mem_percent),
        "used_hd_percent": tenth(metrics.used_hd_percent),
        "total_hd_bytes": instruments.disk_total,
        "hdio_write_bytes": bytes(metrics.hdio_write_bytes),
        "hdio_read_bytes": bytes(metrics.hdio_read_bytes),
        "netio_write_bytes": bytes(metrics.netio_write_bytes),
        "netio_read_bytes": bytes(metrics.netio_read_bytes),
        "node_hd_crisis": crisis(figures),
    }) else {
        return String::new();
    };
    // Last and only if there are any, so that scripts made for the peer find what they expect.
    if !by_binary.is_empty() {
        map.insert("nodes_by_binary".to_owned(), by_binary.into());
    }
    render(&map, format)
}

/// How full, in percent of the space up to the removal limit, the disk would be if every node grew to `crisis_bytes`.
#[expect(
    clippy::cast_precision_loss,
    reason = "a percentage needs no more digits than f64 has"
)]
fn crisis(figures: &MachineReport<'_>) -> i64 {
    let room = figures.instruments.disk_total as f64 * figures.hd_remove / 100.0;
    if room <= 0.0 {
        return 0;
    }
    whole(figures.metrics.total_nodes as f64 * figures.crisis_bytes as f64 / room * 100.0)
}

/// None, which is `null`, for a rate that is not known.
fn bytes(rate: f64) -> Option<i64> {
    (!rate.is_nan()).then(|| whole(rate))
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "bytes a second and percent stay far below 2^63"
)]
fn whole(value: f64) -> i64 {
    value as i64
}

fn render(map: &Map<String, Value>, format: Format) -> String {
    match format {
        Format::Json => pretty(map),
        Format::Env => assignments::env(map),
        Format::Config => assignments::config(map),
        Format::Text | Format::Ntracking | Format::Csv => assignments::text(map),
    }
}
