//! New nodes: their ids, names, ports and paths.

use crate::colony::{BusyPort, Node, NodeId, NodeName, NodePaths, NodePorts, RemovedNode};

use super::action::NewNode;
use super::blocker::Blocker;
use super::policy::Template;

/// Plans new nodes, and gives no id or port to two of them.
pub(super) struct NewNodePlanner<'a> {
    template: &'a Template,
    /// Every id in use, in order.
    ids: Vec<u32>,
    /// Every port that a node of the colony uses.
    ports: Vec<bool>,
    /// Returns the first of a node's ports that another program uses.
    port_in_use: &'a dyn Fn(NodePorts) -> Option<BusyPort>,
    next: u32,
    /// Ids that were passed over, because another program uses one of their ports.
    passed_over: Vec<(NodeId, BusyPort)>,
}

impl<'a> NewNodePlanner<'a> {
    pub(super) fn new(
        nodes: &[Node],
        template: &'a Template,
        port_in_use: &'a dyn Fn(NodePorts) -> Option<BusyPort>,
    ) -> NewNodePlanner<'a> {
        let readable = nodes.iter().map(|node| node.id.0);
        let mut ids: Vec<u32> = readable.chain(template.reserved.iter().map(|id| id.0)).collect();
        ids.sort_unstable();
        let mut ports = vec![false; 1 << 16];
        let reserved = template.reserved_ports.iter().copied();
        for port in nodes.iter().flat_map(|node| all(node.ports)).chain(reserved) {
            ports[usize::from(port)] = true;
        }
        let highest = match template.manager.numbers_its_nodes() {
            true => template.highest_id_used.max(ids.last().copied()),
            false => template.highest_id_used,
        };
        let next = highest.unwrap_or(0).saturating_add(1);
        NewNodePlanner {
            template,
            ids,
            ports,
            port_in_use,
            next,
            passed_over: Vec::new(),
        }
    }

    /// A new node with the lowest free id; with the id after the highest one ever used if the manager never reuses
    /// ids. An id is not free if another node of the colony has its ports, or another program uses one of them.
    ///
    /// # Errors
    /// Why it cannot be made. The next one cannot either: it would have the same id.
    pub(super) fn plan_next(&mut self) -> Result<NewNode, Blocker> {
        loop {
            let id = NodeId(self.next);
            if id.0 == u32::MAX {
                return Err(Blocker::NoFreeId);
            }
            if self.ids.binary_search(&id.0).is_ok() {
                self.next += 1;
                continue;
            }
            let ports = self.ports_of(id)?;
            if all(ports).any(|port| self.ports[usize::from(port)]) {
                self.next += 1;
                continue;
            }
            if let Some(busy) = (self.port_in_use)(ports) {
                self.passed_over.push((id, busy));
                self.next += 1;
                continue;
            }
            for port in all(ports) {
                self.ports[usize::from(port)] = true;
            }
            self.next += 1;
            return Ok(self.describe(id, ports));
        }
    }

    /// A removed node with its old id and ports; if one of them is in use, as a new node.
    ///
    /// # Errors
    /// As [`NewNodePlanner::conceive`].
    pub(super) fn plan_restored_node(&mut self, removed: &RemovedNode) -> Result<NewNode, Blocker> {
        let (id, ports) = (removed.id, removed.ports);
        let is_free = !self.template.manager.numbers_its_nodes()
            && id.0 > 0
            && self.ids.binary_search(&id.0).is_err()
            && all(ports).all(|port| !self.ports[usize::from(port)])
            && (self.port_in_use)(ports).is_none();
        let new = if is_free {
            for port in all(ports) {
                self.ports[usize::from(port)] = true;
            }
            self.describe(id, ports)
        } else {
            self.plan_next()?
        };
        if let Err(place) = self.ids.binary_search(&new.id.0) {
            self.ids.insert(place, new.id.0);
        }
        Ok(NewNode {
            network: removed.network.clone(),
            restored: Some(removed.clone()),
            ..new
        })
    }

    /// The ids that were passed over because another program uses one of their ports.
    pub(super) fn passed_over(self) -> Option<Blocker> {
        (!self.passed_over.is_empty()).then_some(Blocker::PortsTaken(self.passed_over))
    }

    fn ports_of(&self, id: NodeId) -> Result<NodePorts, Blocker> {
        let port = |start: u32| {
            let port = u64::from(start) * 1000 + u64::from(id.0);
            u16::try_from(port).map_err(|_| Blocker::PortTooHigh { id, port })
        };
        let ports = NodePorts {
            node: port(self.template.port_start)?,
            metrics: port(self.template.metrics_port_start)?,
            rpc: port(self.template.rpc_port_start)?,
        };
        if ports.node == ports.metrics || ports.node == ports.rpc {
            return Err(Blocker::PortTwice { id, port: ports.node });
        }
        if ports.metrics == ports.rpc {
            return Err(Blocker::PortTwice {
                id,
                port: ports.metrics,
            });
        }
        Ok(ports)
    }

    fn describe(&self, id: NodeId, ports: NodePorts) -> NewNode {
        let template = self.template;
        let name = NodeName::of(id);
        let folder = name.full();
        let root = template.storage.join(&folder);
        NewNode {
            id,
            service: template.manager.service_name(id),
            name,
            manager: template.manager,
            ports,
            home: NodePaths {
                binary: root.join("antnode"),
                logs: Some(template.logs.join(&folder)),
                root,
            },
            host: template.host.clone(),
            user: template.user.clone(),
            network: template.network.clone(),
            environment: template.environment.clone(),
            restored: None,
        }
    }
}

/// The ports of a node without 0, which stands for none.
fn all(ports: NodePorts) -> impl Iterator<Item = u16> {
    [ports.node, ports.metrics, ports.rpc]
        .into_iter()
        .filter(|port| *port != 0)
}
