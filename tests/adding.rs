//! Adding nodes: on a machine with room, a colony grows to its cap and no further.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use crate::stage::{Stage, listen};

#[test]
fn colony_grows_to_its_cap_and_stops() {
    let stage = Stage::colony(&["--node_cap", "3"]);
    stage.cycle_until("three nodes run", |stage| stage.in_state("RUNNING") == 3);
    stage.check_consistency(true);
    let before = stage.processes();
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2, 3]);
    assert_eq!(
        stage.processes(),
        before,
        "a colony that is as it should be is left alone"
    );
    stage.check_consistency(true);
}

#[test]
fn node_has_the_ports_paths_and_wallet_of_its_id() {
    let stage = Stage::colony(&["--start_args", "--local --first", "--no_upnp"]);
    stage.force("add").done();
    let row = stage.row(1);
    assert!(row.service.starts_with("antnode0001"), "{row:?}");
    assert_eq!(
        (row.port % 1000, row.metrics_port % 1000, row.rpc_port),
        (1, 1, 64001)
    );
    assert_eq!(row.root, stage.root(1));
    assert_eq!(row.wallet, "0x00455d78f850b0358E8cea5be24d415E01E107CF");
    let words = stage.process(1).expect("its process").words.join(" ");
    for expected in [
        format!("--root-dir {} ", row.root.display()),
        format!("--port {} ", row.port),
        format!("--enable-metrics-server --metrics-server-port {} ", row.metrics_port),
        "--no-upnp --local --first --rewards-address 0x00455d78f850b0358E8cea5be24d415E01E107CF evm-arbitrum-one"
            .to_owned(),
    ] {
        assert!(words.contains(&expected), "`{expected}` in `{words}`");
    }
}

#[test]
fn all_nodes_share_one_copy_of_their_binary() {
    let stage = Stage::running(3, &[]);
    let shelf = fs::metadata(stage.base().join("bin/antnode-0.4.17")).expect("one copy of the version");
    for row in stage.rows() {
        let own = fs::metadata(row.root.join("antnode")).expect("a node has its binary");
        assert_eq!(
            (own.dev(), own.ino()),
            (shelf.dev(), shelf.ino()),
            "{} is a link",
            row.root.display()
        );
    }
}

#[test]
fn reuses_the_lowest_free_id() {
    let stage = Stage::running(3, &[]);
    stage.force("remove --service_name antnode0002").done();
    stage.force("add --count 2").done();
    assert_eq!(stage.ids(), [1, 2, 3, 4]);
    stage.check_consistency(false);
}

#[test]
fn passes_over_an_id_whose_metrics_port_is_in_use() {
    let stage = Stage::running(1, &[]);
    let next = stage.row(1).metrics_port + 1;
    let _squatter = listen(next);
    stage
        .force("add")
        .done()
        .says(&format!("node 2 is passed over: port {next}"))
        .says("`ss -lntup`");
    assert_eq!(stage.ids(), [1, 3]);
    stage.check_consistency(false);
}

#[test]
fn node_that_does_not_start_leaves_nothing() {
    let stage = Stage::colony(&["--environment", "SIM_ANTNODE=refuse"]);
    stage.force("add").code(3).plain();
    assert_eq!(stage.ids(), [0; 0], "{}", stage.describe());
    stage.check_consistency(true);
    stage.force("add --environment SIM_ANTNODE=well").done();
    assert_eq!(stage.ids(), [1]);
}

#[test]
fn without_an_antnode_adds_nothing_and_prints_the_searched_paths() {
    let stage = Stage::colony(&[]);
    fs::remove_file(stage.home().join(".local/bin/antnode")).expect("it was there");
    let ran = stage.pass(&[]).plain();
    assert!(ran.stderr.contains(".local/bin/antnode"), "{ran}");
    assert_eq!(stage.ids(), [0; 0]);
}

#[test]
fn every_node_gets_the_environment_setting() {
    let stage = Stage::colony(&["--environment", "ANT_COLOUR=red ANT_WORDS=\"two words\""]);
    stage.force("add").done();
    let pid = stage.process(1).expect("its process").pid;
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).expect("its environment");
    let variables: Vec<_> = environment.split('\0').collect();
    assert!(
        variables.contains(&"ANT_COLOUR=red") && variables.contains(&"ANT_WORDS=two words"),
        "{variables:?}"
    );
}

#[test]
fn cycle_passes_over_an_id_whose_node_port_is_in_use() {
    // Given two nodes, a cap of four, and a program on the UDP port of node 3,
    let stage = Stage::running(2, &["--node_cap", "4"]);
    let port = stage.row(1).port + 2;
    let squatter = UdpSocket::bind(("0.0.0.0", port)).expect("a port of this test's own block");
    // when cycles run,
    let warnings = RefCell::new(Vec::new());
    stage.until(
        "node 4 is added",
        |stage| stage.ids() == [1, 2, 4],
        |stage| {
            let ran = stage.cycle();
            let is_warning = |line: &&str| line.contains("WARN") && line.contains("is passed over");
            let count = ran.stderr.lines().filter(is_warning).count();
            warnings.borrow_mut().push(count);
        },
    );
    // then each warns once, and node 4 is added in place of node 3;
    assert_eq!(warnings.borrow().last(), Some(&1));
    let plan = stage.wnm(&["--report", "plan"]).done();
    assert!(!plan.stdout.contains("is not added"), "{plan}");
    // when the port is free again, then node 3 is added as well.
    drop(squatter);
    stage.cycle_until("node 3 is added", |stage| stage.ids() == [1, 2, 3, 4]);
    stage.check_consistency(false);
}

/// Connects from the given port to a listener, and ends with its input.
const CONNECT: &str = "
import socket, sys
listener = socket.socket(); listener.bind(('127.0.0.1', 0)); listener.listen(1)
outgoing = socket.socket(); outgoing.bind(('127.0.0.1', int(sys.argv[1])))
outgoing.connect(listener.getsockname())
print('connected', flush=True)
sys.stdin.read()
";

#[test]
fn forced_adds_above_the_cap_name_the_setting_to_raise() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let added = stage.force("add --count 2 --dry_run").done();
    added.says("`node_cap` is 1").says("--node_cap 3");
    let added = stage.force("add --node_cap 2").done();
    assert!(!added.stderr.contains("`node_cap` is"), "{added}");
}

#[test]
fn outgoing_connection_does_not_keep_a_node_away() {
    // Given a connection whose own port has the number of the next node's UDP port,
    let stage = Stage::running(1, &[]);
    let row = stage.row(1);
    let port = row.port + 1;
    let mut connections = Command::new("python3")
        .args(["-c", CONNECT])
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut ready = String::new();
    BufReader::new(connections.stdout.take().expect("a pipe"))
        .read_line(&mut ready)
        .expect("it prints a line");
    assert_eq!(ready, "connected\n");
    // when the next cycle plans,
    let plan = stage.wnm(&["--report", "plan"]).done();
    // then that id is not passed over.
    assert!(!plan.stdout.contains("passed over"), "{plan}");
    stage.force("add").done();
    drop(connections.stdin.take());
    connections.wait().expect("it ends with its input");
    assert_eq!(stage.ids(), [1, 2]);
}
