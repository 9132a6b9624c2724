//! Importing into an existing colony: the nodes that it does not have.

use std::fs;
use std::path::PathBuf;

use super::{IMPORT, kept, lasting, lose_database, pids};
use crate::stage::Stage;

#[test]
fn colony_without_nodes_can_import_and_one_with_all_nodes_cannot() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let (before, running) = (lasting(&stage), pids(&stage));
    let ran = stage.wnm(&["--import"]).code(1).complains();
    let ran = ran.says("already has 2 nodes, and there are no others to import");
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

/// A colony of five nodes whose database was restored from a backup with three nodes and a cap of three.
fn with_an_old_database() -> Stage {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    stage.tamper("PRAGMA wal_checkpoint(TRUNCATE)");
    let backup = stage.home().join("colony.backup");
    fs::copy(stage.database(), &backup).expect("a backup");
    stage.force("add --count 2 --node_cap 5").done();
    stage.survey_until_running(5);
    lose_database(&stage);
    fs::copy(&backup, stage.database()).expect("the backup is put back");
    stage
}

#[test]
fn cycle_reports_running_nodes_without_rows_and_adds_none_beyond_the_cap() {
    let stage = with_an_old_database();
    let running = pids(&stage);
    for _ in 0..3 {
        let ran = stage.pass(&["--node_cap", "5"]).done();
        ran.says("2 nodes run in").says("`wnm --import`");
    }
    assert_eq!((stage.ids(), pids(&stage)), (vec![1, 2, 3], running));
    stage.simulate_minute(0);
    let ran = stage.wnm(&["--report", "plan"]);
    assert!(ran.stdout.contains("its cap is 3"), "{ran}");
    ran.says("2 nodes run in");
    // With a cap above both, only the difference is added.
    stage.pass(&["--node_cap", "6"]).done().says("2 nodes run in");
    stage.cycle_until("one node is added", |stage| stage.in_state("RUNNING") == 4);
    for _ in 0..2 {
        stage.cycle();
    }
    assert_eq!(stage.ids(), [1, 2, 3, 6]);
}

#[test]
fn import_takes_what_is_missing_into_a_colony_with_nodes() {
    let stage = with_an_old_database();
    let (running, before) = (pids(&stage), lasting(&stage));
    let dry = stage.wnm(&["--import", "--dry_run"]).done();
    assert!(
        dry.stdout.contains("antnode0005  RUNNING") && !dry.stdout.contains("antnode0003"),
        "{dry}"
    );
    assert!(
        dry.stdout
            .contains("node_cap is raised to 5, the number of nodes"),
        "{dry}"
    );
    assert_eq!(lasting(&stage), before, "a dry run changes nothing");

    let ran = stage.wnm(&["--import"]).done();
    ran.says("imported 2 nodes (2 RUNNING)");
    assert_eq!(
        (stage.ids(), kept(&stage, "node_cap")),
        (vec![1, 2, 3, 4, 5], "5".to_owned())
    );
    assert_eq!(lasting(&stage)[..3], before[..], "the other rows are unchanged");
    let ran = stage.pass(&[]).done();
    assert!(!ran.stderr.contains("nodes run in"), "{ran}");
    assert_eq!(pids(&stage), running, "no node was restarted, added or removed");
    assert_eq!(stage.in_state("RUNNING"), 5);
    let again = stage.wnm(&["--import"]).code(1).complains();
    again.says("already has 5 nodes, and there are no others to import");
}

#[test]
fn imported_node_with_the_port_of_a_known_node_is_disabled() {
    let stage = with_an_old_database();
    stage.tamper(&format!(
        "UPDATE node SET port = {} WHERE id = 3",
        stage.row(1).port + 3
    ));
    let ran = stage.wnm(&["--import"]).done();
    ran.says("`antnode0004` is DISABLED: port")
        .says("is `antnode0003`'s");
    assert_eq!(stage.row(4).status, "DISABLED");
    assert_eq!(stage.row(5).status, "RUNNING");
}

#[test]
fn import_is_refused_while_a_row_cannot_be_read() {
    let stage = with_an_old_database();
    stage.tamper("UPDATE node SET port = 'x' WHERE id = 2");
    stage
        .wnm(&["--import"])
        .code(1)
        .says("cannot import while a row of the database cannot be read");
    assert_eq!(stage.figure("SELECT count(*) FROM node"), 3);
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
