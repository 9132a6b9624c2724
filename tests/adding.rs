//! Adding nodes: on a machine with room, a colony grows to its cap and no further.

use std::fs;
use std::os::unix::fs::MetadataExt;

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
fn rejects_a_port_in_use_and_leaves_nothing() {
    let stage = Stage::running(1, &[]);
    let next = stage.row(1).metrics_port + 1;
    let _squatter = listen(next);
    let ran = stage.force("add");
    assert_ne!(ran.code, Some(0), "{ran}");
    ran.says(&next.to_string()).plain();
    assert_eq!(stage.ids(), [1]);
    stage.check_consistency(true);
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
