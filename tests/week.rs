//! The tasks of an operator's week: each takes at most two commands.

use std::fs;

use serde_json::Value;

use crate::stage::Stage;

/// The most commands that a task may take.
const COMMANDS: usize = 2;

/// Runs the commands of one task, which must succeed; returns what they print.
fn task(stage: &Stage, commands: &[&str]) -> String {
    assert!(commands.len() <= COMMANDS, "{commands:?}");
    let mut printed = String::new();
    for command in commands {
        let words = shell_words::split(command).expect("words");
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let ran = stage.wnm(&words);
        assert_eq!(ran.code, Some(0), "{command}: {ran}");
        printed.push_str(&ran.stdout);
    }
    printed
}

fn crontab(stage: &Stage) -> String {
    fs::read_to_string(stage.home().join("crontab")).unwrap_or_default()
}

/// A colony of three nodes, and a crontab in a file.
fn colony() -> Stage {
    let stage = Stage::running(3, &["--node_cap", "3"]);
    let tool = stage.tools().join("crontab");
    let script = "#!/bin/sh\ncase $1 in -l) cat \"$HOME/crontab\" ;; -) cat >\"$HOME/crontab\" ;; esac\n";
    fs::write(&tool, script).expect("a program");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&tool, mode).expect("it may be run");
    fs::write(stage.home().join("crontab"), "MAILTO=op\n").expect("a crontab");
    stage
}

#[test]
fn looking_takes_one_or_two_commands() {
    let stage = colony();
    // 1 why does it not add nodes?
    assert!(task(&stage, &["wnm plan"]).contains("the colony has 3 nodes, its cap is 3"));
    // 3 which nodes are on the old version?
    stage.tamper(
        "UPDATE node SET version = '0.4.16', mem = 12300, rewards = '1500000000000000000' WHERE id = 2",
    );
    let old = task(&stage, &["wnm status --older_than 0.4.17 --columns id,version"]);
    assert!(old.contains(" 2  0.4.16") && !old.contains(" 1  0.4.17"), "{old}");
    // 6 how much do I earn?
    let earned = task(
        &stage,
        &["wnm status --columns id,rewards", "wnm --report influx-resources"],
    );
    assert!(
        earned.contains("1.500") && earned.contains("nodes_totals rewards="),
        "{earned}"
    );
    // 8 logs of node 2
    let log = task(&stage, &["wnm logs 2 -n 5"]);
    assert!(log.contains("==> ") && log.contains("console.log"), "{log}");
    // 9 which node uses most memory?
    let most = task(&stage, &["wnm status --sort memory --columns id,memory"]);
    assert!(most.lines().nth(2).expect("a row").contains("2  123M"), "{most}");
    // 10 what did it do last night?
    assert!(task(&stage, &["wnm history --since 12h"]).contains("antnode0003"));
    // 14 alert me when nodes are down
    stage.tamper("UPDATE node SET version = '0.4.17'");
    assert!(task(&stage, &["wnm health"]).starts_with("WNM OK - "));
    stage.tamper("UPDATE node SET status = 'STOPPED' WHERE id = 1");
    let ran = stage.wnm(&["health"]).code(1);
    assert!(ran.stdout.contains("1 down (antnode0001)"), "{ran}");
    // 23 JSON for my script
    let rows: Value = serde_json::from_str(&task(&stage, &["wnm status --json"])).expect("JSON");
    assert_eq!(rows.as_array().expect("a list").len(), 3);
}

