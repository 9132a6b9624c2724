//! Importing into an existing colony, which is allowed while it has no nodes.

use std::fs;
use std::path::PathBuf;

use super::{IMPORT, kept, lasting, lose_database, pids};
use crate::stage::Stage;

#[test]
fn colony_without_nodes_can_import_and_one_with_nodes_cannot() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let (before, running) = (lasting(&stage), pids(&stage));
    let ran = stage.wnm(&["--import"]).code(1).complains();
    let ran = ran.says("already has 2 nodes: `--import` needs a colony without nodes");
    assert_eq!(lasting(&stage), before, "{ran}");

    lose_database(&stage);
    stage
        .wnm(&["--import"])
        .code(1)
        .says("there is no colony at")
        .complains();
    // The default ports are replaced by those of the nodes.
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
    // Every reader changes the index of the database's log.
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
    // The rewards address of new nodes is the operator's.
    assert!(kept(&stage, "rewards_address").starts_with("0x1a1a"));
    assert_eq!(lasting(&stage), before);
    assert_eq!(pids(&stage), running);
    stage.wnm(&["--import"]).code(1).complains();
}

#[test]
fn import_that_finds_nothing_still_creates_a_colony() {
    let stage = Stage::new();
    let words: Vec<&str> = IMPORT[..27].iter().copied().chain(["setsid+user"]).collect();
    let ran = stage.wnm(&words).code(1).complains();
    ran.says("missing setting 'rewards_address'");
    assert!(!stage.database().exists());
    let paid: Vec<&str> = words
        .iter()
        .copied()
        .chain(["--rewards_address", "faucet"])
        .collect();
    stage
        .wnm(&paid)
        .done()
        .says("imported no nodes, because none were found");
    assert!(stage.rows().is_empty());
}

/// Variables, flags, and a file that must be deleted afterwards.
type Layer = (
    Vec<(&'static str, &'static str)>,
    Vec<&'static str>,
    Option<PathBuf>,
);

/// A setting in any layer overrides the value of the nodes, except that the cap is raised to their number.
#[test]
fn setting_in_any_layer_overrides_the_value_of_the_nodes() {
    let stage = Stage::running(2, &[]);
    let running = pids(&stage);
    let words: Vec<&str> = IMPORT[..27].iter().copied().chain(["setsid+user"]).collect();
    let file = |path: &str, text: &str| {
        let path = stage.home().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        fs::write(&path, text).expect("a file of settings");
        path
    };
    let config = "port_start = 41\nnode_cap = 1\n";
    let layers: [&dyn Fn() -> Layer; 5] = [
        &|| (vec![], vec!["--port_start", "41", "--node_cap", "1"], None),
        &|| (vec![("PORT_START", "41"), ("NODE_CAP", "1")], vec![], None),
        &|| {
            (
                vec![],
                vec![],
                Some(file(".local/share/wnm/.env", "PORT_START=41\nNODE_CAP=1\n")),
            )
        },
        &|| (vec![], vec!["--config", "~/mine"], Some(file("mine", config))),
        &|| (vec![], vec![], Some(file(".local/share/wnm/config", config))),
    ];
    for (nth, layer) in layers.iter().enumerate() {
        lose_database(&stage);
        let (variables, more, written) = layer();
        let ran = stage.wnm_with(&variables, &[words.clone(), more].concat()).done();
        let ran = ran.says("node_cap is raised to 2");
        assert_eq!(kept(&stage, "port_start"), "41", "layer {nth}: {ran}");
        assert_eq!(kept(&stage, "node_cap"), "2", "layer {nth}: {ran}");
        // Settings in no layer are taken from the nodes.
        assert_eq!(
            kept(&stage, "metrics_port_start"),
            stage.thousands().1,
            "layer {nth}: {ran}"
        );
        assert_eq!(pids(&stage), running);
        written
            .into_iter()
            .for_each(|path| fs::remove_file(path).expect("it goes"));
    }
}
