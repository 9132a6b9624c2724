//! A colony that is there: its nodes are taken in later, if it has none.

use super::{IMPORT, kept, lasting, lose_database, pids};
use crate::stage::Stage;

#[test]
fn a_colony_without_nodes_takes_them_in_later_and_one_that_has_nodes_does_not() {
    let stage = Stage::of(2, &["--node_cap", "2"]);
    let (before, running) = (lasting(&stage), pids(&stage));
    let ran = stage.wnm(&["--import"]).code(1).complains();
    let ran = ran.says("has 2 nodes already: `--import` fills one that has none");
    assert_eq!(lasting(&stage), before, "{ran}");

    lose_database(&stage);
    stage
        .wnm(&["--import"])
        .code(1)
        .says("there is no colony at")
        .complains();
    // Ports that nobody chose: those of the nodes come in their place.
    let made = [
        "--init",
        "--rewards_address",
        "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a",
        "--process_manager",
        "setsid+user",
        "--rpc_port_start",
        "64",
        "--node_cap",
        "1",
    ];
    stage.wnm(&made).done();
    assert_eq!(
        (kept(&stage, "port_start"), stage.rows().len()),
        ("55".to_owned(), 0)
    );
    // The index of the log is touched by everyone who reads.
    let tree = |stage: &Stage| {
        let tree = stage.tree();
        let lines = tree.lines().filter(|line| !line.contains("colony.db-shm"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before_it = tree(&stage);
    let dry = stage.wnm(&["--import", "--dry_run"]).done();
    assert!(dry.stdout.contains("antnode0002  RUNNING"), "{dry}");
    assert!(dry.stdout.contains("node_cap is raised to 2"), "{dry}");
    assert_eq!(tree(&stage), before_it, "a dry run changes nothing");

    stage
        .wnm(&["--import"])
        .done()
        .says("imported 2 nodes (2 RUNNING)");
    let (nodes, metrics) = stage.thousands();
    assert_eq!(
        (kept(&stage, "port_start"), kept(&stage, "metrics_port_start")),
        (nodes, metrics)
    );
    assert_eq!(kept(&stage, "node_cap"), "2");
    // Whom new nodes pay is what the operator said.
    assert!(kept(&stage, "rewards_address").starts_with("0x1a1a"));
    assert_eq!(lasting(&stage), before);
    assert_eq!(pids(&stage), running);
    stage.wnm(&["--import"]).code(1).complains();
}

#[test]
fn where_nothing_is_found_a_colony_is_made_all_the_same() {
    let stage = Stage::new();
    let words: Vec<&str> = IMPORT[..27].iter().copied().chain(["setsid+user"]).collect();
    let ran = stage.wnm(&words).code(1).complains();
    ran.says("`rewards_address` is needed");
    assert!(!stage.database().exists());
    let paid: Vec<&str> = words
        .iter()
        .copied()
        .chain(["--rewards_address", "faucet"])
        .collect();
    stage
        .wnm(&paid)
        .done()
        .says("imported no nodes, as none was found");
    assert!(stage.rows().is_empty());
}
