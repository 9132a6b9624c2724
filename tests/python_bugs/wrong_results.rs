//! Wrong results of the Python wnm.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;
use wnm::manager::unit_file::Unit;

use super::services;
use crate::stage::{Ran, Stage};

/// The duration of a run that must succeed.
fn timed(stage: &Stage, words: &[&str]) -> Duration {
    stage.simulate_minute(0);
    let begun = Instant::now();
    stage.wnm(words).done();
    begun.elapsed()
}

#[test]
fn fault_32_node_that_failed_to_stop_keeps_state_running() {
    let stage = services::of(2, &["--node_cap", "2", "--delay_remove", "300"]);
    services::spoil(&stage, "not-stopped", "all");
    for action in ["stop", "disable"] {
        let ran = stage
            .wnm(&["--force_action", action, "--service_name", "antnode0002"])
            .code(3);
        assert_eq!(ran.json()["failed_count"], 1, "{ran}");
        assert_eq!(stage.row(2).status, "RUNNING", "after {action}");
        assert!(
            stage
                .row(2)
                .last_error
                .is_some_and(|error| error.contains("stop"))
        );
    }
    // Planned stops: first for a lower cap, then for a high load.
    stage.pass(&["--node_cap", "1"]).code(3).plain();
    assert_eq!(stage.in_state("RUNNING"), 2, "{}", stage.describe());
    let limits = ["--desired_load_average", "0.000001"];
    let pressed = [
        &["--node_cap", "2", "--max_load_average_allowed", "0.00001"],
        &limits[..],
    ];
    let ran = stage.pass(&pressed.concat()).plain();
    assert!(matches!(ran.code, Some(0 | 3)), "{ran}");
    assert_eq!(stage.in_state("RUNNING"), 2, "{}", stage.describe());
    assert_eq!(stage.processes().len(), 2);
}

