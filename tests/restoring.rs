//! Restoring: wnm keeps the identity of each node it removes, and `--force_action restore` makes the node again
//! under its old peer ID.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::stage::{Stage, kill};

/// The directories in `BASE_DIR/removed`, sorted by name.
fn kept(stage: &Stage) -> Vec<PathBuf> {
    let entries = fs::read_dir(stage.base().join("removed")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn mode(path: &PathBuf) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o7777
}

#[test]
fn removed_node_is_restored_with_its_peer_id_ports_and_wallet() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let (before, key) = (stage.row(1), stage.identity(1));
    stage.force("remove --service_name antnode0001").done();

    let [directory] = kept(&stage).try_into().expect("one identity is kept");
    assert_eq!(mode(&directory), 0o700);
    for file in ["secret-key", "node.json"] {
        assert_eq!(mode(&directory.join(file)), 0o600, "{file}");
    }
    assert_eq!(fs::read(directory.join("secret-key")).expect("the key"), key);
    let description = fs::read_to_string(directory.join("node.json")).expect("a description");
    for text in [
        before.peer_id.as_deref().expect("a peer ID"),
        &before.wallet,
        "\"removed\": \"20",
    ] {
        assert!(description.contains(text), "`{text}` in {description}");
    }

    let rewards = ["--rewards_address", "0x00455d78f850b0358E8cea5be24d415E01E107CF"];
    stage
        .wnm(&[rewards[0], rewards[1], "--force_action", "update_config"])
        .done();
    stage
        .force("restore --service_name antnode0001 --dry_run")
        .done()
        .says("restore node 1 as antnode0001");
    assert_eq!(stage.ids(), [2]);
    stage.force("restore --service_name antnode0001").done();
    stage.survey_until_running(2);
    let after = stage.row(1);
    assert_eq!(after.peer_id, before.peer_id);
    assert_eq!(
        (after.port, after.metrics_port, after.wallet),
        (before.port, before.metrics_port, before.wallet)
    );
    assert_eq!(stage.identity(1), key);
    assert!(kept(&stage).is_empty());
    stage.check_consistency(true);
}

#[test]
fn planned_removals_and_teardown_also_keep_identities() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let keys = [1, 2, 3].map(|id| stage.identity(id));
    stage.pass(&["--node_cap", "2"]).done();
    stage.cycle_until("two nodes are left", |stage| stage.ids() == [1, 2]);
    assert_eq!(kept(&stage).len(), 1);
    stage.force("teardown --confirm").done();
    let names = kept(&stage);
    let found: Vec<Vec<u8>> = names
        .iter()
        .map(|path| fs::read(path.join("secret-key")).expect("a key"))
        .collect();
    assert_eq!(found, keys);
}

#[test]
fn restored_node_gets_the_next_free_number_if_its_own_is_in_use() {
    let stage = Stage::running(2, &["--node_cap", "3"]);
    let peer_id = stage.row(1).peer_id.expect("a peer ID");
    stage.force("remove --service_name antnode0001").done();
    stage.force("add").done();
    stage.survey_until_running(2);
    stage.force(&format!("restore --service_name {peer_id}")).done();
    stage.survey_until_running(3);
    assert_eq!(stage.row(3).peer_id, Some(peer_id));
}

#[test]
fn restore_is_refused_with_the_reason() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let peer_id = stage.row(1).peer_id.expect("a peer ID");
    let refused = |words: &str, reason: &str| {
        stage.force(&format!("restore {words}")).code(3).says(reason);
        assert_eq!(stage.ids().len(), 1);
    };
    refused("", "service_name required for restore action");
    refused(
        "--service_name antnode0001",
        "no removed node with this service name or peer ID",
    );
    stage.force("remove --service_name antnode0001").done();
    stage.force("add").done();
    stage.survey_until_running(1);
    refused(&format!("--service_name {peer_id}"), "raise `node_cap` first");
    stage.force("remove --service_name antnode0001").done();
    stage.force("add").done();
    refused(
        "--service_name antnode0001 --node_cap 5",
        "fits several removed nodes",
    );
}

#[test]
fn node_is_not_removed_if_its_identity_cannot_be_kept() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    fs::write(stage.base().join("removed"), "").expect("a file in the way");
    stage
        .force("remove --service_name antnode0001")
        .code(3)
        .says("its identity could not be kept")
        .says("--keep_removed 0");
    assert_eq!(
        (stage.row(1).status.as_str(), stage.processes().len()),
        ("RUNNING", 1)
    );
    stage
        .force("remove --service_name antnode0001 --keep_removed 0")
        .done();
    assert_eq!(stage.ids(), [0; 0]);
}

#[test]
fn node_that_never_started_needs_nothing_kept() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.force("stop --service_name antnode0001").done();
    fs::remove_file(stage.root(1).join("secret-key")).expect("no key");
    stage.force("remove --service_name antnode0001").done();
    assert!(kept(&stage).is_empty());
}

#[test]
fn killed_restore_never_loses_the_identity() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let key = stage.identity(1);
    for after in [5, 20, 40, 80, 160, 320] {
        stage.force("remove --service_name antnode0001").done();
        let mut run = stage.begin(&["--force_action", "restore", "--service_name", "antnode0001"]);
        sleep(Duration::from_millis(after));
        kill(i32::try_from(run.id()).expect("a PID"), Signal::SIGKILL);
        run.wait().expect("it ends");
        stage.survey();
        if stage.ids().is_empty() {
            let copies = kept(&stage);
            assert_eq!(copies.len(), 1, "killed after {after} ms");
            assert_eq!(fs::read(copies[0].join("secret-key")).expect("the key"), key);
            stage.force("restore --service_name antnode0001").done();
        }
        stage.survey_until_running(1);
        assert_eq!(stage.identity(1), key, "killed after {after} ms");
    }
}

#[test]
fn nodes_of_root_are_kept_and_restored_too() {
    let Some(stage) = Stage::with_sudo("wnm-restore-") else {
        return;
    };
    stage
        .init(&["--process_manager", "setsid+sudo", "--firewall", "null"])
        .done();
    stage.survey();
    stage.force("add").done();
    stage.survey_until_running(1);
    let (peer_id, key) = (stage.row(1).peer_id, stage.identity(1));
    stage.force("remove --service_name antnode0001").done();
    assert_eq!(stage.ids(), [0; 0]);
    stage.force("restore --service_name antnode0001").done();
    stage.survey_until_running(1);
    assert_eq!((stage.row(1).peer_id, stage.identity(1)), (peer_id, key));
}
