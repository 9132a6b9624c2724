//! Colonies of the Python wnm that were stuck for ever.

use std::fs;
use std::path::Path;
use std::time::Duration;

use wnm::settings::locations::{self, HostFacts, Operator, Platform};
use wnm::settings::{Variables, defaults};

use super::services;
use crate::stage::Stage;

#[test]
fn fault_22_outdated_stopped_node_blocks_nothing() {
    let stage = Stage::running(2, &["--node_cap", "3"]);
    stage.force("disable --service_name antnode0001").done();
    stage.force("stop --service_name antnode0002").done();
    stage.install("0.4.18");
    stage.cycle();
    stage.cycle_until("the stopped one runs, and one was added", |stage| {
        stage.row(2).status == "RUNNING" && stage.ids() == [1, 2, 3]
    });
    assert_eq!(stage.row(2).version.as_deref(), Some("0.4.18"));
    assert_eq!(stage.row(1).status, "DISABLED");
}

#[test]
fn fault_23_newer_node_is_not_downgraded_and_blocks_nothing() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.install("0.4.19");
    stage.force("upgrade --service_name antnode0001").done();
    stage.survey_until_running(2);
    let newer = stage.process(1);
    stage.install("0.4.18");
    stage.cycle();
    assert_eq!(
        stage.row(2).version.as_deref(),
        Some("0.4.18"),
        "{}",
        stage.describe()
    );
    stage.cycle_until("both run", |stage| stage.in_state("RUNNING") == 2);
    stage.cycle();
    assert_eq!(stage.row(1).version.as_deref(), Some("0.4.19"));
    assert_eq!(stage.process(1), newer);
}

#[test]
fn fault_24_stopped_nodes_start_at_the_cap() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    stage.force("stop --service_name antnode0002").done();
    stage.cycle();
    assert!(stage.process(2).is_some(), "{}", stage.describe());
    assert_eq!(stage.ids(), [1, 2]);
}

#[test]
fn fault_25_node_that_cannot_start_is_tried_once_and_blocks_no_other() {
    let stage = Stage::running(
        3,
        &[
            "--node_cap",
            "3",
            "--max_concurrent_starts",
            "3",
            "--max_concurrent_operations",
            "3",
        ],
    );
    stage.force("stop --count 3").done();
    stage.set_fault(1, "refuse");
    stage.pass(&[]).code(3).plain();
    let tried = |id: u32| {
        stage.figure(&format!(
            "SELECT count(*) FROM event WHERE action = 'start' AND node = {id} AND forced = 0"
        ))
    };
    assert_eq!([1, 2, 3].map(tried), [1, 1, 1], "{}", stage.describe());
    assert!(stage.process(2).is_some() && stage.process(3).is_some());
    stage.cycle();
    assert_eq!(tried(1), 1, "it is passed over for a minute");
}

#[test]
fn fault_26_survey_keeps_states_in_transition() {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    let delays = [
        "--delay_start",
        "300",
        "--delay_upgrade",
        "300",
        "--delay_remove",
        "300",
    ];
    stage
        .wnm(&[&["--force_action", "update_config"], &delays[..]].concat())
        .done();
    // One answers, the other does not.
    stage.kill_node(2);
    for state in ["REMOVING", "RESTARTING", "UPGRADING"] {
        stage.tamper(&format!(
            "UPDATE node SET status = '{state}', timestamp = unixepoch() - 100"
        ));
        let since = stage.figure("SELECT sum(timestamp) FROM node");
        for words in [
            &["--force_action", "survey"][..],
            &[
                "--force_action",
                "survey",
                "--service_name",
                "antnode0001,antnode0002",
            ],
            &["--max_concurrent_operations", "2"],
        ] {
            stage.pass(words).done();
            assert_eq!(stage.in_state(state), 2, "after {words:?}\n{}", stage.describe());
            assert_eq!(stage.figure("SELECT sum(timestamp) FROM node"), since);
        }
    }
    // A node stays DEAD while its folder is missing.
    stage.tamper("UPDATE node SET status = 'RUNNING' WHERE id = 1");
    stage.tamper("UPDATE node SET status = 'DEAD' WHERE id = 2");
    fs::remove_dir_all(stage.root(2)).expect("it was there");
    stage.survey();
    assert_eq!(stage.row(2).status, "DEAD");
    stage.cycle();
    assert_eq!(stage.ids(), [1], "and then it goes");
}

#[test]
fn fault_27_lock_of_a_killed_run_blocks_nobody() {
    let stage = Stage::colony(&["--node_cap", "2"]);
    let mut run = stage.begin(&[
        "--force_action",
        "add",
        "--count",
        "2",
        "--this_action_delay",
        "20000",
    ]);
    stage.wait_for("it holds the lock", |stage| stage.rows().len() == 1);
    stage.wnm(&[]).code(1).says("wnm still running");
    run.kill().expect("SIGKILL");
    run.wait().expect("it ended");
    assert!(stage.base().join("wnm_active").exists(), "its file was left");
    stage.wnm(&["--report", "node-status"]).done();
    stage.survey();
    let elsewhere = stage.home().join("other.db").display().to_string();
    let block = ["--dbpath", &elsewhere];
    stage.init(&block).done();
    stage
        .wnm(&["--dbpath", &elsewhere, "--force_action", "survey"])
        .done();
}

