//! Probes one node of a test.

use std::path::PathBuf;
use std::time::Duration;

use wnm::colony::{
    Answer, ManagerKind, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts, NodeState,
    ServiceName, Timestamp,
};
use wnm::survey::{HttpProbe, Limits, NodeProbe};

use super::server::Server;

pub const NOW: Timestamp = Timestamp(1_700_000_000);

/// A node with this metrics port.
pub fn node(port: u16) -> Node {
    Node {
        id: NodeId(1),
        name: NodeName::of(NodeId(1)),
        service: ServiceName("antnode0001.service".to_owned()),
        manager: ManagerKind::from_choice("systemd+user").unwrap(),
        ports: NodePorts {
            node: 55_001,
            metrics: port,
            rpc: 30_001,
        },
        wallet: None,
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        user: "ant".to_owned(),
        network: "evm-arbitrum-one".to_owned(),
        environment: None,
        home: NodePaths {
            root: PathBuf::from("/nowhere"),
            logs: None,
            binary: PathBuf::from("/nowhere/antnode"),
        },
        version: None,
        born: Timestamp(0),
        state: NodeState::Running,
        since: Timestamp(0),
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
    }
}

/// Short enough for nodes that never answer, long enough for a node on a busy machine.
pub fn limits() -> Limits {
    Limits {
        each: Duration::from_secs(3),
        ..Limits::default()
    }
}

/// Probes the node.
pub fn ask(node: Node) -> Answer {
    HttpProbe::new().ask(&[node], &limits(), NOW).remove(0)
}

/// Probes a node that this server simulates.
pub fn ask_server(server: &Server) -> Answer {
    ask(node(server.port))
}
