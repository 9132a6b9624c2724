//! What rows become, and what becomes of rows.

use std::path::PathBuf;

use proptest::prelude::*;

use crate::colony::{
    BinaryKey, ManagerKind, Node, NodeFigures, NodeHistory, NodeId, NodeName, NodePaths, NodePorts,
    NodeState, ServiceName, Timestamp, Version,
};
use crate::store::tests::colony;
use crate::store::{Fault, Intent, NodeChange, Store, UnreadableRow};

pub(in crate::store) fn node(id: u32) -> Node {
    let name = NodeName::of(NodeId(id));
    let root = PathBuf::from("/home/op/.local/share/autonomi/node").join(name.full());
    Node {
        id: NodeId(id),
        service: ServiceName(format!("{}.service", name.full())),
        manager: ManagerKind::from_choice("systemd+user").unwrap(),
        ports: NodePorts {
            node: 55_000,
            metrics: 13_000,
            rpc: 30_000,
        },
        wallet: Some("0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a".to_owned()),
        peer_id: Some(String::new()),
        host: "127.0.0.1".to_owned(),
        user: "ant".to_owned(),
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

fn execute(store: &Store, sql: &str) {
    store.connection.execute_batch(sql).unwrap();
}

/// What a change that belongs to no step writes.
fn change(store: &Store, change: NodeChange<'_>) -> Result<(), crate::store::StoreError> {
    let intent = Intent {
        run: "run".to_owned(),
        action: "stop".to_owned(),
        node: None,
        detail: serde_json::Value::Null,
        at: Timestamp(1),
    };
    let id = store.begin(&intent).unwrap();
    store.progress(id, change, &serde_json::Value::Null)
}

#[test]
fn new_row_has_the_columns_of_the_peer() {
    let store = colony();
    store.insert_all(&[node(1)]).unwrap();
    let row: (i64, Option<i64>, String, String) = store
        .connection
        .query_row(
            "SELECT machine_id, container_id, method, layout FROM node",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    assert_eq!(row, (1, None, "systemd+user".to_owned(), "1".to_owned()));
}

#[test]
fn manager_without_a_mode_gets_it_from_the_paths() {
    let store = colony();
    let manager = |word: &str, root: &str, service: &str| {
        execute(&store, "DELETE FROM node");
        store.insert_all(&[node(1)]).unwrap();
        let sql = "UPDATE node SET manager_type = ?1, root_dir = ?2, service = ?3";
        store.connection.execute(sql, [word, root, service]).unwrap();
        store.nodes().unwrap()[0].manager.to_string()
    };
    let user = "/home/op/.local/share/autonomi/node/antnode0001";
    assert_eq!(manager("systemd", user, "antnode0001.service"), "systemd+user");
    assert_eq!(
        manager("systemd", "/var/antctl/services/antnode0001", "x"),
        "systemd+sudo"
    );
    assert_eq!(
        manager("antctl", "/var/antctl/services/antnode1", "antnode1"),
        "antctl+sudo"
    );
    assert_eq!(
        manager("launchctl", "/Users/op/x", "com.autonomi.antnode-1"),
        "launchd+user"
    );
    assert_eq!(
        manager(
            "launchd",
            "/mnt/x",
            "/Library/LaunchDaemons/com.autonomi.antnode-1.plist"
        ),
        "launchd+sudo"
    );
    assert_eq!(manager("systemd", "/mnt/disk1/antnode0001", "x"), "systemd+user");
    execute(&store, "UPDATE machine SET process_manager = 'systemd+sudo'");
    assert_eq!(manager("systemd", "/mnt/disk1/antnode0001", "x"), "systemd+sudo");
    assert_eq!(
        manager("antctl+zen", "/var/antctl/services/antnode1", "antnode1"),
        "antctl+zen"
    );
}

#[test]
fn invalid_row_is_reported_and_others_are_read() {
    for (column, value, says) in [
        ("status", "'DANCING'", "`DANCING` is no state"),
        ("status", "''", "`` is no state"),
        ("port", "-5", "`-5` is no number from 0 to 65535"),
        ("metrics_port", "65536", "`65536` is no number"),
        ("rpc_port", "'x'", "`x` is no number"),
        ("manager_type", "'upstart'", "`upstart` is no process manager"),
        ("manager_type", "'systemd+root'", "no process manager"),
        ("root_dir", "''", "no path"),
        ("root_dir", "x'ff00'", "not UTF-8"),
        ("service", "'a' || char(0) || 'b'", "NUL"),
        ("records", "'many'", "`many` is no number"),
        ("timestamp", "x'00'", "a blob is no number"),
    ] {
        let store = colony();
        store.insert_all(&[node(3), node(7)]).unwrap();
        execute(
            &store,
            &format!("UPDATE node SET {column} = {value} WHERE id = 7"),
        );
        let all = store.node_rows().unwrap();
        assert_eq!(all.nodes, [node(3)]);
        let [UnreadableRow { id, why: error }] = &all.unread[..] else {
            panic!("{all:?}");
        };
        assert_eq!(*id, Some(NodeId(7)));
        assert!(
            error.contains(&format!("table `node`, row 7, column `{column}`")),
            "{error}"
        );
        assert!(error.contains(says), "{error}");
        assert!(error.len() < 300, "{error}");
    }
    let store = colony();
    store.insert_all(&[node(3)]).unwrap();
    execute(&store, "UPDATE node SET id = -3");
    let all = store.node_rows().unwrap();
    assert!(all.nodes.is_empty() && all.unread[0].id.is_none());
    assert!(all.unread[0].why.contains("column `id`"), "{all:?}");
}

#[test]
fn reads_strange_figures_and_very_long_texts() {
    let store = colony();
    store.insert_all(&[node(3)]).unwrap();
    execute(
        &store,
        "UPDATE node SET records = -9, uptime = 3.7, mem = 1e300, shunned_count = -1, silent_count = 1 << 40,
                wallet = NULL, rewards = NULL, version = '', binary_key = 'x:y', host = 5,
                last_error = 'a' || char(10) || 'b'",
    );
    let huge = "x".repeat(1_000_000);
    store
        .connection
        .execute("UPDATE node SET environment = ?1", [&huge])
        .unwrap();
    let odd = store.nodes().unwrap().remove(0);
    assert_eq!(odd.figures.records, 0);
    assert_eq!(odd.figures.uptime, 3);
    assert_eq!(odd.figures.mem, i64::MAX);
    assert_eq!(odd.figures.rewards, "0");
    assert_eq!((odd.memory.shunned, odd.memory.silent), (0, u32::MAX));
    assert_eq!((odd.version, odd.memory.binary_key), (None, None));
    assert_eq!(odd.host, "5");
    assert_eq!(odd.environment.map(|text| text.len()), Some(1_000_000));
    execute(&store, "UPDATE node SET status = hex(zeroblob(500000))");
    let all = store.node_rows().unwrap();
    assert!(all.nodes.is_empty() && all.unread[0].why.len() < 300);
}

#[test]
fn update_writes_only_changed_columns() {
    let store = colony();
    store.insert_all(&[node(1)]).unwrap();
    execute(
        &store,
        "ALTER TABLE node ADD COLUMN of_a_newer_peer TEXT DEFAULT 'x'",
    );
    execute(
        &store,
        "INSERT INTO container VALUES (4, 1, 'c', 'n', 'i', 'running', 0, 1, 2, 3, 4);
         UPDATE node SET manager_type = 'systemd', method = 'by hand', layout = '7', container_id = 4, rewards = NULL,
                version = '', of_a_newer_peer = 'y'",
    );
    let mut seen = store.nodes().unwrap().remove(0);
    seen.state = NodeState::Stopped;
    seen.figures.uptime = 9;
    seen.memory.retry_at = Some(Timestamp(7));
    change(&store, NodeChange::Update(&seen)).unwrap();
    assert_eq!(store.nodes().unwrap(), vec![seen]);
    let beside = &store.peer_columns().unwrap()[&NodeId(1)];
    assert_eq!(
        (
            beside.machine_id,
            beside.container_id,
            beside.manager_type.as_str()
        ),
        (1, Some(4), "systemd")
    );
    let kept: [Option<String>; 7] = store
        .connection
        .query_row(
            "SELECT manager_type, method, layout, CAST(container_id AS TEXT), rewards, version, of_a_newer_peer
             FROM node",
            [],
            |row| Ok([0, 1, 2, 3, 4, 5, 6].map(|index| row.get(index).unwrap())),
        )
        .unwrap();
    let expected = [
        Some("systemd"),
        Some("by hand"),
        Some("7"),
        Some("4"),
        None,
        Some(""),
        Some("y"),
    ];
    assert_eq!(kept, expected.map(|text| text.map(str::to_owned)));
}

#[test]
fn node_without_a_row_cannot_be_updated_and_counts_as_deleted() {
    let store = colony();
    let error = change(&store, NodeChange::Update(&node(9))).unwrap_err();
    assert_eq!(error.fault, Fault::NoSuchNode(9));
    change(&store, NodeChange::Delete(NodeId(9))).unwrap();
    change(&store, NodeChange::Insert(&node(9))).unwrap();
    assert!(change(&store, NodeChange::Insert(&node(9))).is_err());
    change(&store, NodeChange::Delete(NodeId(9))).unwrap();
    assert_eq!(store.nodes().unwrap(), Vec::new());
}

prop_compose! {
    fn any_node()(
        id in 1..=u32::MAX,
        texts in prop::collection::vec("[^\\x00]{0,40}", 6),
        optional in prop::collection::vec(prop::option::of("[^\\x00]{0,40}"), 5),
        paths in prop::collection::vec("/[^\\x00]{0,40}", 3),
        has_logs: bool,
        version in prop::option::of("[^\\x00]{1,12}"),
        ports: [u16; 3],
        times: [i64; 2],
        moments: [Option<i64>; 2],
        counts: [u32; 3],
        figures in prop::collection::vec(0..=i64::MAX, 16),
        state in prop::sample::select(NodeState::ALL.to_vec()),
        manager in prop::sample::select(ManagerKind::CHOICES.to_vec()),
        key: Option<(u64, i128, u64)>,
    ) -> Node {
        let f = |index: usize| figures[index];
        Node {
            id: NodeId(id),
            name: NodeName(texts[0].clone()),
            service: ServiceName(texts[1].clone()),
            user: texts[2].clone(),
            network: texts[3].clone(),
            host: texts[4].clone(),
            manager: ManagerKind::from_choice(manager).unwrap(),
            ports: NodePorts { node: ports[0], metrics: ports[1], rpc: ports[2] },
            wallet: optional[0].clone(),
            peer_id: optional[1].clone(),
            environment: optional[2].clone(),
            home: NodePaths {
                root: PathBuf::from(&paths[0]),
                binary: PathBuf::from(&paths[1]),
                logs: has_logs.then(|| PathBuf::from(&paths[2])),
            },
            version: version.map(Version::new),
            born: Timestamp(times[0]),
            since: Timestamp(times[1]),
            state,
            figures: NodeFigures {
                uptime: f(0), records: f(1), shunned: f(2), connected_peers: f(3), gets: f(4), puts: f(5),
                mem: f(6), cpu: f(7), open_connections: f(8), total_peers: f(9), bad_peers: f(10),
                rel_records: f(11), max_records: f(12), payment_count: f(13), live_time: f(14),
                network_size: f(15), shunned_total: f(0), shunned_by_old: f(1), rewards: texts[5].clone(),
            },
            memory: NodeHistory {
                silent: counts[0],
                shunned: counts[1],
                start_failures: counts[2],
                last_seen: moments[0].map(Timestamp),
                retry_at: moments[1].map(Timestamp),
                last_error: optional[3].clone(),
                pressure_stops: counts[0],
                pressure_stopped_at: moments[1].map(Timestamp),
                binary_key: key.map(|(size, mtime_ns, inode)| BinaryKey { size, mtime_ns, inode }),
                start_args: optional[4].clone(),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn node_is_read_as_it_was_written(one in any_node(), other in any_node()) {
        let store = colony();
        store.insert_all(std::slice::from_ref(&one)).unwrap();
        prop_assert_eq!(&store.nodes().unwrap(), std::slice::from_ref(&one));
        let other = Node { id: one.id, ..other };
        change(&store, NodeChange::Update(&other)).unwrap();
        prop_assert_eq!(&store.nodes().unwrap(), std::slice::from_ref(&other));
    }
}
