//! docs/reports.md lists exactly the fields that the reports print in all formats.

use std::collections::BTreeSet;

use serde_json::Value;
use wnm::settings::table::SETTINGS;

use super::{page, quoted, rows};
use crate::reports::with_rows;
use crate::stage::Stage;

/// The section of one report.
fn section(kind: &str) -> String {
    let page = page("reports.md");
    let heading = format!("\n## {kind}\n");
    let (_, section) = page.split_once(&heading).expect("a section of its own");
    section.split("\n## ").next().expect("its text").to_owned()
}

/// The texts between backticks under these headings; in a cell with a remark, only before the colon.
fn told(section: &str, heads: &[&str]) -> BTreeSet<String> {
    let rows = rows(section);
    let cells = rows.iter().flatten().filter(|(head, _)| heads.contains(head));
    cells
        .flat_map(|(_, cell)| quoted(cell.split(": ").next().expect("a cell")))
        .map(str::to_owned)
        .collect()
}

fn printed(stage: &Stage, words: &[&str]) -> String {
    let words = [&["-q", "--report"], words].concat();
    stage.wnm(&words).done().stdout
}

fn json(stage: &Stage, words: &[&str]) -> Value {
    serde_json::from_str(&printed(stage, words)).expect("JSON")
}

/// The keys of all objects, except objects with variable keys.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                if !["figures", "nodes_by_version", "nodes_by_binary"].contains(&key.as_str()) {
                    keys(value, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|one| keys(one, found)),
        _ => {}
    }
}

fn keys_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    keys(value, &mut found);
    found
}

#[test]
fn node_reports_have_the_documented_fields() {
    let stage = with_rows();
    for kind in ["node-status", "node-status-details"] {
        let json = json(&stage, &[kind, "--json"]);
        assert_eq!(
            keys_of(&json),
            told(&section(kind), &["JSON"]),
            "the JSON of {kind}"
        );
    }
}

#[test]
fn text_of_node_reports_has_the_documented_fields() {
    let stage = with_rows();
    let table = printed(&stage, &["node-status"]);
    let heading = table.lines().next().expect("a heading");
    assert_eq!(columns(heading), told(&section("node-status"), &["in the text"]));

    stage.tamper(
        "UPDATE node SET silent_count = 2, retry_at = unixepoch() + 90, start_failures = 1, last_error = 'no' WHERE id = 1",
    );
    let text = printed(&stage, &["node-status-details", "--service_name", "1"]);
    let labels: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(label, _)| label.to_owned())
        .collect();
    let section = section("node-status-details");
    let mut told = told(&section, &["in the text"]);
    for shown_at_times in ["Silent", "Next start", "Last error"] {
        assert!(
            section.contains(&format!("`{shown_at_times}`")),
            "{shown_at_times}"
        );
        told.insert(shown_at_times.to_owned());
    }
    assert_eq!(labels, told);
}

#[test]
fn influx_reports_have_the_documented_fields() {
    let stage = with_rows();
    let section = section("influx-resources");
    let of = |value: &Value| keys_of(&value["fields"]);
    let points = json(&stage, &["influx-resources", "--json"]);
    let points = points.as_array().expect("a list");
    let fields: BTreeSet<String> = points.iter().flat_map(of).collect();
    assert_eq!(fields, told(&section, &["field"]));
    for key in points[0].as_object().expect("an object").keys() {
        assert!(section.contains(&format!("`{key}`")), "{key}");
    }
    let text = printed(&stage, &["influx-resources"]);
    assert_eq!(line_fields(&text), fields, "the text has the same");
    let ntracking = printed(&stage, &["influx-resources", "--report_format", "ntracking"]);
    assert_eq!(line_fields(&ntracking), told(&section, &["in `ntracking`"]));
}

#[test]
fn trend_has_the_documented_fields() {
    let stage = crate::trend::with_samples();
    let fields = keys_of(&json(&stage, &["trend", "--json"]));
    assert_eq!(fields, told(&section("trend"), &["JSON"]));
}

