//! `--doctor`: for a colony with a problem, the responsible check names it and the remedy; for a healthy
//! one, all checks pass. It changes nothing.
//!
//! The checks of systemd, sudo and ufw are tested in `tests/lab`.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wnm::colony::Timestamp;
use wnm::lock::CycleLock;

use crate::stage::{Ran, Stage};

/// A colony of two nodes with a crontab.
fn sound() -> Stage {
    let stage = Stage::running(2, &["--node_cap", "2"]);
    tool(&stage, "crontab", "cat \"$HOME/crontab\"");
    tool(&stage, "timedatectl", "echo yes");
    crontab(&stage, "* * * * * $HOME/.local/bin/wnm --quiet\n");
    let link = stage.home().join(".local/bin/wnm");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wnm"), link).expect("wnm is installed");
    stage.cycle();
    // Leaves room for one more.
    stage.force("nullop --node_cap 3").done();
    stage
}

/// A program in the operator's `~/.local/bin`, written by a separate process so that no forked child has it
/// open.
fn tool(stage: &Stage, name: &str, script: &str) {
    let line = "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"";
    let path = stage.home().join(".local/bin").join(name);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line, "sh"]).arg(path).arg(script);
    assert!(command.status().expect("sh runs").success());
}

fn crontab(stage: &Stage, lines: &str) {
    let text = format!(
        "PATH={}/.local/bin:/usr/bin:/bin\n{lines}",
        stage.home().display()
    );
    fs::write(stage.home().join("crontab"), text).expect("a crontab");
}

fn doctor(stage: &Stage) -> Ran {
    stage.wnm(&["--doctor", "--json"]).plain()
}

/// One check of a report: its verdict, the finding and the remedy.
fn check(ran: &Ran, name: &str) -> (String, String, String) {
    let json = ran.json();
    let all = json["checks"].as_array().expect("a list of checks");
    let one = all.iter().find(|check| check["check"] == name);
    let one = one.unwrap_or_else(|| panic!("no check `{name}` in {ran}"));
    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("what"), text("todo"))
}

