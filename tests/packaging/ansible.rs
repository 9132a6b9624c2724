//! The Ansible role: its variables are all settings that a colony stores, and it runs nothing that removes
//! a node. `tests/lab` tests the role itself.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use wnm::settings::table::{Lifetime, ValueType};
use wnm::settings::table::{SETTINGS, Setting};

fn role() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/ansible/roles/wnm")
}

/// The stored settings that an operator may set.
fn kept() -> Vec<&'static Setting> {
    SETTINGS
        .iter()
        .filter(|setting| !matches!(setting.lifetime, Lifetime::Run | Lifetime::Flag))
        .collect()
}

fn kind(takes: &ValueType) -> &'static str {
    match takes {
        ValueType::Switch => "bool",
        // Optional settings are texts.
        ValueType::Whole { or_none: false, .. } | ValueType::Thousands => "int",
        ValueType::Load => "float",
        _ => "str",
    }
}

/// The page with new content between its marks; `UPDATE=1` writes it.
fn generated(path: &str, begin: &str, end: &str, fresh: &str) {
    let path = role().join(path);
    let page = fs::read_to_string(&path).expect("a file of the role");
    let (before, rest) = page.split_once(begin).expect("the first mark");
    let (_, after) = rest.split_once(end).expect("the last mark");
    let fresh = format!("{before}{begin}{fresh}{end}{after}");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, fresh).expect("a file of the role");
    } else {
        assert!(
            page == fresh,
            "{} is not what the table of settings says; UPDATE=1 writes it anew",
            path.display()
        );
    }
}

#[test]
fn variables_of_the_role_are_the_settings() {
    let mut names = String::from("\n");
    let mut options = String::from("\n");
    for setting in kept() {
        writeln!(names, "  - {}", setting.name).expect("a text");
        writeln!(options, "      wnm_{}:", setting.name).expect("a text");
        writeln!(
            options,
            "        description: '{}.'",
            setting.help.replace('\'', "''")
        )
        .expect("a text");
        writeln!(options, "        type: {}", kind(&setting.value_type)).expect("a text");
    }
    generated("vars/main.yml", "__wnm_settings:", "# end\n", &names);
    let mark = "# Every setting that a colony stores; generated from the table of settings.";
    generated("meta/argument_specs.yml", mark, "      # end\n", &options);
}

#[test]
fn role_never_removes_a_node() {
    let mut orders = 0;
    for name in ["main", "install", "colony", "schedule"] {
        let tasks = fs::read_to_string(role().join("tasks").join(format!("{name}.yml"))).expect("tasks");
        for line in tasks.lines().filter(|line| !line.trim_start().starts_with('#')) {
            for word in [
                "confirm",
                "teardown",
                "remove_lockfile",
                "state: absent",
                "rm ",
                "--import",
            ] {
                assert!(!line.contains(word), "{name}: {line}");
            }
            if line.contains("--force_action") {
                assert!(line.contains("'--force_action', 'update_config'"), "{line}");
                orders += 1;
            }
        }
    }
    assert_eq!(orders, 1, "one order");
}

#[test]
fn example_inventory_uses_variables_of_the_role() {
    let shown = role().join("../../inventory.yml");
    let known = fs::read_to_string(role().join("meta/argument_specs.yml")).expect("the variables");
    let inventory = fs::read_to_string(shown).expect("an inventory");
    let named: Vec<&str> = inventory
        .lines()
        .filter_map(|line| line.trim().split_once(':').map(|(name, _)| name))
        .filter(|name| name.starts_with("wnm_"))
        .collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(known.contains(&format!("      {name}:\n")), "{name}");
    }
}
