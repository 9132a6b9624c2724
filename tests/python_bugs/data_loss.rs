//! Lost data and wrong removals of the Python wnm.

use std::fs;

use rusqlite::Connection;

use super::services;
use crate::stage::Stage;

#[test]
fn fault_01_imported_node_has_the_directory_of_its_unit_and_is_removed_alone() {
    let stage = services::machine();
    // Written as the Python wnm does in the default place: the path has a dot and a dash.
    let root = stage.root(1);
    let logs = stage.base().join("logs/antnode0001");
    fs::create_dir_all(&root).expect("a root directory");
    fs::create_dir_all(&logs).expect("a directory of logs");
    fs::copy(stage.home().join(".local/bin/antnode"), root.join("antnode")).expect("its binary");
    fs::write(root.join("secret-key"), "identity").expect("its identity");
    let text = format!(
        "[Unit]\nDescription=antnode0001\n[Service]\nUser=op\nExecStart={root}/antnode --bootstrap-cache-dir \
         {base}/bootstrap-cache --root-dir {root} --port 28001 --enable-metrics-server --metrics-server-port 29001 \
         --log-output-dest {logs} --max-log-files 1 --max-archived-log-files 1 --rewards-address \
         0x00455d78f850b0358E8cea5be24d415E01E107CF evm-arbitrum-one\nRestart=always\n",
        root = root.display(),
        base = stage.base().display(),
        logs = logs.display(),
    );
    let unit = services::unit(&stage, 1);
    fs::create_dir_all(unit.parent().expect("a folder")).expect("the folder of units");
    fs::write(&unit, text).expect("a unit");
    fs::write(stage.home().join("treasure"), "irreplaceable").expect("a file of the operator's");

    stage
        .init(&["--process_manager", "systemd+user", "--import"])
        .done();
    let row = stage.row(1);
    assert_eq!((&row.root, row.logs.as_ref()), (&root, Some(&logs)));

    stage.force("remove --service_name antnode0001").done();
    assert_eq!(stage.ids(), [0; 0]);
    assert!(!root.exists() && !unit.exists(), "all of the node is gone");
    assert!(stage.home().join("treasure").exists() && stage.storage().exists());
    assert!(stage.home().join(".local/bin/antnode").exists());
}

#[test]
fn fault_02_planned_removal_deletes_data_and_unit() {
    let stage = services::of(2, &["--node_cap", "2", "--delay_remove", "300"]);
    stage.pass(&["--node_cap", "1"]).done();
    assert_eq!(stage.row(2).status, "REMOVING");
    assert!(stage.root(2).exists() && services::unit(&stage, 2).exists());
    stage.tamper("UPDATE node SET timestamp = timestamp - 301 WHERE id = 2");
    stage.cycle();
    assert_eq!(stage.ids(), [1]);
    assert!(!stage.root(2).exists() && !services::unit(&stage, 2).exists());
    assert!(!stage.base().join("logs/antnode0002").exists());
    stage.check_consistency(true);
}

#[test]
fn fault_03_expired_removal_does_not_replace_another_node() {
    let stage = Stage::running(3, &["--node_cap", "3", "--delay_remove", "300"]);
    stage.pass(&["--node_cap", "2"]).done();
    assert_eq!(stage.row(3).status, "REMOVING");
    stage.tamper("UPDATE node SET timestamp = timestamp - 301 WHERE id = 3");
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2]);
    assert_eq!(stage.in_state("RUNNING"), 2, "{}", stage.describe());
    stage.cycle();
    assert_eq!((stage.ids(), stage.in_state("RUNNING")), (vec![1, 2], 2));
}

#[test]
fn fault_04_forced_remove_ends_when_the_stop_fails() {
    let stage = services::of(2, &[]);
    let identity = stage.identity(1);
    services::spoil(&stage, "not-stopped", "antnode0001.service");
    let ran = stage.force("remove --service_name antnode0001").code(3);
    assert_eq!(ran.json()["removed_count"], 0, "{ran}");
    assert_eq!(ran.json()["failed_nodes"][0]["service"], "antnode0001");
    assert_eq!(stage.row(1).status, "RUNNING", "it still runs");
    assert_eq!(stage.identity(1), identity);
    assert!(stage.process(1).is_some() && services::unit(&stage, 1).exists());
    services::mend(&stage, "not-stopped");
    stage.force("remove --service_name antnode0001").done();
    assert_eq!(stage.ids(), [2]);
    stage.check_consistency(true);
}