/// This check must fail with these words, and no other; the exit code is 1.
fn blames(stage: &Stage, name: &str, found: &str, todo: &str) {
    let ran = doctor(stage).code(1);
    let (verdict, what, advice) = check(&ran, name);
    assert_eq!(verdict, "failed", "{ran}");
    assert!(what.contains(found), "`{found}` in {ran}");
    assert!(advice.contains(todo), "`{todo}` in {ran}");
    let json = ran.json();
    let failed = json["checks"].as_array().expect("checks").iter();
    let failed: Vec<&Value> = failed.filter(|check| check["verdict"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{ran}");
}

#[test]
fn healthy_colony_passes_all_checks_unchanged() {
    let stage = sound();
    let before = stage.tree();
    let ran = doctor(&stage).done();
    assert_eq!(ran.json()["healthy"], true);
    for name in [
        "database",
        "settings",
        "antnode",
        "manager",
        "lingering",
        "sudo",
        "ports",
        "storage",
        "clock",
        "lock",
        "schedule",
        "cycle",
    ] {
        assert_eq!(check(&ran, name).0, "ok", "{name}: {ran}");
    }
    assert!(check(&ran, "storage").1.contains(", for one more node"), "{ran}");
    let text = stage.wnm(&["--doctor"]).done().plain();
    assert!(text.stdout.contains("\nok       antnode    `"), "{text}");
    assert!(text.stdout.trim_end().ends_with(" 0 failed"), "{text}");
    assert_eq!(stage.tree(), before, "it changed nothing");
}

#[test]
fn without_a_colony_it_checks_what_init_would_need() {
    let stage = Stage::new();
    let before = stage.tree();
    let ran = stage
        .wnm(&["--doctor", "--json", "--process_manager", "setsid+user"])
        .code(1);
    let (verdict, _, todo) = check(&ran, "database");
    assert_eq!(
        (verdict.as_str(), todo.contains("wnm --init")),
        ("failed", true),
        "{ran}"
    );
    for name in ["antnode", "manager", "storage"] {
        assert_eq!(check(&ran, name).0, "ok", "{ran}");
    }
    assert_eq!(stage.tree(), before, "it made nothing");
}

#[test]
fn antnode_that_only_the_operators_shell_finds_is_a_failure() {
    let stage = sound();
    let elsewhere = stage.home().join("antnode");
    fs::rename(stage.home().join(".local/bin/antnode"), &elsewhere).expect("it moves");
    blames(&stage, "antnode", "cannot find `antnode`", "--antnode_path FILE");
    let tools = stage.home().join("tools");
    fs::create_dir(&tools).expect("a folder");
    fs::rename(&elsewhere, tools.join("antnode")).expect("it moves");
    let path = format!(
        "{}:{}/.local/bin:/usr/bin:/bin",
        tools.display(),
        stage.home().display()
    );
    let ran = stage
        .wnm_with(&[("PATH", &path)], &["--doctor", "--json"])
        .code(1);
    let (verdict, what, todo) = check(&ran, "antnode");
    assert_eq!(verdict, "failed");
    assert!(
        what.contains("is on your PATH, but not on the PATH of the scheduled runs"),
        "{ran}"
    );
    assert_eq!(todo, format!("wnm --antnode_path {}/antnode", tools.display()));
}

#[test]
fn antnode_that_does_not_run_is_a_failure() {
    let stage = sound();
    tool(&stage, "antnode", "echo 'wrong libc' >&2; exit 1");
    blames(&stage, "antnode", "wrong libc", "runs on this machine");
}

#[test]
fn ports_of_other_programs_are_named() {
    let stage = sound();
    let port = stage.row(2).port + 1;
    let _taken = UdpSocket::bind(("0.0.0.0", port)).expect("it is free");
    let ran = doctor(&stage).done();
    let (verdict, what, _) = check(&ran, "ports");
    let name = fs::read_to_string("/proc/self/comm").expect("the name of this process");
    let user = format!("`{}` (PID {})", name.trim_end(), std::process::id());
    assert_eq!(
        (verdict.as_str(), what),
        (
            "warning",
            format!("another program uses port {port} (used by {user})")
        ),
        "{ran}"
    );
}

#[test]
fn missing_disk_and_empty_disk_are_failures() {
    let stage = sound();
    let aside = stage.base().join("aside");
    fs::rename(stage.storage(), &aside).expect("the disk goes");
    blames(&stage, "storage", "does not exist", "findmnt");
    fs::create_dir(stage.storage()).expect("only its mount point is left");
    blames(
        &stage,
        "storage",
        "2 of 2 nodes have no data directory",
        "findmnt",
    );
    fs::remove_dir(stage.storage()).expect("it is empty");
    fs::rename(&aside, stage.storage()).expect("the disk comes back");
    doctor(&stage).done();
}

#[test]
fn disk_without_room_for_future_nodes_is_reported_in_advance() {
    let stage = sound();
    let store = stage.root(1).join("record_store");
    fs::create_dir_all(&store).expect("a store of records");
    fs::write(store.join("record"), vec![0; 4096]).expect("a record");
    stage.tamper("UPDATE node SET records = 16384 WHERE id = 1");
    assert_eq!(
        check(&doctor(&stage).done(), "storage").0,
        "ok",
        "64 MB are there"
    );
    stage.tamper("UPDATE node SET records = 1000000000000 WHERE id = 1");
    let (verdict, what, todo) = check(&doctor(&stage).done(), "storage");
    assert_eq!(verdict, "warning", "{what}");
    assert!(
        what.contains("but one of the 2 nodes already uses ") && todo.contains("--node_cap"),
        "{what}"
    );
}

#[test]
fn unusable_database_is_a_failure_and_the_other_checks_still_run() {
    let stage = sound();
    stage.tamper("UPDATE refinery_schema_history SET version = version + 90");
    let ran = doctor(&stage).code(1);
    let (verdict, what, todo) = check(&ran, "database");
    assert_eq!(verdict, "failed");
    assert!(
        what.contains("newer wnm") && todo.contains("the wnm that migrated it"),
        "{ran}"
    );
    assert_eq!(check(&ran, "antnode").0, "ok", "{ran}");
    fs::write(
        stage.database(),
        "no database at all, and longer than twenty bytes",
    )
    .expect("it is overwritten");
    // Nothing of the database is left, not even its process manager.
    let ran = stage
        .wnm(&["--doctor", "--json", "--process_manager", "setsid+user"])
        .code(1);
    let (verdict, what, todo) = check(&ran, "database");
    assert_eq!(verdict, "failed");
    assert!(
        what.contains("not an SQLite database") && todo.contains("backup"),
        "{ran}"
    );
}

#[test]
fn damage_inside_the_database_is_found() {
    let stage = sound();
    stage.tamper("PRAGMA journal_mode = DELETE");
    let mut bytes = fs::read(stage.database()).expect("the database");
    let size = bytes.len();
    // Overwrites the second half except the last page, so that the file keeps its length.
    bytes[size / 2..size - 4096].fill(0x55);
    fs::write(stage.database(), bytes).expect("it is damaged");
    let ran = doctor(&stage).code(1);
    assert_eq!(check(&ran, "database").0, "failed", "{ran}");
}

#[test]
fn running_wnm_is_ok_and_a_hanging_one_is_a_failure() {
    let stage = sound();
    let path = stage.base().join("wnm_active");
    let now = wnm::clock::Clock::now(&wnm::clock::RealClock);
    // A child forked by another test holds all open files, also the lock, until its exec.
    let take = |since: Timestamp| loop {
        match CycleLock::take(&path, since) {
            Err(wnm::lock::LockError::Held) => std::thread::sleep(Duration::from_millis(5)),
            taken => break taken.expect("the lock"),
        }
    };
    let lock = take(now);
    let (verdict, what, _) = check(&doctor(&stage).done(), "lock");
    assert_eq!(verdict, "ok");
    assert!(
        what.contains(&format!("held by run {}", std::process::id())),
        "{what}"
    );
    drop(lock);
    let _lock = take(Timestamp(now.0 - 7200));
    blames(&stage, "lock", " for 2 h: all other runs exit", "kill");
}

#[test]
fn colony_without_a_schedule_is_reported() {
    let stage = sound();
    crontab(&stage, "# * * * * * wnm\n");
    blames(
        &stage,
        "schedule",
        "neither cron nor a timer runs wnm",
        "crontab -e",
    );
    crontab(&stage, "* * * * * $HOME/bin/wnm\n");
    blames(
        &stage,
        "schedule",
        "which is not found on its PATH",
        "the full path",
    );
    crontab(&stage, "PATH=$HOME/.local/bin:/bin\n* * * * * wnm\n");
    let (verdict, what, _) = check(&doctor(&stage).code(1), "schedule");
    assert_eq!(verdict, "failed");
    assert!(what.contains("does not expand `$`"), "{what}");
    crontab(&stage, "0 * * * * wnm\n");
    assert_eq!(check(&doctor(&stage).done(), "schedule").0, "warning");
    crontab(&stage, "* * * * * wnm\n* * * * * wnm -q\n");
    assert_eq!(check(&doctor(&stage).done(), "schedule").0, "warning");
}

#[test]
fn cycles_that_ended_long_ago_are_a_failure() {
    let stage = sound();
    stage.tamper("UPDATE sample SET at = unixepoch() - 10000");
    blames(&stage, "cycle", "the last cycle ended 2 h ago", "by hand");
    stage.tamper("DELETE FROM sample");
    blames(&stage, "cycle", "no cycle has ended yet", "by hand");
}

#[test]
fn clock_set_back_is_a_failure_and_a_doubtful_one_a_warning() {
    let stage = sound();
    tool(&stage, "timedatectl", "echo no");
    let (verdict, _, todo) = check(&doctor(&stage).done(), "clock");
    assert_eq!(
        (verdict.as_str(), todo.as_str()),
        ("warning", "timedatectl set-ntp true")
    );
    stage.tamper("UPDATE sample SET at = unixepoch() + 10000");
    blames(&stage, "clock", "the clock was set back", "timedatectl");
}

#[test]
fn unsupported_report_formats_are_rejected() {
    let stage = Stage::new();
    let ran = stage
        .wnm(&["--doctor", "--report_format", "env"])
        .code(2)
        .complains();
    ran.says("`--doctor` has no format `env`").prints_nothing();
}
