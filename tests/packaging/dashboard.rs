//! The dashboard: telegraf's input runs the report, and Grafana's queries use fields of the report.
//! `tests/lab/influx` runs the queries on a real InfluxDB.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::stage::Stage;

fn packaging(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path)).expect(path)
}

/// The fields of each measurement in the report of a colony with one node, and whether each is a text.
fn told() -> BTreeMap<String, BTreeMap<String, bool>> {
    let stage = Stage::colony(&["--node_cap", "1"]);
    stage.cycle();
    let report = stage
        .wnm(&["--report", "influx-resources", "--json"])
        .done()
        .json();
    report
        .as_array()
        .expect("points")
        .iter()
        .map(|point| {
            let fields = point["fields"].as_object().expect("fields").iter();
            let name = point["measurement"].as_str().expect("a name").to_owned();
            (
                name,
                fields
                    .map(|(name, value)| (name.clone(), value.is_string()))
                    .collect(),
            )
        })
        .collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&packaging("grafana/wnm.json")).expect("JSON")
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

/// The names in double quotes in a query.
fn quoted(query: &str) -> Vec<&str> {
    query.split('"').skip(1).step_by(2).collect()
}

#[test]
fn dashboard_queries_fields_of_the_report() {
    let told = told();
    let page = include_str!("../../docs/reports.md");
    let section = page
        .split("\n## ")
        .find(|part| part.starts_with("influx-resources"))
        .expect("the section");
    let dashboard = dashboard();
    let mut asked = BTreeSet::new();
    for panel in panels(&dashboard) {
        for target in panel["targets"].as_array().expect("targets") {
            let query = target["query"].as_str().expect("a query");
            assert!(
                target["rawQuery"] == true && query.contains("$timeFilter"),
                "{query}"
            );
            let of = query
                .rsplit("FROM \"")
                .next()
                .and_then(|rest| rest.split('"').next())
                .expect("a measurement");
            let fields = told
                .get(of)
                .unwrap_or_else(|| panic!("there is no `{of}`: {query}"));
            for name in quoted(query)
                .into_iter()
                .filter(|name| ![of, "host", "id"].contains(name))
            {
                let is_text = fields
                    .get(name)
                    .unwrap_or_else(|| panic!("`{of}` has no `{name}`: {query}"));
                assert!(
                    section.contains(&format!("| `{name}` | `{of}` |")),
                    "docs/reports.md has no `{name}` of `{of}`"
                );
                // A text has no sum.
                let is_sound = !is_text
                    || query.contains(&format!("last(\"{name}\")"))
                    || query.contains(&format!("\"{name}\" = '"));
                assert!(is_sound, "`{name}` is a text: {query}");
                asked.insert((of.to_owned(), name.to_owned()));
            }
        }
    }
    let all = told
        .iter()
        .flat_map(|(of, fields)| fields.keys().map(move |name| (of.clone(), name.clone())));
    let missed: Vec<String> = all
        .filter(|pair| !asked.contains(pair))
        .map(|(_, name)| name)
        .collect();
    assert_eq!(missed, ["gets"], "shown is all but what is always 0");
}

#[test]
fn dashboard_can_be_imported_anywhere() {
    let dashboard = dashboard();
    assert!(dashboard.get("id").is_none(), "an id is of one Grafana");
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<&str> = variables.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["datasource", "host"]);
    assert_eq!(variables[0]["type"], "datasource");
    let mut cells = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(
            ids.insert(panel["id"].as_i64().expect("an id")),
            "{title}: its id is another's"
        );
        assert!(
            panel["description"]
                .as_str()
                .is_some_and(|said| said.ends_with('.')),
            "{title}"
        );
        let place = |name: &str| panel["gridPos"][name].as_i64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{title} is off the page");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(cells.insert((x, y)), "{title} lies on another");
            }
        }
        for source in [&panel["datasource"], &panel["targets"][0]["datasource"]] {
            assert_eq!(source["uid"], "${datasource}", "{title}");
        }
    }
    assert!(ids.len() > 15, "{} panels", ids.len());
}

#[test]
fn telegraf_input_runs_the_report() {
    let text = packaging("telegraf/wnm.conf");
    let conf: toml::Table = text.parse().expect("TOML, as telegraf reads it");
    let input = &conf["inputs"]["exec"][0];
    assert_eq!(input["data_format"].as_str(), Some("influx"));
    let interval = input["interval"]
        .as_str()
        .and_then(|said| said.strip_suffix('s'))
        .expect("seconds");
    assert!(
        interval.parse::<u32>().expect("a number") >= 60,
        "figures are new each minute"
    );
    let command = input["commands"][0].as_str().expect("a command");
    let (sudo, rest) = command
        .split_once(" /usr/bin/wnm ")
        .expect("the program of the package");
    assert_eq!(sudo, "/usr/bin/sudo -n -H -u op");
    // The sudoers line allows exactly telegraf's command.
    assert!(text.contains(&format!("telegraf ALL=(op) NOPASSWD: /usr/bin/wnm {rest}\n")));
    let stage = Stage::colony(&["--node_cap", "1"]);
    stage.cycle();
    let ran = stage.wnm(&rest.split(' ').collect::<Vec<_>>()).done();
    let measurements: Vec<&str> = ran
        .stdout
        .lines()
        .filter_map(|line| line.split([',', ' ']).next())
        .collect();
    assert_eq!(measurements, ["nodes", "nodes_totals", "nodes_network"], "{ran}");
}
