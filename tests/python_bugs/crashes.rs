//! Crashes of the Python wnm.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use crate::stage::{Ran, Stage};

/// A home with this database of the Python wnm.
fn adopted(dump: &str) -> Stage {
    let stage = Stage::new();
    fs::create_dir_all(stage.base()).expect("the colony's folder");
    Connection::open(stage.database())
        .and_then(|database| database.execute_batch(dump))
        .expect("an old database");
    stage
}

const OLD: &str = include_str!("../databases/eeec2af7114c_nov6.sql");
const MIGRATE: [&str; 3] = ["--force_action", "wnm-db-migration", "--confirm"];

/// A rejected setting: exit code 2, and a short error that names the setting and the value.
fn refused(ran: Ran, setting: &str, value: &str) {
    let ran = ran.code(2).complains().prints_nothing();
    assert!(
        ran.stderr.contains(setting) && ran.stderr.contains(value),
        "`{setting}` and `{value}` in {ran}"
    );
}

#[test]
fn fault_09_setsid_adds_nodes_planned_and_forced() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    stage.cycle();
    stage.cycle_until("the planned node runs", |stage| stage.in_state("RUNNING") == 1);
    let ran = stage.force("add").done();
    assert_eq!(ran.json()["status"], "added-node");
    assert_eq!(stage.processes().len(), 2);
    let ran = stage.force("stop --service_name antnode0001").done();
    assert_eq!(ran.json()["stopped_count"], 1);
    assert!(stage.process(1).is_none());
    assert_eq!(stage.row(1).status, "STOPPED");
    stage.check_consistency(false);
}

#[test]
fn fault_10_upgrades_planned_forced_and_on_start() {
    let stage = Stage::running(3, &["--node_cap", "3", "--delay_upgrade", "300"]);
    let identities = [1, 2, 3].map(|id| stage.identity(id));
    stage.force("stop --service_name antnode0002").done();
    stage.install("0.4.18");
    let ran = stage.force("upgrade --service_name antnode0003").done();
    assert_eq!(ran.json()["upgraded_nodes"][0], "antnode0003");
    let ran = stage.force("start").done();
    assert_eq!(ran.json()["status"], "upgrading-node", "{ran}");
    stage.tamper("UPDATE node SET timestamp = timestamp - 301 WHERE status = 'UPGRADING'");
    stage.cycle();
    assert_eq!(stage.row(1).status, "UPGRADING", "{}", stage.describe());
    stage.wait_for("all three have started", |stage| stage.processes().len() == 3);
    stage.tamper("UPDATE node SET timestamp = timestamp - 301 WHERE status = 'UPGRADING'");
    stage.survey();
    assert_eq!((stage.in_state("RUNNING"), stage.of_version("0.4.18")), (3, 3));
    assert_eq!([1, 2, 3].map(|id| stage.identity(id)), identities);
    stage.check_consistency(true);
}

#[test]
fn fault_11_needs_only_the_binary_installed() {
    let stage = Stage::new();
    let alone = stage.home().join("alone/wnm");
    fs::create_dir_all(alone.parent().expect("a folder")).expect("an empty folder");
    fs::copy(env!("CARGO_BIN_EXE_wnm"), &alone).expect("the program, and nothing beside it");
    for words in [
        &[
            "--init",
            "--rewards_address",
            "faucet",
            "--process_manager",
            "setsid+user",
        ][..],
        &["--report", "machine-config"],
        &["--force_action", "survey"],
    ] {
        let mut command = std::process::Command::new(&alone);
        command
            .args(words)
            .env_clear()
            .env("HOME", stage.home())
            .current_dir("/");
        Ran::of(command).done();
    }
}

