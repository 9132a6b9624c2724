//! Rows that would make root act outside the colony or on another node.

use std::fs;
use std::path::Path;

use crate::stage::Stage;

/// A colony of two nodes that root starts and stops; None where sudo cannot be simulated.
pub(super) fn colony() -> Option<Stage> {
    let stage = Stage::with_sudo("wnm-hostile-")?;
    let settings = ["--process_manager", "setsid+sudo", "--firewall", "null"];
    stage.init(&settings).done();
    stage.survey();
    stage.force("add --count 2").done();
    stage.survey_until_running(2);
    Some(stage)
}

pub(super) fn order<'a>(what: &'a str, id: &'a str) -> [&'a str; 4] {
    ["--force_action", what, "--service_name", id]
}

/// Everything below a folder, with its content.
pub(super) fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap_or_default())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn upgrades_and_starts_a_node_only_in_its_own_folder() {
    let Some(stage) = colony() else { return };
    let elsewhere = stage.home().join("victim");
    fs::create_dir_all(elsewhere.join("antnode0002")).expect("a folder");
    fs::write(elsewhere.join("antnode"), "not yours").expect("a file");
    fs::write(elsewhere.join("antnode0002/antnode"), "nor this").expect("a file");
    let inner = elsewhere.join("antnode0002");
    let before = (content(&elsewhere), content(&inner));
    stage.wnm(&order("stop", "2")).done();
    stage.install("0.4.18");
    for root in [&elsewhere, &inner] {
        stage.tamper(&format!(
            "UPDATE node SET status = 'STOPPED', root_dir = '{0}', binary = '{0}/antnode' WHERE id = 2",
            root.display()
        ));
        for what in ["upgrade", "start", "remove"] {
            stage
                .wnm(&order(what, "2"))
                .code(3)
                .says(&root.display().to_string());
        }
        assert_eq!(
            (content(&elsewhere), content(&inner)),
            before,
            "{}",
            root.display()
        );
    }
    assert_eq!(stage.processes().len(), 1, "{}", stage.describe());
}

#[test]
fn does_not_give_a_foreign_folder_to_a_node() {
    let Some(stage) = colony() else { return };
    stage.wnm(&order("stop", "2")).done();
    for logs in ["/var/log/victim", "/var/log/antnode/antnode0001", "/etc"] {
        stage.tamper(&format!("UPDATE node SET log_dir = '{logs}' WHERE id = 2"));
        stage.wnm(&order("start", "2")).code(3).says(logs);
    }
    assert!(!stage.seen("/var/log/victim").exists());
}

#[test]
fn does_not_follow_a_symlink_out_of_the_storage() {
    let Some(stage) = colony() else { return };
    let storage = stage.storage();
    let elsewhere = stage.home().join("victim");
    fs::create_dir_all(elsewhere.join("antnode0002")).expect("a folder");
    fs::write(elsewhere.join("antnode0002/secret-key"), "a key").expect("a file");
    std::os::unix::fs::symlink(&elsewhere, stage.seen(storage.join("way"))).expect("a link");
    stage.wnm(&order("stop", "2")).done();
    let root = storage.join("way/antnode0002");
    stage.tamper(&format!(
        "UPDATE node SET root_dir = '{0}', binary = '{0}/antnode' WHERE id = 2",
        root.display()
    ));
    stage.install("0.4.18");
    for what in ["upgrade", "start", "remove"] {
        stage.wnm(&order(what, "2")).code(3);
        assert_eq!(content(&elsewhere.join("antnode0002")).len(), 1, "{what}");
    }
}

#[test]
fn never_runs_a_node_as_root() {
    let Some(stage) = colony() else { return };
    stage.wnm(&order("stop", "2")).done();
    stage.tamper("UPDATE node SET user = 'root' WHERE id = 2");
    stage
        .wnm(&order("start", "2"))
        .code(3)
        .says("no node runs as root");
}

#[test]
fn rows_that_share_a_root_or_service_delete_no_identity() {
    let stage = Stage::running(3, &[]);
    let root = stage.root(1).display().to_string();
    let key = stage.identity(1);
    for claim in [
        format!("node_name = 'antnode0001', root_dir = '{root}', binary = '{root}/antnode'"),
        "service = (SELECT service FROM node WHERE id = 1)".to_owned(),
    ] {
        stage.tamper(&format!("UPDATE node SET {claim} WHERE id = 2"));
        for id in ["1", "2"] {
            stage
                .wnm(&order("remove", id))
                .plain()
                .says("is another row's as well");
        }
        stage.force("teardown --confirm").plain();
        assert_eq!(stage.identity(1), key, "{claim}");
        assert_eq!(
            stage.figure("SELECT count(*) FROM node"),
            2,
            "only the third was removed"
        );
    }
}
