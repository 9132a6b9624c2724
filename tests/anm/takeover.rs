//! Taking over a server from anm, and returning it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};
use wnm::colony::NodeId;
use wnm::commands::init::anm::take_over;
use wnm::error::ExitError;
use wnm::lock::CycleLock;
use wnm::store::Store;
use wnm::takeover::anm::paths;

use super::{compare_rows, expected};
use crate::stage::Stage;
use crate::stage::anm::{Machine, NOW};

/// Takes the server over with these flags.
pub fn take(machine: &Machine, flags: &[(&str, &str)]) -> Result<String, ExitError> {
    patiently(|| take_over(&machine.session(flags), &machine.server()))
}

/// A child forked by another test can hold the lock of this process for a moment.
pub fn patiently(call: impl Fn() -> Result<String, ExitError>) -> Result<String, ExitError> {
    for _ in 0..50 {
        match call() {
            Err(error) if error.to_string().contains("still running") => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            ended => return ended,
        }
    }
    call()
}

pub fn colony(machine: &Machine) -> Store {
    Store::open_read_only(&machine.path("/var/antctl/colony.db")).unwrap()
}

/// The only backup.
fn backup(machine: &Machine) -> PathBuf {
    let mut all = backups(machine);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub fn backups(machine: &Machine) -> Vec<PathBuf> {
    let folder = fs::read_dir(machine.path(paths::KEPT))
        .into_iter()
        .flatten()
        .flatten();
    let mut all: Vec<PathBuf> = folder
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

/// The server without the files that a takeover may change, and without the times of their folders.
pub fn kept(machine: &Machine) -> Vec<String> {
    let changed = [
        "./etc/cron.d",
        "./var/antctl/block",
        "./var/antctl/colony.db",
        "./var/antctl/wnm_active",
        "./var/lib/wnm",
    ];
    let folders = ["./var", "./var/antctl", "./var/lib", "."];
    let mut tree = machine.tree();
    tree.retain(|line| {
        let name = line
            .split_whitespace()
            .find(|word| word.starts_with('.'))
            .unwrap_or_default();
        !changed.iter().any(|path| name.starts_with(path)) && !folders.contains(&name)
    });
    assert!(tree.len() > 30, "{tree:?}");
    tree
}

/// Asserts that two trees are equal.
pub fn same(before: &[String], after: &[String]) {
    let less = |some: &[String], others: &[String]| -> Vec<String> {
        some.iter()
            .filter(|line| !others.contains(line))
            .cloned()
            .collect()
    };
    assert_eq!(
        (less(before, after), less(after, before)),
        (Vec::new(), Vec::new())
    );
}

/// Compares the settings of the colony with the expected ones.
fn compare_machine(store: &Store, expected: &Map<String, Value>) {
    let said: BTreeMap<String, Option<String>> = store.stored_settings().unwrap().into_iter().collect();
    let boot = store.facts().unwrap().boot_time.unwrap();
    let cpus = std::thread::available_parallelism().unwrap().get();
    for (name, value) in expected {
        let has = said.get(name).unwrap_or_else(|| panic!("no column {name}"));
        let wanted = match value {
            Value::Null => None,
            Value::String(rule) if rule == "@wnm_default" => continue,
            Value::String(rule) if rule == "@live_cpu_count" => Some(cpus.to_string()),
            Value::String(rule) if rule == "@boot_time" => Some(boot.to_string()),
            Value::String(text) => Some(text.clone()),
            Value::Bool(on) => Some(i64::from(*on).to_string()),
            number => Some(number.to_string().trim_end_matches(".0").to_owned()),
        };
        let has = has.as_ref().map(|text| text.trim_end_matches(".0").to_owned());
        assert_eq!(has, wanted, "{name}");
    }
}

/// Compares every column of every row with the expected value.
fn compare_columns(machine: &Machine, expected: &[Value]) {
    let database = rusqlite::Connection::open(machine.path("/var/antctl/colony.db")).unwrap();
    for node in expected {
        let service = node["service"].as_str().unwrap();
        for (column, wanted) in node.as_object().unwrap() {
            let sql = format!("SELECT {column} FROM node WHERE service = ?1");
            let has: rusqlite::types::Value = database.query_row(&sql, [service], |row| row.get(0)).unwrap();
            use rusqlite::types::Value as Cell;
            let has = match has {
                Cell::Null => Value::Null,
                Cell::Integer(number) => number.into(),
                Cell::Text(text) => text.into(),
                other => panic!("{service} {column}: {other:?}"),
            };
            let is_rule = wanted.as_str().is_some_and(|text| text.starts_with('@'));
            assert!(
                is_rule || has == *wanted,
                "{service} {column}: {has}, and not {wanted}"
            );
        }
    }
}

/// Checks a server that was taken over from the state `before`.
fn check_silenced(machine: &Machine, cron: Option<&str>) {
    assert!(!machine.path(paths::CRON).exists());
    let backup = backup(machine);
    let kept = fs::read_to_string(backup.join("files/etc/cron.d/anm")).ok();
    assert_eq!(kept.as_deref(), cron);
    let block = fs::read_to_string(machine.path(paths::BLOCK)).unwrap();
    let name = backup.file_name().unwrap().to_str().unwrap();
    assert!(block.contains("wnm") && block.contains(name), "{block}");
    let schedule = fs::read_to_string(machine.path("/etc/cron.d/wnm")).unwrap();
    assert!(
        schedule.contains("weave") && schedule.contains("--dbpath /var/antctl/colony.db"),
        "{schedule}"
    );
}

#[test]
fn takeover_of_the_whole_server_is_as_expected_and_touches_no_node() {
    let machine = Machine::new(None);
    let before = kept(&machine);
    let cron = fs::read_to_string(machine.path(paths::CRON)).unwrap();
    let report = take(&machine, &[]).unwrap();
    let (store, expected) = (colony(&machine), expected());
    let nodes = store.nodes().unwrap();
    assert_eq!(nodes.len(), expected["nodes"].as_array().unwrap().len());
    compare_rows(&nodes, expected["nodes"].as_array().unwrap());
    compare_columns(&machine, expected["nodes"].as_array().unwrap());
    compare_machine(&store, expected["machine"].as_object().unwrap());
    check_silenced(&machine, Some(&cron));
    same(&before, &kept(&machine));
    let takeover = store.takeover().unwrap().unwrap();
    assert_eq!((takeover.at.since(NOW) > 0, takeover.is_confirmed), (true, false));
    for words in [
        "14 nodes (10 RUNNING, 3 STOPPED, 1 DISABLED)",
        "delay_start = 240 (DelayStart=4, `/var/antctl/config` line",
        "data-dir-missing antnode0009",
        "anm ran antup daily at",
        "wnm --rollback_anm",
        "--force_action disable",
        "antnode0014",
    ] {
        assert!(report.contains(words), "{words}:\n{report}");
    }
    let name = backup(&machine)
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    assert!(report.contains(&name), "{report}");
}

#[test]
fn takeover_of_each_variant_gives_the_expected_differences() {
    let expected = expected();
    for (name, variant) in expected["variants"].as_object().unwrap() {
        let machine = Machine::new(Some(name));
        match variant["outcome"].as_str() {
            Some("refuse") => {
                let before = machine.tree();
                let error = take(&machine, &[]).unwrap_err();
                assert_eq!(error.kind.code(), 1, "{error}");
                same(&before, &machine.tree());
                continue;
            }
            Some("wait") => continue,
            _ => {}
        }
        let before = kept(&machine);
        let cron = fs::read_to_string(machine.path(paths::CRON)).unwrap();
        take(&machine, &[]).unwrap();
        let store = colony(&machine);
        let mut rows: Vec<Value> = expected["nodes"].as_array().unwrap().clone();
        rows.extend(variant["nodes_added"].as_array().into_iter().flatten().cloned());
        let nodes = store.nodes().unwrap();
        assert_eq!(nodes.len(), rows.len(), "{name}");
        compare_rows(&nodes, &rows);
        compare_columns(&machine, &rows);
        let mut settings = expected["machine"].as_object().unwrap().clone();
        settings.extend(variant["machine"].as_object().cloned().unwrap_or_default());
        compare_machine(&store, &settings);
        check_silenced(&machine, Some(&cron));
        same(&before, &kept(&machine));
    }
}

/// The first ids that new nodes may get, given the rows and the reserved ids.
fn free(store: &Store, count: usize) -> Vec<u64> {
    let rows: BTreeSet<NodeId> = store.nodes().unwrap().iter().map(|node| node.id).collect();
    let reserved = store.reserved().unwrap();
    (1..)
        .filter(|id| !rows.contains(&NodeId(*id)) && !reserved.ids.contains(&NodeId(*id)))
        .map(u64::from)
        .take(count)
        .collect()
}

#[test]
fn ids_with_leftover_data_or_of_other_managers_are_not_given_to_new_nodes() {
    let expected = expected();
    let holes = |value: &Value| -> Vec<u64> {
        value
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .collect()
    };
    for (variant, free_ones) in [
        (None, holes(&expected["holes_free_for_new_nodes"])),
        (
            Some("octal-bug"),
            holes(&expected["variants"]["octal-bug"]["holes_free_for_new_nodes"]),
        ),
    ] {
        let machine = Machine::new(variant);
        take(&machine, &[]).unwrap();
        assert_eq!(free(&colony(&machine), free_ones.len()), free_ones, "{variant:?}");
    }
    let machine = Machine::new(Some("antctl-mixed"));
    take(&machine, &[]).unwrap();
    let store = colony(&machine);
    let first = expected["variants"]["antctl-mixed"]["first_new_node"]["id"]
        .as_u64()
        .unwrap();
    assert_eq!(free(&store, 1), [first]);
    let unit = fs::read_to_string(machine.path("/etc/systemd/system/antnode4.service")).unwrap();
    for port in store.reserved().unwrap().ports {
        assert!(unit.contains(&port.to_string()), "{port} in {unit}");
    }
    assert_eq!(
        store.reserved().unwrap().ports.len(),
        3,
        "its own, that of its metrics and that of antctl's words"
    );
}

#[test]
fn dry_run_prints_the_plan_and_changes_nothing() {
    let variants = expected()["variants"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect::<Vec<_>>();
    for variant in std::iter::once(None).chain(variants.iter().map(|name| Some(name.as_str()))) {
        let machine = Machine::new(variant);
        let before = machine.tree();
        let told = take(&machine, &[("dry_run", "true")]);
        same(&before, &machine.tree());
        let Ok(told) = told else {
            assert!(
                matches!(variant, Some("config-gone" | "nuke-action")),
                "{variant:?}: {told:?}"
            );
            continue;
        };
        for words in [
            "would take over",
            "NodeCap=",
            "steps, without restarting",
            "1. copy",
            "7. let cron run",
            "antnode0012",
        ] {
            assert!(told.contains(words), "{words}:\n{told}");
        }
    }
}

#[test]
fn ntracking_output_for_imported_nodes_equals_that_of_its_own_collector() {
    let machine = Machine::new(None);
    take(&machine, &[]).unwrap();
    let database = machine.path("/var/antctl/colony.db");
    let ran = Stage::new().wnm(&[
        "--dbpath",
        database.to_str().unwrap(),
        "--report",
        "influx-resources",
        "--report_format",
        "ntracking",
    ]);
    let told = ran.code(0).stdout;
    let stamp = told
        .lines()
        .next()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    assert!(stamp.ends_with("0000000000"), "{stamp}");
    let told: BTreeSet<String> = told.lines().map(|line| line.replace(&stamp, "@ts")).collect();
    for line in include_str!("expected_influx.txt").lines() {
        assert!(told.contains(line), "{line}\n{told:#?}");
    }
    let nodes = told.iter().filter(|line| line.starts_with("nodes,id="));
    assert_eq!(nodes.count(), 14);
}

#[test]
fn second_of_two_simultaneous_takeovers_is_rejected() {
    let machine = Machine::new(None);
    let session = machine.session(&[]);
    let _other = CycleLock::take(&session.place.lock_path, NOW).unwrap();
    let before = machine.tree();
    let error = take_over(&session, &machine.server()).unwrap_err();
    assert!(error.to_string().contains("still running"), "{error}");
    same(&before, &machine.tree());
}