#[test]
fn fault_12_uses_databases_older_than_antctl_debug_after_migration() {
    let stage = adopted(OLD);
    stage
        .wnm(&["--report", "node-status"])
        .code(1)
        .says("wnm-db-migration");
    stage.wnm(&MIGRATE).done();
    for column in [
        "machine WHERE antctl_debug IS NULL",
        "node WHERE rpc_port IS NULL",
    ] {
        assert_eq!(stage.figure(&format!("SELECT count(*) FROM {column}")), 0);
    }
    stage.wnm(&["--report", "node-status"]).done();
    stage.wnm(&["--report", "machine-config"]).done();
    // Its nodes were in another place: wnm reports that and leaves them alone.
    let nodes = stage.figure("SELECT count(*) FROM node");
    let ran = stage.wnm(&[]).plain();
    assert!(matches!(ran.code, Some(0 | 4)), "{ran}");
    assert_eq!(stage.figure("SELECT count(*) FROM node"), nodes);
}

#[test]
fn fault_13_migration_works_with_settings_from_environment_and_file() {
    let stage = adopted(OLD);
    fs::create_dir_all(stage.home().join(".local/share/wnm")).expect("the folder of settings");
    fs::write(stage.home().join(".local/share/wnm/config"), "cpu_less_than=40\n").expect("a config file");
    stage.wnm_with(&[("NODE_CAP", "7")], &MIGRATE).done();
    stage
        .wnm_with(
            &[("NODE_CAP", "7")],
            &["--force_action", "update_config", "--confirm"],
        )
        .done();
    assert_eq!(stage.figure("SELECT node_cap FROM machine"), 7);
    assert_eq!(stage.figure("SELECT cpu_less_than FROM machine"), 40);
}

#[test]
fn fault_14_recognizes_a_database_without_revision_by_its_tables() {
    let newer = adopted(include_str!("../databases/no_alembic_version.sql"));
    newer.wnm(&["--report", "node-status"]).code(1).complains();
    newer.wnm(&MIGRATE).done();
    newer.wnm(&["--report", "node-status"]).done();

    // Old tables without rows do not show which version made them.
    let empty = adopted(OLD);
    empty.tamper("DELETE FROM node; DELETE FROM container; DELETE FROM machine; DROP TABLE alembic_version;");
    let ours = [("PROCESS_MANAGER", "setsid+user")];
    let report = ["--report", "node-status"];
    empty.wnm_with(&ours, &report).code(1).complains();
    empty.wnm_with(&ours, &MIGRATE).done();
    let ran = empty.wnm_with(&ours, &report).code(1).complains();
    assert!(ran.stderr.contains("--init"), "{ran}");
    empty.init(&[]).done();
    empty.wnm(&["--report", "machine-config"]).done();
}

#[test]
fn fault_15_invalid_rewards_address_is_rejected_and_changes_nothing() {
    let stage = Stage::colony(&[]);
    let ran = stage.wnm(&["--rewards_address", "0x12"]);
    refused(ran, "rewards_address", "0x12");
    stage.cycle();
}

#[test]
fn fault_16_removal_limit_of_zero_causes_no_division_by_zero() {
    let stage = Stage::colony(&[]);
    refused(stage.wnm(&["--hd_remove", "0"]), "hd_remove", "0");
    refused(
        Stage::new().init(&["--hd_remove", "0", "--hd_less_than", "0"]),
        "hd_remove",
        "0",
    );
    // The Python wnm accepted it.
    stage.tamper("UPDATE machine SET hd_remove = 0");
    for words in [
        &[][..],
        &["--report", "machine-metrics"],
        &["--report", "node-status"],
    ] {
        let ran = stage.pass(words).plain();
        assert!(
            ran.code == Some(0) || ran.stderr.contains("hd_remove"),
            "it works, or says what is wrong: {ran}"
        );
    }
    stage.wnm(&["--hd_remove", "100"]).done();
}