#[test]
fn fault_05_unknown_flag_is_rejected_before_anything_is_done() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let before = (stage.rows(), stage.processes());
    let remove = ["--force_action", "remove", "--service_name", "antnode0001"];
    for wrong in [
        &["--dryrun"][..],
        &["-report", "node-status"],
        &["remove"],
        &["--node_cpa", "0"],
        &["--"],
    ] {
        let mut words = wrong.to_vec();
        words.extend(remove);
        stage.wnm(&words).code(2).prints_nothing();
        assert_eq!((stage.rows(), stage.processes()), before, "after {words:?}");
    }
    stage.wnm(&["--dryrun"]).code(2).says("--dry_run");
}

/// Without antctl it cannot be removed: its row and the node are kept.
#[test]
fn fault_06_antctl_node_that_could_not_be_removed_keeps_its_row() {
    let stage = Stage::running(1, &[]);
    stage
        .tamper("UPDATE node SET manager_type = 'antctl+user', method = 'antctl+user', service = 'antnode1'");
    let ran = stage
        .force("remove --service_name antnode1")
        .code(3)
        .says("antctl");
    assert_eq!(ran.json()["removed_count"], 0, "{ran}");
    assert_eq!(stage.ids(), [1]);
    assert!(stage.root(1).join("secret-key").exists() && stage.process(1).is_some());
}

#[test]
fn fault_07_name_selects_only_the_node_with_that_name() {
    let stage = Stage::running(2, &[]);
    for name in [
        "antnode0001junk",
        "antnode1.timer",
        "ANTNODE0001",
        "antnode00010",
        "antnode-1",
    ] {
        let ran = stage
            .wnm(&["--force_action", "remove", "--service_name", name])
            .code(3);
        assert_eq!(ran.json()["failed_nodes"][0]["service"], name, "{ran}");
    }
    assert_eq!(stage.processes().len(), 2);
    for name in ["antnode0001", "antnode0001.service", "0001", "1", "antnode1"] {
        let ran = stage
            .wnm(&["--force_action", "stop", "--dry_run", "--service_name", name])
            .done();
        assert_eq!(ran.json()["stopped_nodes"][0], name, "{ran}");
    }
    // The numbers in antctl's names are not the ids.
    stage.tamper("UPDATE node SET service = 'antnode7', node_name = '7' WHERE id = 1");
    stage.tamper("UPDATE node SET service = 'antnode1', node_name = '1' WHERE id = 2");
    let stopped = |name: &str| {
        let ran = stage.wnm(&["--force_action", "stop", "--dry_run", "--service_name", name]);
        ran.done().stderr
    };
    assert!(stopped("antnode7").contains("node 1"), "{}", stopped("antnode7"));
    assert!(stopped("antnode1").contains("node 2"), "{}", stopped("antnode1"));
    for (name, id) in [("antnode7", 1), ("antnode1", 2)] {
        let details = [
            "--report",
            "node-status-details",
            "--json",
            "--service_name",
            name,
        ];
        let ran = stage.wnm(&details).done();
        let told = ran.json();
        let told = if told.is_array() { told[0].clone() } else { told };
        assert_eq!(told["id"], id, "{ran}");
    }
}

#[test]
fn fault_08_dry_run_of_a_migration_changes_nothing() {
    let stage = Stage::new();
    fs::create_dir_all(stage.base()).expect("the colony's folder");
    let old = include_str!("../databases/eeec2af7114c_nov6.sql");
    Connection::open(stage.database())
        .and_then(|database| database.execute_batch(old))
        .expect("an old database");
    let before = fs::read(stage.database()).expect("the database");
    let migrate = ["--force_action", "wnm-db-migration", "--confirm"];
    stage.wnm(&[&migrate[..], &["--dry_run"]].concat()).done();
    assert_eq!(fs::read(stage.database()).expect("the database"), before);
    assert_eq!(fs::read_dir(stage.base()).expect("the folder").count(), 1);
    stage.wnm(&migrate).done();
    assert_ne!(fs::read(stage.database()).expect("the database"), before);
}
