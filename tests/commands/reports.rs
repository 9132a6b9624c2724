//! Recorded reports, compared byte for byte except for values that change between runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::database;
use crate::home::{Antnode, Home};
use crate::summary::Summary;

/// Values of machine-metrics that are measured or depend on the machine; in machine-config the boot time,
/// which a first run takes for the time of the last stop.
const VOLATILE: [&str; 18] = [
    "last_stopped_at",
    "load_average_1",
    "load_average_5",
    "load_average_15",
    "idle_cpu_percent",
    "io_wait",
    "used_cpu_percent",
    "used_mem_percent",
    "free_mem_percent",
    "used_hd_percent",
    "hdio_write_bytes",
    "hdio_read_bytes",
    "netio_write_bytes",
    "netio_read_bytes",
    "system_start",
    "total_hd_bytes",
    "node_hd_crisis",
    "antnode",
];

/// Replays all reports under `golden` with `only` in their names.
pub fn replay(golden: &Path, home: &mut Home, only: &str) -> Summary {
    let mut summary = Summary::default();
    home.empty(Antnode::Of("0.4.17"));
    for colony in ["many", "one", "zero"] {
        let Ok(lines) = fs::read_to_string(golden.join(format!("reports/{colony}.jsonl"))) else {
            summary
                .skipped
                .push(format!("reports of {colony}: no recordings"));
            continue;
        };
        let recorded = golden.join(format!("reports/{colony}.db"));
        for line in lines.lines() {
            let case: Value = serde_json::from_str(line).expect("a report");
            let name = case["name"].as_str().expect("a name");
            if !name.contains(only) {
                continue;
            }
            let place = home.database();
            home.put_adopted(colony, &place, |own| {
                let content = fs::read(&recorded).expect("the recorded database");
                fs::write(own, content).expect("the database is written");
            });
            let words: Vec<String> = case["argv"]
                .as_array()
                .expect("words")
                .iter()
                .map(|word| word.as_str().expect("a word").to_owned())
                .collect();
            let before = database::Rows::of_file(&place);
            let ran = home.run(&words, &BTreeMap::new(), false);
            let mut found = Vec::new();
            if Some(i64::from(ran.code)) != case["rc"].as_i64() {
                found.push(format!("code {} -> {}", case["rc"], ran.code));
            }
            let stdout = case["stdout"].as_str().expect("a text");
            found.extend(compare("stdout", stdout, &ran.stdout));
            let after = database::Rows::of_file(&place);
            if !name.ends_with("change_saved") && before != after {
                found.push("database changed".to_owned());
            }
            if std::env::var_os("VERBOSE").is_some() && !found.is_empty() {
                eprintln!("{name} {words:?} -> {}\n{}{}", ran.code, ran.stdout, ran.stderr);
            }
            summary.count(name, &found);
        }
    }
    summary
}

/// The lines that differ; only the first where the numbers of lines differ.
pub fn compare(what: &str, peer: &str, ours: &str) -> Vec<String> {
    let (peer, ours): (Vec<String>, Vec<String>) = (
        peer.lines().map(steady).collect(),
        ours.lines().map(steady).collect(),
    );
    if peer == ours {
        return Vec::new();
    }
    if peer.is_empty() || ours.is_empty() {
        let side = if ours.is_empty() { "is missing" } else { "is more" };
        return vec![format!("{what} {side}")];
    }
    let lines = peer.iter().zip(&ours).filter(|(peer, ours)| peer != ours);
    let mut found: Vec<String> = lines
        .map(|(peer, ours)| format!("{what} line: {peer} -> {ours}"))
        .collect();
    if peer.len() != ours.len() {
        // The lines after it are shifted.
        found.truncate(1);
        found.push(format!("{what} has {} lines -> {}", peer.len(), ours.len()));
    }
    found
}

/// A line without the values that change between runs.
fn steady(line: &str) -> String {
    let start = line.trim_start().trim_start_matches('"');
    let name: String = start
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    if VOLATILE.contains(&name.to_ascii_lowercase().as_str())
        && start[name.len()..].starts_with(['"', ':', '='])
    {
        return name;
    }
    // The time at the end of each InfluxDB line.
    match line.rsplit_once(' ') {
        Some((fields, time)) if time.len() == 19 && time.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{fields} TIME")
        }
        _ => line.to_owned(),
    }
}

/// The differences of two JSON values.
pub fn compare_json(what: &str, peer: &Value, ours: &Value, found: &mut Vec<String>) {
    match (peer, ours) {
        (Value::Object(peer), Value::Object(ours)) => {
            for (key, value) in peer {
                match ours.get(key) {
                    Some(own) => compare_json(&format!("{what}/{key}"), value, own, found),
                    None => found.push(format!("{what}/{key} is missing")),
                }
            }
            found.extend(
                ours.keys()
                    .filter(|key| !peer.contains_key(*key))
                    .map(|key| format!("{what}/{key} is more")),
            );
        }
        (Value::Array(peer), Value::Array(ours)) if peer.len() == ours.len() => {
            for (at, (value, own)) in peer.iter().zip(ours).enumerate() {
                compare_json(&format!("{what}/{at}"), value, own, found);
            }
        }
        _ if peer != ours => found.push(format!("{what} {peer} -> {ours}")),
        _ => {}
    }
}
