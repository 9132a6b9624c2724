//! Work that wnm avoids because of its cost: counted, not timed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::stage::{Stage, StandIn};

/// How often the cycles with 1000 nodes are repeated on a busy machine.
const TRIES: usize = 10;

/// With strace, the calls themselves are checked; in any case a home that is no folder must not matter.
#[test]
fn help_and_version_use_no_database_and_no_network() {
    for word in ["--version", "--help"] {
        let mut plain = Command::new(env!("CARGO_BIN_EXE_wnm"));
        let ran = plain.arg(word).env_clear().env("HOME", "/dev/null").output();
        let ran = ran.expect("wnm runs");
        assert!(ran.status.success() && ran.stderr.is_empty() && !ran.stdout.is_empty());

        let folder = tempfile::TempDir::new().expect("a folder");
        let calls = folder.path().join("calls");
        let traced = Command::new("strace")
            .args(["-f", "-e", "trace=network,file", "-o"])
            .args([
                calls.as_os_str(),
                env!("CARGO_BIN_EXE_wnm").as_ref(),
                word.as_ref(),
            ])
            .env("HOME", folder.path())
            .output();
        if !traced.is_ok_and(|traced| traced.status.success()) {
            continue;
        }
        let calls = fs::read_to_string(&calls).expect("what strace wrote");
        assert!(calls.contains("execve("), "{calls}");
        for sign in [
            "socket(",
            "connect(",
            "colony.db",
            "wnm_active",
            "O_CREAT",
            "O_RDWR",
            "O_WRONLY",
        ] {
            assert!(!calls.contains(sign), "{word}: {sign}\n{calls}");
        }
    }
}

/// Always answers as a real antnode did.
fn steady_node() -> u16 {
    let page = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/antnode-0.4.17")
            .join(name);
        let text = fs::read_to_string(path).expect("a fixture").replace("\r\n", "\n");
        let body = text.split_once("\n\n").expect("a body").1.to_owned();
        format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let (metadata, metrics) = (page("metadata.http"), page("metrics.http"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let count = stream.read(&mut asked).unwrap_or(0);
            let is_metadata = asked[..count].starts_with(b"GET /metadata ");
            let _ = stream.write_all(if is_metadata { &metadata } else { &metrics }.as_bytes());
        }
    });
    port
}

/// All rows of all tables except `sample`, one per line.
fn all_but_samples(stage: &Stage) -> Vec<String> {
    let base = stage.look();
    let mut tables = base
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'sample'")
        .expect("a query");
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("names");
    let mut lines = Vec::new();
    for table in tables {
        let mut rows = base.prepare(&format!("SELECT * FROM {table}")).expect("a query");
        let columns = rows.column_count();
        let mut rows = rows.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells: Vec<String> = (0..columns)
                .map(|column| format!("{:?}", row.get_ref(column)))
                .collect();
            lines.push(format!("{table}: {}", cells.join(" ")));
        }
    }
    lines
}

#[test]
fn cycle_over_1000_unchanged_nodes_writes_only_one_sample() {
    let stage = Stage::colony(&["--node_cap", "1000"]);
    let (port, storage) = (steady_node(), stage.storage());
    for id in 1..=1000 {
        fs::create_dir_all(stage.root(id)).expect("a root");
    }
    stage.tamper(&format!(
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 1000)
         INSERT INTO node (id, machine_id, manager_type, node_name, service, user, binary, version, root_dir, port,
            metrics_port, rpc_port, network, status, timestamp, records, uptime, shunned, connected_peers, gets, puts,
            mem, cpu, open_connections, total_peers, bad_peers, rel_records, max_records, payment_count, live_time,
            network_size, age, host, method, layout)
         SELECT id, 1, 'setsid+user', printf('%04d', id), printf('antnode%04d', id), 'op',
            '{0}/antnode' || printf('%04d', id) || '/antnode', '0.4.17', '{0}/antnode' || printf('%04d', id), 50000 + id,
            {port}, 0, 'evm-arbitrum-one', 'RUNNING', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
            '127.0.0.1', 'setsid+user', '1' FROM n",
        storage.display()
    ));
    let _processes = StandIn::all((1..=1000).map(|id| stage.root(id)));
    stage.cycle();
    let samples = "SELECT count(*) FROM sample";
    let late = "SELECT count(*) FROM node WHERE silent_count > 0";
    // On a busy machine a node may answer late, which its row shows: only cycles in which all answered count.
    let (before, sampled) = (0..TRIES)
        .find_map(|_| {
            stage.cycle();
            let before = (all_but_samples(&stage), stage.figure(samples));
            let answered = stage.figure(late) == 0;
            stage.cycle();
            (answered && stage.figure(late) == 0).then_some(before)
        })
        .expect("all of 1000 nodes answer in time");
    let running = "SELECT count(*) FROM node WHERE status = 'RUNNING' AND peer_id LIKE '12D3%'";
    assert_eq!(stage.figure(running), 1000);
    assert_eq!(stage.figure(samples), sampled + 1);
    assert_eq!(all_but_samples(&stage), before);
}

/// docs/dependencies.md gives the reason for every crate in Cargo.toml, and for no other.
#[test]
fn every_dependency_has_a_documented_reason() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(top.join(name)).expect("it is there");
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let mut named: Vec<String> = Vec::new();
    let mut take = |table: Option<&toml::Value>| {
        named.extend(
            table
                .and_then(toml::Value::as_table)
                .into_iter()
                .flat_map(|table| table.keys().cloned()),
        );
    };
    take(manifest.get("dependencies"));
    take(manifest.get("dev-dependencies"));
    for target in manifest["target"].as_table().expect("targets").values() {
        take(target.get("dependencies"));
    }
    named.sort();
    let page = read("docs/dependencies.md");
    let mut told: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    told.sort();
    assert_eq!(told, named);
}
