//! `node-status-details`: everything that the database holds about each node.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::colony::{Node, NodeId, PeerColumns, Timestamp, Version};

use super::{Format, as_json};

/// One row of table `node` with the peer's keys, in its order.
#[derive(Serialize)]
struct Details<'a> {
    id: u32,
    machine_id: i64,
    container_id: Option<i64>,
    manager_type: &'a str,
    node_name: &'a str,
    service: &'a str,
    user: &'a str,
    binary: String,
    version: Option<&'a str>,
    root_dir: String,
    log_dir: Option<String>,
    port: u16,
    metrics_port: u16,
    rpc_port: u16,
    network: &'a str,
    wallet: Option<&'a str>,
    peer_id: Option<&'a str>,
    status: &'static str,
    timestamp: i64,
    records: i64,
    uptime: i64,
    shunned: i64,
    connected_peers: i64,
    gets: i64,
    puts: i64,
    mem: i64,
    cpu: i64,
    open_connections: i64,
    total_peers: i64,
    bad_peers: i64,
    rel_records: i64,
    max_records: i64,
    rewards: &'a str,
    payment_count: i64,
    live_time: i64,
    network_size: i64,
    age: i64,
    host: &'a str,
    method: &'a str,
    layout: &'a str,
    environment: Option<&'a str>,
}

impl<'a> Details<'a> {
    fn of(node: &'a Node, peer_columns: &'a PeerColumns) -> Details<'a> {
        let figures = &node.figures;
        Details {
            id: node.id.0,
            machine_id: peer_columns.machine_id,
            container_id: peer_columns.container_id,
            manager_type: &peer_columns.manager_type,
            node_name: &node.name.0,
            service: &node.service.0,
            user: &node.user,
            binary: node.home.binary.display().to_string(),
            version: peer_columns.version.as_deref(),
            root_dir: node.home.root.display().to_string(),
            log_dir: node.home.logs.as_ref().map(|logs| logs.display().to_string()),
            port: node.ports.node,
            metrics_port: node.ports.metrics,
            rpc_port: node.ports.rpc,
            network: &node.network,
            wallet: node.wallet.as_deref(),
            peer_id: node.peer_id.as_deref(),
            status: node.state.word(),
            timestamp: node.since.0,
            records: figures.records,
            uptime: figures.uptime,
            shunned: figures.shunned,
            connected_peers: figures.connected_peers,
            gets: figures.gets,
            puts: figures.puts,
            mem: figures.mem,
            cpu: figures.cpu,
            open_connections: figures.open_connections,
            total_peers: figures.total_peers,
            bad_peers: figures.bad_peers,
            rel_records: figures.rel_records,
            max_records: figures.max_records,
            rewards: &figures.rewards,
            payment_count: figures.payment_count,
            live_time: figures.live_time,
            network_size: figures.network_size,
            age: node.born.0,
            host: &node.host,
            method: &peer_columns.method,
            layout: &peer_columns.layout,
            environment: node.environment.as_deref(),
        }
    }
}

/// The report on `nodes`, in their order; ages are computed at `now`.
#[must_use]
pub fn render(
    nodes: &[&Node],
    peer_columns: &BTreeMap<NodeId, PeerColumns>,
    format: Format,
    now: Timestamp,
) -> String {
    if format == Format::Json {
        let rows: Vec<Details> = nodes
            .iter()
            .filter_map(|node| Some(Details::of(node, peer_columns.get(&node.id)?)))
            .collect();
        return as_json(&rows);
    }
    if nodes.is_empty() {
        return "No nodes found.".to_owned();
    }
    nodes
        .iter()
        .map(|node| section(node, now))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn section(node: &Node, now: Timestamp) -> String {
    let or_unknown = |text: Option<&str>| {
        text.filter(|text| !text.is_empty())
            .unwrap_or("unknown")
            .to_owned()
    };
    let mut lines = vec![
        format!("Service Name: {}", node.service),
        format!(
            "Version: {}",
            or_unknown(node.version.as_ref().map(Version::as_str))
        ),
        format!("Port: {}", node.ports.node),
        format!("Metrics Port: {}", node.ports.metrics),
        format!("Data path: {}", node.home.root.display()),
        format!("Log path: {}", node.logs().display()),
        format!("Bin Path: {}", node.home.binary.display()),
        format!("Connected peers: {}", node.figures.connected_peers),
        format!("Rewards address: {}", or_unknown(node.wallet.as_deref())),
        format!("Age: {}", now.since(node.born).max(0)),
        format!(
            "Peer ID: {}",
            node.peer_id.as_deref().filter(|id| !id.is_empty()).unwrap_or("-")
        ),
        format!("Status: {}", node.state),
    ];
    if node.memory.silent > 0 {
        lines.push(format!("Silent: for {} surveys", node.memory.silent));
    }
    if let Some(retry_at) = node.memory.retry_at.filter(|retry_at| *retry_at > now) {
        lines.push(format!(
            "Next start: in {} s, after {} failed",
            retry_at.since(now),
            node.memory.start_failures
        ));
    }
    if let Some(error) = &node.memory.last_error {
        lines.push(format!("Last error: {error}"));
    }
    lines.join("\n")
}
