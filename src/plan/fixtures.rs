//! A made-up colony for tests: each test changes what it is about.

use std::path::PathBuf;

use crate::colony::{
    Answer, BusyPort, ManagerKind, Metrics, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName,
    NodeObservation, NodePaths, NodePorts, NodeReading, NodeState, ServiceName, Timestamp, Tool, Version,
};

use super::measure::{MachineFigures, measure};
use super::policy::{Delays, Policy, Quotas, Template, Threshold};
use super::safety_stop::StorageFolder;
use super::step::Plan;

/// A second within every test.
pub const NOW: Timestamp = Timestamp(1_800_000_000);

/// A cap of 20, five operations at once, delays of 300 s; I/O is not watched.
pub fn policy() -> Policy {
    let limits = |add, remove| Threshold { add, remove };
    Policy {
        cap: 20,
        cpu: limits(50.0, 70.0),
        memory: limits(60.0, 75.0),
        disk: limits(75.0, 90.0),
        load: limits(1.2, 2.0),
        hdio: [limits(0.0, 0.0); 2],
        netio: [limits(0.0, 0.0); 2],
        quotas: Quotas {
            operations: 5,
            starts: 5,
            upgrades: 5,
            removals: 5,
            restarts: Some(5),
        },
        delays: Delays {
            start: 300,
            upgrade: 300,
            remove: 300,
            is_start_set: true,
        },
        last_stopped_at: Timestamp(NOW.0 - 86_400),
        upgrades: true,
        shunned: None,
        remove_for_upgrade: false,
        takeover: None,
    }
}

/// A machine with much to spare, booted two days ago.
pub fn calm() -> MachineFigures {
    MachineFigures {
        boot: Timestamp(NOW.0 - 2 * 86_400),
        load: [0.3, 0.25, 0.2],
        used_cpu_percent: 20.0,
        used_mem_percent: 30.5,
        used_hd_percent: 40.1,
        ..MachineFigures::default()
    }
}

/// The same with processors that are too busy.
pub fn hot() -> MachineFigures {
    MachineFigures {
        used_cpu_percent: 85.0,
        ..calm()
    }
}

/// [`policy`] with one operation of each kind.
pub fn one_at_a_time() -> Policy {
    Policy {
        quotas: Quotas {
            operations: 1,
            starts: 1,
            upgrades: 1,
            removals: 1,
            restarts: Some(1),
        },
        ..policy()
    }
}

/// The version of the binary, and of every node that does not say otherwise.
pub fn newest() -> Version {
    Version::new("0.4.17")
}

/// A node that has been in `state` for 100 s; the greater its id, the younger it is.
pub fn node(id: u32, state: NodeState) -> Node {
    let name = NodeName::of(NodeId(id));
    let root = PathBuf::from("/nodes").join(name.full());
    let low = u16::try_from(id % 1000).expect("below 1000");
    Node {
        id: NodeId(id),
        service: ServiceName(format!("{}.service", name.full())),
        name,
        manager: ManagerKind {
            tool: Tool::Systemd,
            mode: Mode::User,
        },
        ports: NodePorts {
            node: 55_000 + low,
            metrics: 13_000 + low,
            rpc: 30_000 + low,
        },
        wallet: None,
        peer_id: None,
        host: "127.0.0.1".to_owned(),
        user: "op".to_owned(),
        network: "evm-arbitrum-one".to_owned(),
        environment: None,
        home: NodePaths {
            binary: root.join("antnode"),
            logs: None,
            root,
        },
        version: Some(newest()),
        born: Timestamp(NOW.0 - 100_000 + i64::from(id)),
        state,
        since: Timestamp(NOW.0 - 100),
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
    }
}

/// Nodes with ids from 1 in these states.
pub fn nodes(states: &[NodeState]) -> Vec<Node> {
    (1..).zip(states).map(|(id, state)| node(id, *state)).collect()
}

pub fn template() -> Template {
    Template {
        manager: ManagerKind {
            tool: Tool::Systemd,
            mode: Mode::User,
        },
        port_start: 55,
        metrics_port_start: 13,
        rpc_port_start: 30,
        storage: "/nodes".into(),
        logs: "/logs".into(),
        host: "127.0.0.1".to_owned(),
        user: "op".to_owned(),
        network: "evm-arbitrum-one".to_owned(),
        environment: String::new(),
        highest_id_used: None,
        reserved: Vec::new(),
        reserved_ports: Vec::new(),
    }
}

pub fn metrics(nodes: &[Node]) -> Metrics {
    measure(nodes, &calm(), Some(&newest()), &policy(), NOW)
}

/// No port is used by anything else.
pub fn free(_: NodePorts) -> Option<BusyPort> {
    None
}

/// A node that is up, with these figures.
pub fn up(figures: NodeFigures) -> NodeObservation {
    let reading = NodeReading {
        version: newest(),
        peer_id: None,
        figures: Some(figures),
    };
    NodeObservation {
        answer: Answer::Up(Box::new(reading)),
        has_root: true,
        process: None,
    }
}

pub fn seen(answer: Answer) -> NodeObservation {
    NodeObservation {
        answer,
        has_root: true,
        process: None,
    }
}

pub fn storage() -> StorageFolder {
    StorageFolder {
        path: "/nodes".into(),
        present: true,
        device_before: Some(7),
        device_now: Some(7),
    }
}

/// What the plan does, in words.
pub fn doings(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.action.to_string()).collect()
}

/// Why it does no more, in words.
pub fn blockers(plan: &Plan) -> Vec<String> {
    plan.blockers.iter().map(ToString::to_string).collect()
}
