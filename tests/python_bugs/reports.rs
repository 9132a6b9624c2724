//! Reports of the Python wnm.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Ran, Stage};

fn report(stage: &Stage, words: &[&str]) -> Ran {
    stage.wnm(&[&["--report"], words].concat()).done().plain()
}

/// The value after `name: ` in a report of one node.
fn line(ran: &Ran, name: &str) -> String {
    ran.stdout
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")))
        .unwrap_or_else(|| panic!("`{name}` in {ran}"))
        .to_owned()
}

#[test]
fn fault_55_bin_path_is_the_path_of_the_binary() {
    let stage = Stage::running(1, &[]);
    let ran = report(&stage, &["node-status-details"]);
    assert_eq!(
        line(&ran, "Bin Path"),
        stage.root(1).join("antnode").display().to_string()
    );
}

#[test]
fn fault_56_age_is_an_age() {
    let stage = Stage::running(1, &[]);
    stage.tamper("UPDATE node SET age = unixepoch() - 5000");
    let age = line(&report(&stage, &["node-status-details"]), "Age");
    let seconds: i64 = age
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number of seconds");
    assert!((5000..5100).contains(&seconds), "{age}");
}

#[test]
fn fault_57_log_path_is_the_folder_of_the_logs() {
    let stage = Stage::running(1, &[]);
    let logs = stage.base().join("logs/antnode0001").display().to_string();
    assert_eq!(line(&report(&stage, &["node-status-details"]), "Log path"), logs);
    stage.tamper("UPDATE node SET log_dir = '/srv/logs/one'");
    assert_eq!(
        line(&report(&stage, &["node-status-details"]), "Log path"),
        "/srv/logs/one"
    );
}

#[test]
fn fault_58_no_value_is_null_instead_of_a_word() {
    let stage = Stage::running(1, &[]);
    stage.tamper("UPDATE node SET version = NULL, wallet = NULL, peer_id = NULL, environment = NULL");
    let details = report(&stage, &["node-status-details", "--json"]).json();
    for key in ["version", "wallet", "peer_id", "environment"] {
        assert_eq!(details[key], Value::Null, "{key}");
    }
    let settings = report(&stage, &["machine-config", "--json"]).json();
    for key in ["antctl_version", "highest_node_id_used"] {
        assert_eq!(settings[key], Value::Null, "{key}");
    }
    for words in [
        &["node-status-details"][..],
        &["node-status"],
        &["machine-metrics", "--json"],
        &["machine-config", "--report_format", "env"],
        &["machine-config", "--report_format", "config"],
        &["influx-resources"],
    ] {
        let ran = report(&stage, words);
        assert!(!ran.stdout.contains("None"), "{ran}");
    }
}

#[test]
fn fault_59_node_is_found_by_its_documented_name() {
    let stage = Stage::running(3, &[]);
    let told = |names: &str| {
        let ran = report(&stage, &["node-status", "--json", "--service_name", names]);
        let told = ran.json();
        let names = |node: &Value| {
            node["service_name"]
                .as_str()
                .map(str::to_owned)
                .unwrap_or_default()
        };
        match told {
            Value::Array(nodes) => nodes.iter().map(names).collect::<Vec<_>>(),
            one => vec![names(&one)],
        }
    };
    let own = |id: u32| stage.row(id).service;
    for name in ["antnode0002", "antnode0002.service", "0002", "2"] {
        assert_eq!(told(name), [own(2)], "{name}");
    }
    assert_eq!(
        told("antnode0003, antnode0001"),
        [own(3), own(1)],
        "in the order asked"
    );
}

#[test]
fn fault_60_columns_stay_separate_from_node_10000_on() {
    let stage = Stage::running(1, &[]);
    stage.tamper("UPDATE node SET id = 10001, node_name = '10001', service = 'antnode10001.service'");
    let ran = report(&stage, &["node-status"]);
    let words: Vec<_> = ran
        .stdout
        .lines()
        .nth(1)
        .expect("a node")
        .split_whitespace()
        .collect();
    assert_eq!(words[0], "antnode10001.service", "{ran}");
    assert!(words[1].starts_with("12D3KooW") && words[2] == "RUNNING", "{ran}");
}