#[test]
fn acting_takes_one_or_two_commands() {
    let stage = colony();
    // 2 stop these nodes until tomorrow
    task(&stage, &["wnm pause 1-2 --stop --until 'tomorrow 06:00'"]);
    assert_eq!((stage.in_state("DISABLED"), stage.in_state("RUNNING")), (2, 1));
    stage.cycle();
    assert_eq!(stage.in_state("DISABLED"), 2, "the next run does not start them");
    task(&stage, &["wnm resume", "wnm start --state stopped"]);
    stage.survey_until_running(3);
    // 4 change the wallet
    let address = "0x1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";
    let set = format!("wnm config set rewards_address {address}");
    let shown = task(&stage, &[&set, "wnm config get rewards_address"]);
    assert!(shown.to_lowercase().contains(address), "{shown}");
    // 7 restart node 3
    let before = stage.process(3).expect("a process").pid;
    task(&stage, &["wnm restart 3"]);
    stage.wait_for("a new process", |stage| {
        stage.process(3).is_some_and(|process| process.pid != before)
    });
    stage.survey_until_running(3);
    // 12 pause everything for maintenance
    task(&stage, &["wnm pause --stop --until 2h --reason disk"]);
    assert!(stage.processes().is_empty());
    task(&stage, &["wnm resume", "wnm start all"]);
    stage.survey_until_running(3);
    // 25 add more now
    task(&stage, &["wnm config set node_cap 4", "wnm add 1"]);
    stage.survey_until_running(4);
    stage.cycle();
    assert_eq!(stage.ids(), [1, 2, 3, 4], "the next run keeps it");
    // 18 upgrade one node first and see
    stage.install("0.4.18");
    task(&stage, &["wnm config set enable_upgrade off", "wnm upgrade 1"]);
    stage.survey_until_running(4);
    stage.cycle();
    assert_eq!(stage.of_version("0.4.18"), 1);
    // 5 and 20 use another disk for new nodes
    let other = stage.home().join("disk2");
    task(
        &stage,
        &[&format!("wnm config set node_storage {}", other.display())],
    );
    assert_eq!(
        task(&stage, &["wnm config get node_storage"]).trim(),
        other.display().to_string()
    );
    stage.check_consistency(true);
}

#[test]
fn scheduling_and_limits_take_one_or_two_commands() {
    let stage = colony();
    // Let cron run it.
    let installed = task(&stage, &["wnm schedule install cron"]);
    let line = format!("* * * * * {} --quiet", env!("CARGO_BIN_EXE_wnm"));
    assert_eq!(crontab(&stage), format!("MAILTO=op\n{line}\n"), "{installed}");
    stage
        .wnm(&["schedule", "install", "cron"])
        .code(1)
        .says("runs wnm already");
    assert!(
        stage
            .wnm(&["schedule", "status"])
            .stdout
            .contains("the last cycle ended")
    );
    // 11 limit it at night, 21 cap bandwidth: two settings, for two crontab lines
    task(
        &stage,
        &[
            "wnm config set cpu_less_than 20",
            "wnm config set netio_write_remove 5000000",
        ],
    );
    assert_eq!(task(&stage, &["wnm config get cpu_less_than"]).trim(), "20");
    let changed = task(&stage, &["wnm config list --changed"]);
    assert!(changed.contains("cpu_less_than = 20  ('colony.db')"), "{changed}");
    assert!(!changed.contains("crisis_bytes"), "{changed}");
    // 24 uninstall: nothing grows again
    task(&stage, &["wnm schedule remove", "wnm teardown --confirm"]);
    assert_eq!(crontab(&stage), "MAILTO=op\n");
    assert!(stage.ids().is_empty() && stage.processes().is_empty());
}

#[test]
fn settings_are_shown_and_changed_with_their_origin() {
    let stage = colony();
    let get = |name: &str| {
        task(&stage, &[&format!("wnm config get {name}")])
            .trim()
            .to_owned()
    };
    task(&stage, &["wnm config set node_cap=9"]);
    assert_eq!(get("node_cap"), "9");
    let json: Value = serde_json::from_str(&task(&stage, &["wnm config get node_cap --json"])).expect("JSON");
    assert_eq!(json["node_cap"]["source"], "'colony.db'");
    task(&stage, &["wnm config unset node_cap"]);
    assert_eq!(get("node_cap"), "20");
    stage
        .wnm(&["config", "set", "node_cpa", "9"])
        .code(2)
        .says("did you mean 'node_cap'?");
    stage
        .wnm(&["config", "set", "node_cap", "many"])
        .code(2)
        .says("node_cap");
    stage
        .wnm(&["config", "set", "port_start", "60"])
        .code(1)
        .says("port_start");
    stage
        .wnm(&["config", "frobnicate"])
        .code(2)
        .says("needs `get NAME`");
    stage
        .wnm(&["config", "unset", "rewards_address"])
        .code(1)
        .says("has no default");
    fs::create_dir_all(stage.home().join("wnm")).expect("a folder");
    fs::write(stage.home().join("wnm/config"), "node_cap = 7\n").expect("a file");
    stage
        .wnm(&["config", "set", "node_cap", "5"])
        .done()
        .says("is only for this run")
        .says("wnm/config");
    assert_eq!(get("node_cap"), "7");
}

#[test]
fn log_of_a_node_without_one_is_an_error() {
    let stage = colony();
    fs::remove_dir_all(stage.logs()).expect("no logs");
    stage
        .wnm(&["logs", "1"])
        .code(3)
        .says("antnode0001 has no log in");
    stage.wnm(&["logs"]).code(2).says("needs to know which nodes");
}
