//! Upgrading: nodes are upgraded to a newer antnode one by one, and keep their identities.

use crate::stage::Stage;

#[test]
fn nodes_are_upgraded_one_at_a_time_oldest_first() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let identities: Vec<_> = (1..=3).map(|id| stage.identity(id)).collect();
    stage.install("0.4.18");
    for upgraded in 1..=3 {
        stage.cycle_until("one more is upgraded", |stage| {
            stage.of_version("0.4.18") == upgraded
        });
        assert!(stage.in_state("UPGRADING") <= 1, "{}", stage.describe());
        assert_eq!(
            stage.row(upgraded as u32).version.as_deref(),
            Some("0.4.18"),
            "the oldest goes first"
        );
    }
    stage.cycle_until("all run", |stage| stage.in_state("RUNNING") == 3);
    assert_eq!(
        (1..=3).map(|id| stage.identity(id)).collect::<Vec<_>>(),
        identities
    );
    stage.check_consistency(true);
}

#[test]
fn forced_upgrade_restarts_nodes_together_and_puts_the_old_binary_back_where_it_fails() {
    let stage = Stage::running(4, &["--node_cap", "4"]);
    let identities: Vec<_> = (1..=4).map(|id| stage.identity(id)).collect();
    let identities_now = |stage: &Stage| (1..=4).map(|id| stage.identity(id)).collect::<Vec<_>>();
    let before = stage.processes();
    stage.install("0.4.18");
    stage.force("upgrade --count 4").done();
    stage.survey_until_running(4);
    assert_eq!(stage.of_version("0.4.18"), 4);
    assert!(stage.processes().iter().all(|process| !before.contains(process)));
    let binary = stage.home().join(".local/bin/antnode");
    std::fs::remove_file(&binary).expect("it was there");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.19' && exit 0\nexit 1\n";
    std::fs::write(&binary, script).expect("a binary that only says its version");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&binary, mode).expect("it may be run");
    stage.force("upgrade --count 4").code(3).plain();
    stage.survey_until_running(4);
    assert_eq!(stage.of_version("0.4.18"), 4, "{}", stage.describe());
    assert_eq!(identities_now(&stage), identities);
    stage.check_consistency(true);
}

#[test]
fn unused_versions_are_deleted() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    stage.install("0.4.18");
    stage.cycle_until("it is upgraded", |stage| stage.of_version("0.4.18") == 1);
    stage.cycle_until("the old binary is gone", |stage| {
        !stage.base().join("bin/antnode-0.4.17").exists()
    });
    assert!(stage.base().join("bin/antnode-0.4.18").exists());
}

#[test]
fn versions_are_compared_as_versions() {
    let stage = Stage::new();
    stage.install("0.4.9");
    stage.init(&["--node_cap", "1"]).done();
    stage.force("add").done();
    stage.survey_until_running(1);
    stage.install("0.4.10");
    stage.cycle_until("0.4.10 is newer than 0.4.9", |stage| {
        stage.of_version("0.4.10") == 1
    });
}

#[test]
fn node_newer_than_the_binary_is_not_changed() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let before = stage.processes();
    stage.install("0.4.16");
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.processes(), before);
    assert_eq!(stage.of_version("0.4.17"), 2);
}

#[test]
fn upgrades_can_be_disabled() {
    let stage = Stage::running(1, &["--node_cap", "1", "--enable_upgrade=false"]);
    let before = stage.processes();
    stage.install("0.4.18");
    stage.cycle();
    stage.cycle();
    assert_eq!(stage.processes(), before);
}

#[test]
fn node_keeps_its_version_if_the_new_one_does_not_run() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let identity = stage.identity(1);
    let broken = stage.home().join(".local/bin/antnode");
    std::fs::remove_file(&broken).expect("it was there");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Autonomi Node v0.4.19' && exit 0\nexit 1\n";
    std::fs::write(&broken, script).expect("a binary that only says its version");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&broken, mode).expect("it may be run");
    stage.pass(&[]).code(3).plain();
    stage.survey_until_running(1);
    assert_eq!(stage.of_version("0.4.17"), 1);
    assert_eq!(stage.identity(1), identity);
    assert!(stage.row(1).last_error.is_some(), "why it failed is kept");
    stage.check_consistency(true);
}
