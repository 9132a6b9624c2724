//! Nodes from antctl's registry, for an import.

use std::collections::BTreeSet;
use std::path::Path;

use crate::colony::{
    ManagerKind, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePorts, NodeState, Timestamp,
};
use crate::program::user_account;

use super::super::discovered_node::{self, DiscoveredNode};
use super::super::{DefinedNode, LaunchPolicy, installed_unit};
use super::manager::AntctlManager;
use super::registry::{Registry, RegistryEntry, is_prefix};

/// Every node that is not removed. Its ID is the one in its directory or ports, else antctl's number.
pub fn nodes(registry: &Registry, kind: ManagerKind, units: &Path, policy: &LaunchPolicy) -> Vec<Node> {
    let mut taken = BTreeSet::new();
    let mut nodes = Vec::new();
    // Nodes with certain IDs first.
    let (told, untold): (Vec<&RegistryEntry>, Vec<&RegistryEntry>) =
        registry.live().partition(|entry| own_id(entry, policy).is_some());
    for entry in told.into_iter().chain(untold) {
        let wanted = own_id(entry, policy).unwrap_or(entry.number).max(1);
        let id = if taken.contains(&wanted) {
            free(&taken)
        } else {
            wanted
        };
        taken.insert(id);
        nodes.push(node(entry, NodeId(id), kind, units, policy));
    }
    nodes.sort_by_key(|node| node.id);
    nodes
}

/// A free ID: above all others, or else the lowest free one.
fn free(taken: &BTreeSet<u32>) -> u32 {
    let above = taken.last().map_or(Some(1), |highest| highest.checked_add(1));
    above.unwrap_or_else(|| (1..u32::MAX).find(|id| !taken.contains(id)).unwrap_or(u32::MAX))
}

impl AntctlManager {
    /// The actual directories of nodes whose row has the parent directory, as in rows of the Python wnm.
    pub(super) fn kept_by_prefix(&self, nodes: &[Node]) -> Vec<(NodeId, DefinedNode)> {
        let is_kept = |node: &&Node| node.manager == self.kind && is_prefix(node);
        let kept: Vec<&Node> = nodes.iter().filter(is_kept).collect();
        if kept.is_empty() {
            return Vec::new();
        }
        let registry = Registry::read(self.registry_path()).ok().flatten();
        let registry = registry.unwrap_or_default();
        let moved = kept.into_iter().filter_map(|node| {
            let entry = registry
                .entry_of(node)
                .filter(|entry| entry.root != node.home.root)?;
            Some((node.id, entry.defined()))
        });
        moved.collect()
    }
}

/// The ID in the name of the parent directory, or the last digits of all three ports.
fn own_id(entry: &RegistryEntry, policy: &LaunchPolicy) -> Option<u32> {
    let prefix = entry.root.parent()?;
    let digits = prefix
        .file_name()?
        .to_str()
        .and_then(|name| name.strip_prefix("antnode"));
    let is_ours = prefix.parent() == Some(&policy.storage);
    if let Some(id) = digits.filter(|_| is_ours).and_then(|digits| digits.parse().ok()) {
        return Some(id);
    }
    let NodePorts { node, metrics, rpc } = entry.ports();
    let end = node % 1000;
    (end != 0 && metrics % 1000 == end && rpc % 1000 == end).then(|| end.into())
}

fn node(entry: &RegistryEntry, id: NodeId, kind: ManagerKind, units: &Path, policy: &LaunchPolicy) -> Node {
    // The unit has the environment, which the registry lacks, and the spelling of the wallet.
    let told = installed_unit::read(&units.join(entry.unit()), kind.mode)
        .ok()
        .and_then(|unit| unit.found);
    let environment = told
        .as_ref()
        .map(DiscoveredNode::environment_text)
        .filter(|text| !text.is_empty());
    let wallet = told
        .and_then(|told| told.wallet)
        .filter(|wallet| wallet.eq_ignore_ascii_case(&entry.rewards_address));
    let born: Timestamp = discovered_node::born(&entry.root);
    let defined = entry.defined();
    Node {
        id,
        name: NodeName::of(id),
        service: defined.service,
        manager: kind,
        ports: defined.ports,
        wallet: Some(wallet.unwrap_or_else(|| entry.rewards_address.clone())),
        peer_id: entry.peer_id.clone(),
        host: match entry.node_ip.as_deref() {
            None | Some("0.0.0.0") => policy.host.clone(),
            Some(ip) => ip.to_owned(),
        },
        user: match (kind.mode, &entry.user) {
            (Mode::Sudo, Some(user)) => user.clone(),
            (Mode::Sudo, None) => "ant".to_owned(),
            (Mode::User, _) => user_account::own().map(|own| own.name).unwrap_or_default(),
        },
        network: entry.network().to_owned(),
        environment,
        home: defined.home,
        version: defined.version,
        born,
        state: NodeState::Stopped,
        since: born,
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
    }
}
