//! Recorded decisions of the Python engine, replayed.
//!
//! `tests/golden/decision_vectors.jsonl` has some of each kind; `WNM_GOLDEN` names a folder with more.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails its test")]

use std::path::{Path, PathBuf};

use serde_json::Value;

#[path = "programs/vector.rs"]
mod vector;

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

fn replay(file: &Path) {
    let mut wrong = Vec::new();
    let lines = lines(file);
    for line in &lines {
        let said: Value = serde_json::from_str(line).unwrap();
        let answer: Value = serde_json::from_str(&vector::answer_line(line)).unwrap();
        let mut actions = said["actions"].clone();
        for action in actions.as_array_mut().unwrap() {
            action.as_object_mut().unwrap().remove("node_id");
        }
        if answer["features"] != said["features"] || answer["actions"] != actions {
            wrong.push(format!("{}: {answer}", said["name"]));
        }
    }
    assert!(!lines.is_empty());
    assert_eq!(wrong, Vec::<String>::new(), "of {} vectors", lines.len());
}

fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn elsewhere(name: &str) -> Option<PathBuf> {
    std::env::var_os("WNM_GOLDEN").map(|folder| Path::new(&folder).join(name))
}

#[test]
fn recorded_decisions_are_equal() {
    replay(&ours("decision_vectors.jsonl"));
    if let Some(file) = elsewhere("decision_vectors.jsonl") {
        replay(&file);
    }
}

/// Invalid versions prevent only upgrades, and unset values have their defaults.
#[test]
fn inputs_that_crashed_the_python_wnm_give_a_decision() {
    let files = [
        Some(ours("decision_errors.jsonl")),
        elsewhere("decision_errors.jsonl"),
    ];
    for line in files.into_iter().flatten().flat_map(|file| lines(&file)) {
        let said: Value = serde_json::from_str(&line).unwrap();
        let answer: Value = serde_json::from_str(&vector::answer_line(&line)).unwrap();
        let name = said["name"].as_str().unwrap();
        assert_eq!(answer["features"].as_object().unwrap().len(), 16, "{name}");
        let actions = answer["actions"].as_array().unwrap();
        assert!(!actions.is_empty(), "{name}");
        let unreadable = &said["metrics"]["antnode_version"];
        if !unreadable
            .as_str()
            .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        {
            assert!(
                actions.iter().all(|action| action["type"] != "upgrade"),
                "{name}: {answer}"
            );
        }
    }
}

fn first_reasons(changes: &[(&str, Value)]) -> Vec<String> {
    let line = lines(&ours("decision_vectors.jsonl")).remove(0);
    let mut said: Value = serde_json::from_str(&line).unwrap();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        said.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .insert(key.to_owned(), value.clone());
    }
    let answer: Value = serde_json::from_str(&vector::answer_line(&said.to_string())).unwrap();
    let actions = answer["actions"].as_array().unwrap();
    actions
        .iter()
        .map(|action| action["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn documented_differences_read_the_present_time_and_other_inputs() {
    let now = ("/now", 1_795_456_500.into());
    let hot = ("/metrics/used_cpu_percent", 99.into());
    let stops = [
        "stop node (1/5)",
        "stop node (2/5)",
        "stop node (3/5)",
        "stop node (4/5)",
        "stop node (5/5)",
    ];
    assert_eq!(first_reasons(std::slice::from_ref(&hot)), stops);
    assert_eq!(first_reasons(&[hot.clone(), now.clone()]), ["idle monitoring"]);
    assert_eq!(
        first_reasons(&[hot, now, ("/config/delay_remove", 60.into())]),
        stops
    );

    let outdated = [
        ("/metrics/nodes_to_upgrade", 1.into()),
        ("/config/node_cap", 5.into()),
    ];
    assert_eq!(first_reasons(&outdated), ["upgrade outdated node (1/1)"]);
    let mut none = outdated.to_vec();
    none.push(("/metrics/upgradable_nodes", 0.into()));
    assert_eq!(first_reasons(&none), ["idle monitoring"]);
    let mut off = outdated.to_vec();
    off.push(("/config/enable_upgrade", false.into()));
    assert_eq!(first_reasons(&off), ["idle monitoring"]);
}

#[test]
fn invalid_lines_give_an_error_and_are_skipped() {
    for line in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"config":{}}"#,
        r#"{"config":1,"metrics":{}}"#,
        "\u{1}",
    ] {
        let answer: Value = serde_json::from_str(&vector::answer_line(line)).unwrap();
        assert!(answer["error"].is_string(), "{line}: {answer}");
    }
    let nothing = r#"{"config":{},"metrics":{}}"#;
    let answer: Value = serde_json::from_str(&vector::answer_line(nothing)).unwrap();
    assert_eq!(answer["actions"][0]["reason"], "idle monitoring");
}

#[test]
fn numbers_of_any_size_or_none_give_an_answer() {
    for number in [
        "NaN",
        "Infinity",
        "-Infinity",
        "null",
        "1e400",
        "1e300",
        "-1e300",
        "99999999999999999999",
        "2.5",
        "\"7\"",
        "true",
        "[]",
    ] {
        for key in [
            "node_cap",
            "cpu_less_than",
            "max_concurrent_starts",
            "last_stopped_at",
        ] {
            let line =
                format!(r#"{{"config":{{"{key}":{number}}},"metrics":{{"{key}":{number}}},"now":{number}}}"#);
            let answer: Value = serde_json::from_str(&vector::answer_line(&line)).unwrap();
            assert!(
                answer["actions"].is_array() || answer["error"].is_string(),
                "{line}: {answer}"
            );
        }
    }
}
