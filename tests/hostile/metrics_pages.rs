//! Malicious metrics pages: a survey ends in time, uses little memory, and stores only valid values.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::probing::server::{Act, Server, page};
use crate::stage::{Stage, StandIn};

use super::resource_limits::{MOST_KB, measured};

/// A survey waits 5 s for each node; the rest is for a busy machine.
const MOST_TIME: Duration = Duration::from_secs(40);
/// Columns of table `node` that count something.
pub const COUNTS: [&str; 17] = [
    "records",
    "uptime",
    "shunned",
    "connected_peers",
    "gets",
    "puts",
    "mem",
    "cpu",
    "open_connections",
    "total_peers",
    "bad_peers",
    "rel_records",
    "max_records",
    "payment_count",
    "live_time",
    "network_size",
    "timestamp",
];

pub const VERSION: &str = "ant_node_antnode_version_info{antnode_version=\"0.4.17\"} 1\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\n";

fn endless(head: String, more: Vec<u8>, pause: Duration) -> Server {
    Server::start(move |_| Act::Drone(head.clone().into(), more.clone(), pause))
}

fn said(bytes: Vec<u8>) -> Server {
    Server::start(move |_| Act::SayAndClose(bytes.clone()))
}

/// A hundred megabytes of zeros, compressed by gzip.
pub fn zipped() -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-9cn")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip runs");
    let mut nothing = gzip.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || {
        for _ in 0..100 {
            nothing.write_all(&vec![0; 1 << 20]).expect("gzip reads");
        }
    });
    let bytes = gzip.wait_with_output().expect("gzip ends").stdout;
    writer.join().expect("all was written");
    bytes
}

fn bomb() -> Vec<u8> {
    let bytes = zipped();
    let encoded = format!(
        "{HEAD}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    [encoded.into_bytes(), bytes].concat()
}

/// Adds rows with these metrics ports to a colony of one node, as nodes that were never surveyed; returns their
/// processes.
#[must_use]
pub fn enrol(stage: &Stage, ports: impl Iterator<Item = u16>) -> StandIn {
    let mut roots = Vec::new();
    let mut rows = "CREATE TEMP TABLE odd AS SELECT * FROM node WHERE id = 1;".to_owned();
    for (port, id) in ports.zip(2..) {
        let root = stage.root(id);
        fs::create_dir_all(&root).expect("a root");
        fs::write(root.join("secret-key"), "identity").expect("an identity");
        rows += &format!(
            "UPDATE odd SET id = {id}, node_name = 'antnode{id:04}', service = 'antnode{id:04}', metrics_port = {port},
                 root_dir = '{root}', binary = '{root}/antnode', log_dir = NULL, peer_id = NULL;
             INSERT INTO node SELECT * FROM odd;",
            root = root.display()
        );
        roots.push(root);
    }
    stage.tamper(&rows);
    StandIn::all(&roots)
}

/// Checks that every row has valid values.
pub fn holds_sane_rows(stage: &Stage) {
    for count in COUNTS {
        let wrong = format!("SELECT count(*) FROM node WHERE typeof({count}) <> 'integer' OR {count} < 0");
        assert_eq!(stage.figure(&wrong), 0, "{count}");
    }
    let strange = "SELECT count(*) FROM node WHERE version GLOB '*[^0-9.]*' OR length(version) > 20
                   OR rewards GLOB '*[^0-9.]*' OR length(rewards) > 2048 OR typeof(peer_id) NOT IN ('text', 'null')";
    assert_eq!(stage.figure(strange), 0, "no version and no amount is strange");
    assert_eq!(
        stage.row(1).status,
        "RUNNING",
        "the node that is well is as it was"
    );
}

/// Malicious pages; `target` is the target of a redirect.
fn ills(target: u16) -> Vec<Server> {
    let plain = format!("{HEAD}\r\n");
    let told = format!("{plain}{VERSION}");
    let line = "ant_node_put_record_ok_total{record_type=\"x\"} 1\n";
    let values = [
        "NaN",
        "-5",
        "1e400",
        "+Inf",
        "-1e400",
        &"9".repeat(400),
        "0x10",
        "",
    ];
    let odd: String = values
        .iter()
        .flat_map(|value| {
            [
                format!("ant_networking_records_stored {value}\n"),
                format!("ant_node_uptime {value}\n"),
                format!("ant_networking_shunned_count_total {value}\n"),
                format!("ant_node_current_reward_wallet_balance {value}\n"),
            ]
        })
        .collect();
    let labels = format!("{VERSION}ant_node_uptime{{{}}} 7\n", "a=\"b\",".repeat(1_000_000));
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{target}/metrics\r\ncontent-length: 0\r\n\r\n"
    );
    let chunked = format!("{HEAD}transfer-encoding: chunked\r\n\r\n");
    let strange = [
        HEAD.as_bytes(),
        b"\r\nant_node_antnode_version_info{antnode_version=\"\xff\xfe\x1b[31m\"} 1\n",
    ]
    .concat();
    let gigabyte = format!("{HEAD}content-length: 1073741824\r\n\r\n{VERSION}");
    let second = Duration::from_secs(1);
    vec![
        endless(gigabyte, vec![b'a'; 1 << 16], Duration::ZERO),
        endless(told.clone(), vec![b'a'; 1 << 16], Duration::ZERO),
        endless(told, b"a".to_vec(), second),
        endless(String::new(), b"H".to_vec(), second),
        endless(
            HEAD.to_owned(),
            b"x-more: and more\r\n".repeat(1_000),
            Duration::ZERO,
        ),
        endless(format!("{HEAD}x: "), vec![b'a'; 1 << 16], Duration::ZERO),
        endless(plain, line.repeat(1_000).into(), Duration::ZERO),
        said(format!("{chunked}ffffffffffffffffff\r\n{VERSION}").into()),
        said(format!("{chunked}40\r\n{VERSION}\r\nzz\r\n").into()),
        said(format!("{HEAD}content-length: 99999999999999999999\r\n\r\n{VERSION}").into()),
        said(bomb()),
        said(redirect.into()),
        said(strange),
        said(page(&labels)),
        said(page(&format!("{VERSION}{odd}"))),
    ]
}

/// Surveys; the run must succeed within the time and memory limits.
pub fn survey_in_bounds(stage: &Stage, whom: &str) {
    let (ran, took, most) = measured(stage.command(&["--force_action", "survey"]));
    ran.done().plain();
    assert!(took < MOST_TIME, "it took {took:?}");
    assert!((1..MOST_KB).contains(&most), "it took {most} kB");
    eprintln!("{whom}: {most} kB, {took:?}");
}

#[test]
fn malicious_metrics_pages_do_not_slow_down_or_mislead_wnm() {
    let stage = Stage::running(1, &[]);
    let target = Server::of(VERSION, "");
    let servers = ills(target.port);
    // Three nodes per page: the costs of many nodes must not add up.
    let _processes = enrol(
        &stage,
        servers
            .iter()
            .cycle()
            .take(servers.len() * 3)
            .map(|server| server.port),
    );
    let before = stage.processes();

    for _ in 0..2 {
        survey_in_bounds(&stage, &format!("{} ill nodes", servers.len() * 3));
    }

    holds_sane_rows(&stage);
    assert!(target.heard().is_empty(), "no redirect is followed");
    assert_eq!(stage.processes(), before, "and nobody was started or ended");
}