#[test]
fn fault_61_total_of_the_rewards_keeps_all_digits() {
    let stage = Stage::running(3, &[]);
    stage.tamper(
        "UPDATE node SET rewards = '123456789012345678901234567890' WHERE id = 1;
         UPDATE node SET rewards = '0.5' WHERE id = 2;
         UPDATE node SET rewards = 'plenty' WHERE id = 3;",
    );
    let ran = report(&stage, &["influx-resources"]);
    let totals = ran.stdout.lines().find(|line| line.starts_with("nodes_totals"));
    let totals = totals.unwrap_or_else(|| panic!("totals in {ran}"));
    assert!(totals.contains("123456789012345678901234567890.5"), "{totals}");
    assert!(ran.stderr.contains("plenty"), "what is no number is told: {ran}");
}

#[test]
fn fault_62_unsupported_format_of_a_report_is_rejected() {
    let stage = Stage::running(1, &[]);
    for (kind, format) in [
        ("node-status", "env"),
        ("node-status", "config"),
        ("node-status-details", "env"),
        ("node-status-details", "config"),
        ("machine-metrics", "config"),
        ("influx-resources", "json"),
    ] {
        let text = stage.wnm(&["--report", kind]).stdout;
        let ran = stage.wnm(&["--report", kind, "--report_format", format]).plain();
        let refused = ran.code == Some(2) && ran.stdout.is_empty() && ran.stderr.contains("error");
        let warned = ran.stderr.contains("format") && ran.stderr.contains("WARN");
        let has_it = ran.code == Some(0) && ran.stdout.split_whitespace().ne(text.split_whitespace());
        assert!(refused || warned || has_it, "{ran}");
    }
}

#[test]
fn fault_63_json_is_valid_with_any_limits() {
    let stage = Stage::colony(&[]);
    stage.tamper("UPDATE machine SET max_load_average_allowed = 9e999");
    let told = report(&stage, &["machine-config", "--json"]).json();
    let limit = &told["max_load_average_allowed"];
    assert!(
        limit.is_null() || limit.is_string() || limit.is_number(),
        "{told}"
    );
    assert_eq!(told["desired_load_average"], json!(5000.0));
}

#[test]
fn fault_64_values_are_quoted_for_the_shell() {
    let odd = "/opt/my $HOME/it's `here`";
    let stage = Stage::colony(&[
        "--antnode_path",
        odd,
        "--antctl_path",
        odd,
        "--environment",
        "A='x y' B=$z",
    ]);
    let env = report(&stage, &["machine-config", "--report_format", "env"]).stdout;
    let script = format!("{env}\nprintf '%s\\n' \"$ANTNODE_PATH\" \"$ANTCTL_PATH\" \"$ENVIRONMENT\"");
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-euc", &script]).env_clear();
    let ran = Ran::of(shell).done();
    assert_eq!(ran.stdout, format!("{odd}\n{odd}\nA='x y' B=$z\n"), "{env}");

    let config = report(&stage, &["machine-config", "--report_format", "config"]).stdout;
    let file = stage.home().join("all.conf");
    fs::write(&file, config).expect("a config file");
    let before = report(&stage, &["machine-config", "--json"]).stdout;
    let again = ["machine-config", "--json", "-c", &file.display().to_string()];
    assert_eq!(report(&stage, &again).stdout, before);
}

#[test]
fn fault_65_reports_need_no_antnode() {
    let stage = Stage::running(1, &[]);
    let place = stage.home().join(".local/bin/antnode");
    let elsewhere = stage.home().join("my-antnode");
    fs::rename(&place, &elsewhere).expect("it is moved");
    for kind in [
        "node-status",
        "node-status-details",
        "machine-config",
        "machine-metrics",
    ] {
        report(&stage, &[kind]);
    }
    let metrics = report(&stage, &["machine-metrics", "--json"]).json();
    assert!(metrics["antnode_version"].is_null(), "{metrics}");
    let path = elsewhere.display().to_string();
    stage
        .wnm(&["--force_action", "update_config", "--antnode_path", &path])
        .done();
    let metrics = report(&stage, &["machine-metrics", "--json"]).json();
    assert_eq!(
        (&metrics["antnode_version"], &metrics["antnode"]),
        (&json!("0.4.17"), &json!(path))
    );
    report(&stage, &["node-status"]);
}