#[test]
fn fault_28_failed_creation_leaves_no_row() {
    let stage = services::colony(&["--node_cap", "1"]);
    services::spoil(&stage, "not-started", "all");
    let ran = stage.force("add").code(3);
    assert_eq!(ran.json()["status"], "failed-create-node", "{ran}");
    assert_eq!(stage.ids(), [0; 0]);
    stage.pass(&[]).code(3).plain();
    assert_eq!(stage.ids(), [0; 0]);
    assert!(!stage.root(1).exists() && !services::unit(&stage, 1).exists());
    services::mend(&stage, "not-started");
    stage.cycle();
    assert_eq!(stage.ids(), [1]);
    stage.check_consistency(false);
}

#[test]
fn fault_29_failed_init_leaves_no_database() {
    let stage = Stage::new();
    let init = ["--init", "--process_manager", "setsid+user"];
    for (more, code) in [
        (&[][..], 1),
        (&["--rewards_address", "nobody"], 2),
        (&["--rewards_address", "faucet", "--node_cap", "x"], 2),
        (&["--rewards_address", "faucet", "--dry_run"], 0),
    ] {
        stage.wnm(&[&init[..], more].concat()).code(code).plain();
        assert!(!stage.database().exists(), "after {more:?}");
        let ours = [("PROCESS_MANAGER", "setsid+user")];
        let ran = stage.wnm_with(&ours, &["--report", "node-status"]);
        let ran = ran.code(1).complains();
        assert!(ran.stderr.contains("--init"), "it helps: {ran}");
    }
    stage.init(&[]).done();
}

/// Calls the module that finds the paths, because the program would have to be root.
#[test]
fn fault_30_colony_that_root_creates_is_found_by_root() {
    let variables = Variables::default();
    let root = Operator {
        user: "root".to_owned(),
        uid: 0,
        home: "/root".into(),
    };
    let first = |has_systemd: bool| {
        let machine = HostFacts {
            platform: Platform::Linux,
            peek: &|_| wnm::colony::StoredPlace::Nothing,
            systemd: &move |_| has_systemd,
        };
        locations::find(&[], &root, &machine, &variables).expect("a place")
    };
    for has_systemd in [true, false] {
        let made = first(has_systemd);
        // The stored default manager.
        let kept = defaults::values(&made, 2, wnm::colony::Timestamp(0))
            .into_iter()
            .find(|value| value.setting.name == "process_manager")
            .expect("a default manager")
            .text;
        assert!(kept.ends_with("+sudo"), "{kept}");
        let path = made.db_path.clone();
        let machine = HostFacts {
            platform: Platform::Linux,
            peek: &|asked: &Path| {
                if asked == path {
                    wnm::colony::StoredPlace::Manager(kept.clone())
                } else {
                    wnm::colony::StoredPlace::Nothing
                }
            },
            systemd: &|_| panic!("the colony says it"),
        };
        let again = locations::find(&[], &root, &machine, &variables).expect("a place");
        assert_eq!(again.db_path, made.db_path);
        assert_eq!(again.manager, made.manager);
    }
}

#[test]
fn fault_31_missing_version_is_read_from_the_nodes_own_binary() {
    let stage = Stage::running(2, &["--node_cap", "2", "--max_concurrent_operations", "1"]);
    stage.force("stop --count 2").done();
    stage.tamper("UPDATE node SET version = NULL WHERE id = 1; UPDATE node SET version = '' WHERE id = 2;");
    stage.survey();
    assert_eq!(stage.of_version("0.4.17"), 2, "{}", stage.describe());

    fs::remove_file(stage.root(1).join("antnode")).expect("it was there");
    stage.tamper("UPDATE node SET version = NULL WHERE id = 1");
    stage.survey();
    assert_eq!(stage.row(1).version, None, "no binary is no version `0`");
    let start = ["--force_action", "start", "--service_name", "antnode0001"];
    let gone = stage.root(1).join("antnode").display().to_string();
    stage.wnm(&start).code(3).says(&gone);
    assert_eq!(stage.row(1).status, "STOPPED");
    // An upgrade replaces the binary, and the running node reports its version.
    stage.force("upgrade --service_name antnode0001").done();
    stage.wait_for("it answers", |stage| {
        std::thread::sleep(Duration::from_millis(50));
        stage.survey();
        stage.row(1).version.as_deref() == Some("0.4.17")
    });
}

/// This version cannot remove docker nodes of the Python wnm: the removal fails with a clear error, and
/// everything else continues.
#[test]
fn dead_node_that_cannot_be_removed_blocks_nothing() {
    let stage = Stage::running(2, &["--node_cap", "3"]);
    stage.kill_node(2);
    fs::remove_dir_all(stage.root(2)).expect("it was there");
    stage.tamper("UPDATE node SET manager_type = 'docker' WHERE id = 2");
    stage.pass(&[]).code(3).says("docker");
    assert_eq!((stage.row(2).status.as_str(), stage.ids()), ("DEAD", vec![1, 2]));
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2, 3], "{}", stage.describe());
    stage.tamper("UPDATE node SET retry_at = unixepoch() - 1 WHERE id = 2");
    stage.pass(&[]).code(3).says("docker");
    // Its folder is back, so it was never dead.
    fs::create_dir_all(stage.root(2)).expect("the disk is back");
    fs::write(stage.root(2).join("secret-key"), "identity").expect("and what it holds");
    stage.survey();
    assert_eq!(stage.row(2).status, "STOPPED");
}
