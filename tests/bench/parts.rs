//! The costs of the parts of a cycle: `cargo bench`, or `cargo bench plan`. Nothing is asserted here.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::ffi::OsString;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use tempfile::TempDir;
use wnm::arguments::{self, Arguments};
use wnm::colony::{
    Counters, MachineReadings, ManagerKind, Mode, Node, NodeFigures, NodeHistory, NodeId, NodeName,
    NodePaths, NodePorts, NodeState, Rates, ServiceName, Timestamp, Version,
};
use wnm::plan::{self, MachineFigures, Trigger};
use wnm::settings::locations::{self, HostFacts, Operator, Platform};
use wnm::settings::{self, Resolved, Variables, defaults};
use wnm::store::{MachineFacts, Sample, Store};
use wnm::survey::openmetrics::LineScanner;

const METRICS: &[u8] = include_bytes!("../fixtures/antnode-0.4.17/metrics.http");
const NOW: Timestamp = Timestamp(1_795_456_290);

fn node(id: u32) -> Node {
    let name = NodeName::of(NodeId(id));
    let root = PathBuf::from("/home/op/.local/share/autonomi/node").join(name.full());
    Node {
        id: NodeId(id),
        service: ServiceName(name.full()),
        manager: ManagerKind::from_choice("setsid+user").unwrap(),
        ports: NodePorts {
            node: 55_000,
            metrics: 13_000,
            rpc: 30_000,
        },
        wallet: Some("0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a".to_owned()),
        peer_id: Some("12D3KooWHoPeXNXLgJQHyun46Ts1ypTHMgBN4rFzehPj9AhMwq9q".to_owned()),
        host: "127.0.0.1".to_owned(),
        user: "op".to_owned(),
        network: "evm-arbitrum-one".to_owned(),
        environment: None,
        home: NodePaths {
            binary: root.join("antnode"),
            root,
            logs: None,
        },
        version: Some(Version::new("0.4.17")),
        born: Timestamp(1_795_000_000),
        state: NodeState::Running,
        since: Timestamp(1_795_000_060),
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
        name,
    }
}

fn nodes(count: u32) -> Vec<Node> {
    (1..=count).map(node).collect()
}

/// The settings of an init, from all layers.
fn resolved() -> Resolved {
    let home = Path::new("/home/op");
    let words = [
        "wnm",
        "--init",
        "--rewards_address",
        "faucet",
        "--process_manager",
        "setsid+user",
    ];
    let Arguments::Run(flags) = arguments::parse(words.map(OsString::from)).unwrap() else {
        unreachable!("neither help nor version is asked for")
    };
    let variables = Variables::default();
    let said = settings::read_layers(flags, &variables, home).unwrap();
    let operator = Operator {
        user: "op".to_owned(),
        uid: 1234,
        home: home.to_owned(),
    };
    let machine = HostFacts {
        platform: Platform::Linux,
        peek: &|_| wnm::colony::StoredPlace::Nothing,
        systemd: &|_| true,
    };
    let place = locations::find(&said, &operator, &machine, &variables).unwrap();
    let mut all = defaults::values(&place, 2, NOW);
    all.extend(said);
    settings::resolve(&all, &place, &variables).unwrap()
}

fn plans(bench: &mut Criterion) {
    let (nodes, policy, binary) = (
        nodes(10_000),
        resolved().settings.policy(),
        Version::new("0.4.17"),
    );
    let machine = MachineFigures::default();
    bench.bench_function("plan: 10000 nodes measured and decided on", |timer| {
        timer.iter(|| {
            let metrics = plan::measure(black_box(&nodes), &machine, Some(&binary), &policy, NOW);
            plan::decide::decide(&policy, &metrics, Trigger::Ordinary, Some(NOW))
        });
    });
}

fn pages(bench: &mut Criterion) {
    bench.bench_function("openmetrics: a page of a real antnode", |timer| {
        timer.iter(|| {
            let mut scan = LineScanner::default();
            scan.feed(black_box(METRICS));
            scan.finish()
        });
    });
}

fn stores(bench: &mut Criterion) {
    let folder = TempDir::new().unwrap();
    let store = Store::create(&folder.path().join("colony.db"), Mode::User).unwrap();
    store
        .initialise(&resolved().changes, &MachineFacts::default(), &nodes(1000))
        .unwrap();
    let instruments = MachineReadings {
        counters: Counters::default(),
        boot: NOW,
        cpus: 2,
        load: [0.0; 3],
        memory_total: 1,
        memory_available: 1,
        disk_total: 1,
        disk_used: 0,
        disk_free: 1,
        inodes: Default::default(),
    };
    let mut all = store.nodes().unwrap();
    let sample = Sample::new(NOW, &instruments, Rates::default(), &all);
    bench.bench_function("store: a survey that changed 1000 rows", |timer| {
        timer.iter(|| {
            for node in &mut all {
                node.figures.uptime += 1;
            }
            store
                .record_survey(&all, &sample, &MachineFacts::default(), &[])
                .unwrap();
        });
    });
    bench.bench_function("store: a survey that changed none of 1000 rows", |timer| {
        timer.iter(|| {
            store
                .record_survey(&all, &sample, &MachineFacts::default(), &[])
                .unwrap()
        });
    });
}

fn layers(bench: &mut Criterion) {
    bench.bench_function("settings: resolved", |timer| timer.iter(resolved));
}

criterion_group!(all, plans, pages, stores, layers);
criterion_main!(all);