#[test]
fn prometheus_report_has_the_documented_metrics() {
    let printed = include_str!("../../src/report/prometheus/heads.txt");
    let names = printed.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let names: BTreeSet<String> = names
        .filter_map(|rest| rest.split(' ').next().map(str::to_owned))
        .collect();
    assert_eq!(names, told(&section("prometheus"), &["metric"]));
}

/// The names before the equals signs; no text in these lines has a blank.
fn line_fields(text: &str) -> BTreeSet<String> {
    let fields = text.lines().filter_map(|line| line.split(' ').nth(1));
    fields
        .flat_map(|fields| fields.split(','))
        .filter_map(|field| field.split_once('='))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn machine_reports_have_the_documented_fields() {
    let stage = with_rows();
    // Whether nodes share their binary is reported only where a node has one.
    let antnode = stage.home().join(".local/bin/antnode");
    stage.tamper(&format!(
        "UPDATE node SET binary = '{}' WHERE id = 1",
        antnode.display()
    ));
    let keys = |kind: &str| keys_of(&json(&stage, &[kind, "--json"]));
    assert_eq!(
        keys("machine-metrics"),
        told(&section("machine-metrics"), &["name"])
    );

    stage
        .wnm(&[
            "--enable_upgrade=false",
            "--remove_for_upgrade=true",
            "--shunned_remove",
            "3",
            "--firewall",
            "ufw",
            "--keep_removed",
            "7",
            "--colony_name",
            "north",
            "--metrics_nodes",
            "7",
            "--textfile",
            "/var/lib/metrics",
            "--firewall_rules",
            "single",
            "--nft_chain",
            "inet filter input",
            "--force_action",
            "update_config",
        ])
        .done();
    let settings = SETTINGS.iter().filter(|setting| setting.is_persistent());
    let mut all: BTreeSet<String> = settings.map(|setting| setting.name.to_owned()).collect();
    all.extend(told(&section("machine-config"), &["name"]));
    assert_eq!(keys("machine-config"), all);
}

/// `env` and `config` print the same names as JSON, and so does the text.
#[test]
fn machine_reports_in_every_format_have_the_documented_fields() {
    let stage = with_rows();
    for kind in ["machine-config", "machine-metrics"] {
        let json = json(&stage, &[kind, "--json"]);
        let names: BTreeSet<String> = json.as_object().expect("an object").keys().cloned().collect();
        for (form, sign) in [("text", ':'), ("env", '='), ("config", '=')] {
            let text = printed(&stage, &[kind, "--report_format", form]);
            let of_form: BTreeSet<String> = text
                .lines()
                .filter_map(|line| line.split_once(sign))
                .map(|(name, _)| name.to_lowercase())
                .collect();
            assert_eq!(of_form, names, "{kind} as {form}");
        }
    }
}

#[test]
fn history_has_the_documented_fields() {
    let stage = Stage::running(1, &["--node_cap", "1"]);
    let section = section("history");
    let json = json(&stage, &["history", "--json"]);
    assert_eq!(keys_of(&json), told(&section, &["JSON"]));
    let text = printed(&stage, &["history"]);
    assert_eq!(
        columns(text.lines().next().expect("a heading")),
        told(&section, &["in the text"])
    );
}

/// The headings of a table, separated by at least two blanks.
fn columns(heading: &str) -> BTreeSet<String> {
    let columns = heading.split("  ").map(str::trim);
    columns
        .filter(|column| !column.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn plan_has_the_documented_fields() {
    let stage = Stage::colony(&["--node_cap", "1"]);
    stage.simulate_minute(0);
    let plan = json(&stage, &["plan", "--json"]);
    let section = section("plan");
    assert_eq!(keys_of(&plan), told(&section, &["JSON"]), "{plan:#}");
    let features: BTreeSet<String> = plan["features"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|feature| feature["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(features, told(&section, &["feature"]));
}