#[test]
fn fault_17_invalid_number_gives_an_error_without_a_trace() {
    let stage = Stage::colony(&[]);
    let before = stage.wnm(&["--report", "machine-config"]).done().stdout;
    for (setting, value) in [
        ("node_cap", "many"),
        ("node_cap", "2.5"),
        ("max_load_average_allowed", "NaN"),
        ("desired_load_average", "inf"),
        ("crisis_bytes", "18446744073709551616"),
        ("delay_start", "1e3"),
    ] {
        let flag = format!("--{setting}={value}");
        refused(stage.wnm(&[&flag]), setting, value);
        let fresh = Stage::new();
        refused(fresh.init(&[&flag]), setting, value);
        assert!(!fresh.database().exists());
    }
    assert_eq!(stage.wnm(&["--report", "machine-config"]).done().stdout, before);
}

#[test]
fn fault_18_first_node_without_a_version_blocks_nothing() {
    for nothing in ["NULL", "''"] {
        let stage = Stage::running(2, &["--node_cap", "2"]);
        // It does not answer and its binary is missing, so its version is unknown.
        stage.set_fault(1, "mute");
        fs::remove_file(stage.root(1).join("antnode")).expect("it was there");
        stage.tamper(&format!("UPDATE node SET version = {nothing} WHERE id = 1"));
        stage.install("0.4.18");
        stage.pass(&[]).done().plain();
        assert_eq!(
            stage.row(2).version.as_deref(),
            Some("0.4.18"),
            "{}",
            stage.describe()
        );
    }
}

#[test]
fn fault_19_failing_antnode_is_not_version_zero() {
    let stage = Stage::running(1, &["--node_cap", "2"]);
    let before = stage.processes();
    let place = stage.home().join(".local/bin/antnode");
    for script in ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho 0\n", "no program"] {
        fs::remove_file(&place).expect("it was there");
        fs::write(&place, script).expect("a broken antnode");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).expect("it may be run");
        let ran = stage.pass(&[]).done().plain();
        assert!(ran.stderr.contains("antnode"), "it is told: {ran}");
        assert_eq!(stage.processes(), before);
        assert_eq!(stage.row(1).version.as_deref(), Some("0.4.17"));
        stage.wnm(&["--dry_run"]).done();
        stage.wnm(&["--report", "machine-metrics"]).done();
    }
}

#[test]
fn fault_20_output_of_settings_reports_can_be_read_back() {
    let stage = Stage::colony(&["--environment", "A=1 B='two words'", "--start_args", "--first"]);
    let report = |format: &str| {
        let ran = stage.wnm(&["--report", "machine-config", "--report_format", format]);
        ran.done().stdout
    };
    let row = |stage: &Stage| {
        let ran = stage.wnm(&["--report", "machine-config", "--json"]);
        ran.done().stdout
    };
    let before = row(&stage);
    let file = stage.home().join("all.conf");
    fs::write(&file, report("config")).expect("a config file");
    let file = file.display().to_string();
    stage.wnm(&["-c", &file, "--report", "machine-config"]).done();
    stage
        .wnm(&["-c", &file, "--force_action", "update_config"])
        .done();
    assert_eq!(row(&stage), before, "it changes nothing");

    let script = stage.home().join("all.sh");
    let text = format!(
        "set -a\n{}\nexec \"$WNM\" --force_action update_config\n",
        report("env")
    );
    fs::write(&script, text).expect("a script");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.arg(&script).env_clear().env("HOME", stage.home());
    shell.env("PATH", "/usr/bin:/bin");
    shell.env("WNM", env!("CARGO_BIN_EXE_wnm"));
    Ran::of(shell).done();
    assert_eq!(row(&stage), before, "nor does it as environment");
}

#[test]
fn fault_21_invalid_log_level_is_rejected() {
    let stage = Stage::colony(&[]);
    for level in ["BASIC_FORMAT", "BOGUS"] {
        refused(
            stage.wnm(&["--loglevel", level, "--report", "node-status"]),
            "loglevel",
            level,
        );
    }
    stage
        .wnm(&["--loglevel", "warning", "--report", "node-status"])
        .done();
}