#[test]
fn fault_33_failed_start_is_not_reported_as_started() {
    let stage = services::of(2, &[]);
    stage.force("stop --service_name antnode0001").done();
    let start = ["--force_action", "start", "--service_name", "antnode0001"];
    services::spoil(&stage, "no-bus", "all");
    let ran = stage.wnm(&start).code(3).says("connect to bus");
    assert_eq!(
        (&ran.json()["started_count"], &ran.json()["failed_count"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(stage.row(1).status, "STOPPED");
    services::mend(&stage, "no-bus");
    services::spoil(&stage, "not-started", "antnode0001.service");
    stage.wnm(&start).code(3).says("exited with error code");
    assert_eq!(stage.row(1).status, "STOPPED");
    services::mend(&stage, "not-started");
    stage.wnm(&start).done();
    assert!(stage.process(1).is_some());
}

#[test]
fn fault_34_failed_action_gives_exit_code_3() {
    let stage = services::of(1, &["--node_cap", "1"]);
    let order = |words: &[&str]| stage.wnm(&[&["--force_action"], words].concat());
    for words in [
        &["remove", "--count", "0"][..],
        &["add", "--count", "0"],
        &["stop", "--count", "-1"],
    ] {
        let ran = order(words).plain();
        assert!(matches!(ran.code, Some(2 | 3)), "{ran}");
        assert!(ran.stderr.contains("count"), "{ran}");
    }
    for action in ["remove", "stop", "start", "upgrade", "disable", "survey"] {
        let ran = order(&[action, "--service_name", "antnode0009"]).code(3);
        assert!(
            (ran.stderr.clone() + &ran.stdout).contains("antnode0009"),
            "{ran}"
        );
    }
    order(&["remove", "--dry_run", "--service_name", "antnode0009"]).code(3);
    assert_eq!(stage.ids(), [1]);
    services::spoil(&stage, "not-stopped", "all");
    order(&["stop"]).code(3);
    order(&["remove"]).code(3);
    order(&["teardown", "--confirm"]).code(3);
    services::mend(&stage, "not-stopped");
    services::spoil(&stage, "not-started", "all");
    order(&["add"]).code(3);
    order(&["add", "--count", "2"]).code(3);
    stage.install("0.4.18");
    order(&["upgrade"]).code(3);
    order(&["stop"]).done();
    order(&["start"]).code(3);
    assert_eq!(stage.ids(), [1], "{}", stage.describe());
}

#[test]
fn fault_35_setting_applies_in_the_run_that_changes_it_as_in_its_dry_run() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let foreseen = stage.pass(&["--node_cap", "2", "--dry_run"]).done().stdout;
    assert!(foreseen.contains("add node 2"), "{foreseen}");
    assert_eq!(stage.ids(), [1]);
    stage.pass(&["--node_cap", "2"]).done();
    assert_eq!(stage.ids(), [1, 2]);
    assert_eq!(stage.figure("SELECT node_cap FROM machine"), 2);
}

fn forced(words: &[&'static str]) -> Vec<&'static str> {
    [&["--force_action"], words].concat()
}

#[test]
fn fault_36_action_delay_applies_between_all_actions() {
    let pause = Duration::from_millis(700);
    let stage = Stage::running(
        4,
        &[
            "--node_cap",
            "4",
            "--max_concurrent_removals",
            "4",
            "--max_concurrent_operations",
            "4",
            "--max_concurrent_starts",
            "4",
        ],
    );
    let two = ["--service_name", "antnode0003,antnode0004"];
    let delay = ["--this_action_delay", "700"];
    assert!(
        timed(
            &stage,
            &[forced(&["stop"]), two.to_vec(), delay.to_vec()].concat()
        ) >= pause
    );
    let interval = ["--interval", "700", "--this_action_delay", "0"];
    assert!(
        timed(
            &stage,
            &[forced(&["start"]), two.to_vec(), interval.to_vec()].concat()
        ) >= pause
    );
    stage.survey_until_running(4);
    stage.force("update_config --action_delay 700").done();
    assert!(timed(&stage, &["--node_cap", "2"]) >= pause, "planned stops");
    stage.cycle_until("two are left", |stage| stage.rows().len() == 2);
    assert!(timed(&stage, &["--node_cap", "4"]) >= pause, "planned adds");
    assert_eq!(stage.ids(), [1, 2, 3, 4]);
    assert!(timed(&stage, &[forced(&["remove"]), two.to_vec()].concat()) >= pause);
    assert!(timed(&stage, &forced(&["add", "--count", "2"])) >= pause);
    assert_eq!(stage.ids(), [1, 2, 3, 4]);
}

#[test]
fn fault_37_survey_delay_applies_to_forced_surveys() {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let two_gaps = Duration::from_millis(800);
    let survey = ["--force_action", "survey"];
    let this_run = ["--this_survey_delay", "400"];
    assert!(timed(&stage, &[survey, this_run].concat()) >= two_gaps);
    let named = ["--service_name", "antnode0001,antnode0002,antnode0003"];
    assert!(timed(&stage, &[survey, named, this_run].concat()) >= two_gaps);
    assert!(timed(&stage, &this_run) >= two_gaps, "planned");
    assert!(timed(&stage, &[survey, ["--survey_delay", "400"]].concat()) >= two_gaps);
}

/// As documented: RESTARTING uses delay_start, and delay_restart is kept only for anm.
#[test]
fn fault_38_starting_node_uses_delay_start_not_delay_restart() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let set = |start: &str, restart: &str| {
        let delays = ["--delay_start", start, "--delay_restart", restart];
        stage
            .wnm(&[&["--force_action", "update_config"], &delays[..]].concat())
            .done();
        stage.tamper("UPDATE node SET status = 'RESTARTING', timestamp = unixepoch() - 100");
        stage.cycle();
        stage.row(1).status
    };
    assert_eq!(set("300", "0"), "RESTARTING");
    assert_eq!(set("50", "3600"), "RUNNING");
}

#[test]
fn fault_39_start_args_reach_the_node() {
    let stage = services::colony(&["--start_args", "--local --ip 10.0.0.7"]);
    stage.force("add").done();
    stage.wait_for("it runs", |stage| stage.process(1).is_some());
    let words = stage.process(1).expect("it runs").words;
    assert!(
        words
            .windows(3)
            .any(|words| words == ["--local", "--ip", "10.0.0.7"]),
        "{words:?}"
    );
}

/// As documented, crisis_bytes changes no decision; it is only shown.
#[test]
fn fault_40_crisis_bytes_is_shown_and_changes_no_decision() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let crisis = |bytes: &str| {
        let report = ["--report", "machine-metrics", "--json", "--crisis_bytes", bytes];
        stage.wnm(&report).done().json()["node_hd_crisis"].as_i64()
    };
    assert!(crisis("9000000000000000") > Some(100) && crisis("1") == Some(0));
    let before = stage.processes();
    stage.pass(&["--crisis_bytes", "9000000000000000"]).done();
    assert_eq!((stage.processes(), stage.in_state("RUNNING")), (before, 1));
}

#[test]
fn fault_41_every_added_node_is_named() {
    let stage = Stage::colony(&[]);
    let ran = stage.force("add --count 3").done();
    assert_eq!(
        ran.json(),
        json!({
            "status": "added-nodes",
            "added_count": 3,
            "added_nodes": ["antnode0001", "antnode0002", "antnode0003"],
            "failed_count": 0,
            "failed_nodes": null,
        })
    );
}

#[test]
fn fault_42_units_are_quoted_for_systemd() {
    let stage = services::machine();
    let storage = stage.home().join("my nodes 100%");
    let folder = storage.display().to_string();
    stage
        .init(&[
            "--process_manager",
            "systemd+user",
            "--node_storage",
            &folder,
            "--environment",
            r#"A="two words" B='say "hi" for $5' C=plain"#,
        ])
        .done();
    stage.force("add").done();
    let text = fs::read_to_string(services::unit(&stage, 1)).expect("its unit");
    let unit = Unit::read(&text);
    assert_eq!(
        unit.environment,
        [("A", "two words"), ("B", "say \"hi\" for $5"), ("C", "plain")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        "{text}"
    );
    assert_eq!(unit.command[0], format!("{folder}/antnode0001/antnode"));
    assert!(
        text.contains(r#"Environment="A=two words" "B=say \"hi\" for $5" C=plain"#),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "ExecStart=\"{}/antnode0001/antnode\"",
            folder.replace('%', "%%")
        )),
        "{text}"
    );
    let lives = || crate::stage::processes_under(&storage);
    stage.wait_for("it runs where it was told", |_| lives().len() == 1);
    assert_eq!(lives()[0].root, storage.join("antnode0001"));
}

#[test]
fn fault_43_imported_node_keeps_the_mode_of_its_manager() {
    let stage = services::of(1, &[]);
    fs::remove_file(stage.database()).expect("the database is lost");
    let _ = fs::remove_file(stage.base().join("colony.db-wal"));
    let _ = fs::remove_file(stage.base().join("colony.db-shm"));
    stage
        .init(&["--process_manager", "systemd+user", "--import"])
        .done();
    let kinds = "SELECT count(*) FROM node WHERE manager_type = 'systemd+user' AND method = 'systemd+user'";
    assert_eq!(stage.figure(kinds), 1);
    stage.survey();
    assert_eq!(stage.row(1).status, "RUNNING");
    stage.check_consistency(true);
}

#[test]
fn fault_44_row_has_log_dir_and_user() {
    let stage = services::of(1, &[]);
    assert_eq!(stage.row(1).logs, Some(stage.base().join("logs/antnode0001")));
    let user: String = stage
        .look()
        .query_row("SELECT user FROM node", [], |row| row.get(0))
        .expect("a user");
    let mut command = std::process::Command::new("id");
    command.arg("-un");
    assert_eq!(user, Ran::of(command).done().stdout.trim());
}
