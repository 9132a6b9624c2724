//! Unusual pages, and the rows that the Python wnm made of them.
//!
//! `tests/fixtures/survey` has a selection; `WNM_GOLDEN` names a folder that has all of them in
//! `survey/cases.jsonl`. The result must be that of the Python wnm, except for the cases in [`OTHERWISE`],
//! where it is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use wnm::colony::Answer;

use super::probe_node::{ask, ask_server, node};
use super::server::{Act, Server, status};

/// A row as text: version, peer ID and figures by column.
type Row = BTreeMap<String, String>;

/// Cases with another result than the Python wnm's: the columns that differ from the page `good`. `*` means
/// all integer columns.
const OTHERWISE: [(&str, &[(&str, &str)]); 46] = [
    // Numbers in comments and in longer names with the same end are not values.
    ("help_line_with_number_only", &[("uptime", "0")]),
    ("prefix_name_only", &[("uptime", "0")]),
    // Labels, tabs and extra spaces do not hide a value, and counters are summed over their labels.
    ("labels_everywhere", &[]),
    ("labels_empty_braces", &[]),
    ("tabs", &[]),
    ("two_spaces", &[]),
    ("puts_two_labels", &[("puts", "439")]),
    ("bad_peers_with_label", &[("bad_peers", "12")]),
    // Numbers are parsed and kept in range; text that is no number gives no value.
    (
        "exponents",
        &[
            ("*", "86400"),
            ("mem", "8640000"),
            ("cpu", "8640000"),
            ("rewards", "86400"),
        ],
    ),
    (
        "leading_dot",
        &[("uptime", "0"), ("mem", "50"), ("cpu", "50"), ("rewards", "0.5")],
    ),
    (
        "value_comma",
        &[("*", "0"), ("mem", "0"), ("cpu", "0"), ("rewards", "0")],
    ),
    (
        "value_underscore",
        &[("*", "0"), ("mem", "0"), ("cpu", "0"), ("rewards", "0")],
    ),
    ("big_ant_node_uptime_i64max1", &[("uptime", MOST)]),
    ("big_ant_node_uptime_u64max", &[("uptime", MOST)]),
    (
        "big_ant_networking_connected_peers_i64max1",
        &[("connected_peers", MOST)],
    ),
    (
        "big_ant_networking_connected_peers_huge",
        &[("connected_peers", MOST)],
    ),
    ("big_4400_digits", &[("uptime", MOST)]),
    ("big_memory_400_digits", &[("mem", MOST)]),
    ("mem_two_dots", &[("mem", "0")]),
    ("mem_dot", &[("mem", "0")]),
    ("rewards_two_dots", &[("rewards", "0")]),
    ("rewards_exp", &[("rewards", "1000000000000000000")]),
    ("rewards_trailing_dot", &[("rewards", "5")]),
    // Hundredths are rounded, not truncated.
    ("hundredths_0.29", &[("mem", "29"), ("cpu", "29")]),
    ("hundredths_1.005", &[("mem", "101"), ("cpu", "101")]),
    ("hundredths_0.57", &[("mem", "57"), ("cpu", "57")]),
    ("hundredths_1.15", &[("mem", "115"), ("cpu", "115")]),
    ("hundredths_19.99", &[("mem", "1999"), ("cpu", "1999")]),
    ("hundredths_0.009", &[("mem", "1"), ("cpu", "1")]),
    ("hundredths_64.1", &[("mem", "6410"), ("cpu", "6410")]),
    ("hundredths_1234.56789", &[("mem", "123457"), ("cpu", "123457")]),
    // Any version is accepted, whatever other labels there are.
    ("version_rc", &[("version", "0.4.17-rc.1")]),
    ("version_rc_short", &[("version", "0.4.17rc1")]),
    ("version_v", &[("version", "v0.4.17")]),
    ("version_space", &[("version", "0.4.17 ")]),
    ("version_word", &[("version", "unknown")]),
    ("version_other_label_after", &[]),
    ("version_other_label_before", &[]),
    ("peer_id_dash", &[("peer_id", "12D3-KooW")]),
    ("peer_id_unicode", &[("peer_id", "12D3üß")]),
    // A server that answers with another status than 200 is no antnode.
    ("http_500_both_good_bodies", DOWN),
    ("http_404_both_good_bodies", DOWN),
    ("http_401_both_good_bodies", DOWN),
    ("http_503_both_good_bodies", DOWN),
    // Cases where only the row is unusual are tests of the store.
    ("port_too_big", &[]),
    ("port_negative", &[]),
];

const MOST: &str = "9223372036854775807";
const DOWN: &[(&str, &str)] = &[("down", "")];

/// Integer columns, without the two in hundredths.
const WHOLE: [&str; 14] = [
    "uptime",
    "records",
    "shunned",
    "connected_peers",
    "gets",
    "puts",
    "open_connections",
    "total_peers",
    "bad_peers",
    "rel_records",
    "max_records",
    "payment_count",
    "live_time",
    "network_size",
];

/// The row of the Python wnm for the page `good`; a case has only the differences.
const BEFORE: [(&str, &str); 17] = [
    ("records", "1"),
    ("uptime", "2"),
    ("shunned", "3"),
    ("connected_peers", "4"),
    ("gets", "5"),
    ("puts", "6"),
    ("mem", "7"),
    ("cpu", "8"),
    ("open_connections", "9"),
    ("total_peers", "10"),
    ("bad_peers", "11"),
    ("rel_records", "12"),
    ("max_records", "13"),
    ("rewards", "14"),
    ("payment_count", "15"),
    ("live_time", "16"),
    ("network_size", "17"),
];

/// A value as text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The row of the Python wnm; None where it took the node for stopped.
fn peers_row(case: &Value) -> Option<Row> {
    let named = &case["named"];
    if named["status_after"] != "RUNNING" {
        return None;
    }
    let mut row: Row = BEFORE
        .map(|(column, value)| (column.to_owned(), value.to_owned()))
        .into();
    for (column, change) in named["changed"].as_object().unwrap() {
        row.insert(column.clone(), text(&change[1]));
    }
    row.remove("status");
    row.insert("version".to_owned(), text(&named["version_after"]));
    row.insert("peer_id".to_owned(), text(&named["peer_id_after"]));
    // The Python wnm truncates 3.53 hundredths of a percent to 3; most pages have this value.
    if row["cpu"] == "3" {
        row.insert("cpu".to_owned(), "4".to_owned());
    }
    Some(row)
}

fn our_row(answer: Answer) -> Option<Row> {
    let Answer::Up(reading) = answer else {
        assert_eq!(answer, Answer::Down);
        return None;
    };
    let f = reading.figures.expect("the page came whole");
    let figures = [
        ("uptime", f.uptime),
        ("records", f.records),
        ("shunned", f.shunned),
        ("connected_peers", f.connected_peers),
        ("gets", f.gets),
        ("puts", f.puts),
        ("mem", f.mem),
        ("cpu", f.cpu),
        ("open_connections", f.open_connections),
        ("total_peers", f.total_peers),
        ("bad_peers", f.bad_peers),
        ("rel_records", f.rel_records),
        ("max_records", f.max_records),
        ("payment_count", f.payment_count),
        ("live_time", f.live_time),
        ("network_size", f.network_size),
    ];
    let mut row: Row = figures
        .map(|(column, number)| (column.to_owned(), number.to_string()))
        .into();
    row.insert("rewards".to_owned(), f.rewards);
    row.insert("version".to_owned(), reading.version.to_string());
    row.insert("peer_id".to_owned(), reading.peer_id.unwrap_or_default());
    Some(row)
}

fn expected(case: &Value, good: &Row) -> Option<Row> {
    let name = case["name"].as_str().unwrap();
    let Some((_, changes)) = OTHERWISE.iter().find(|(other, _)| *other == name) else {
        return peers_row(case);
    };
    if *changes == DOWN {
        return None;
    }
    let mut row = good.clone();
    for (column, value) in *changes {
        let columns: &[&str] = if *column == "*" { &WHOLE } else { &[column] };
        // antnode does not report gets; the column stays 0.
        for column in columns.iter().filter(|column| **column != "gets") {
            row.insert((*column).to_owned(), (*value).to_owned());
        }
    }
    Some(row)
}

/// The results of all cases.
#[derive(Debug, Default)]
pub struct Served {
    pub equal: usize,
    /// Cases that differ from the Python wnm as [`OTHERWISE`] lists.
    pub otherwise: usize,
    pub wrong: Vec<String>,
    /// Cases without a page that a server could send.
    pub left: Vec<String>,
}

/// Serves each case with text pages, and compares the results.
pub fn replay(cases: &Path) -> Served {
    let lines = std::fs::read_to_string(cases).unwrap_or_default();
    let cases: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut served = Served::default();
    let Some(good) = cases
        .iter()
        .find(|case| case["name"] == "good")
        .and_then(peers_row)
    else {
        served.left.push("survey: no recordings".to_owned());
        return served;
    };
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if case["special"] == "refused" {
            let server = Server::start(|_| Act::SayAndClose(Vec::new()));
            let port = server.port;
            drop(server);
            match (our_row(ask(node(port))), peers_row(case)) {
                (None, None) => served.equal += 1,
                rows => served.wrong.push(format!("survey/{name}: {rows:?}")),
            }
            continue;
        }
        let page = |page: &str| {
            let body = case[page]["body"]["text"].as_str()?;
            Some(status(&format!("{} Recorded", case[page]["status"]), body))
        };
        let pages = (page("metadata"), page("metrics"));
        let (Some(metadata), Some(metrics)) = pages else {
            served.left.push(format!("survey/{name}: its pages are no text"));
            continue;
        };
        if !case["special"].is_null() || case["host"] != "127.0.0.1" {
            served.left.push(format!(
                "survey/{name}: its server misbehaves, which tests/probing.rs plays"
            ));
            continue;
        }
        let server = Server::start(move |path| {
            Act::Say(if path == "/metadata" {
                metadata.clone()
            } else {
                metrics.clone()
            })
        });
        let ours = our_row(ask_server(&server));
        let theirs = peers_row(case);
        let expected = expected(case, &good);
        if ours != expected {
            served.wrong.push(format!(
                "survey/{name}: {expected:?} was expected, and it is {ours:?}"
            ));
        } else if ours == theirs {
            served.equal += 1;
        } else {
            served.otherwise += 1;
        }
    }
    served
}

#[test]
fn recorded_pages_give_the_rows_of_the_python_wnm_or_better() {
    let served = replay(Path::new("tests/fixtures/survey/cases.jsonl"));
    assert_eq!(served.wrong, Vec::<String>::new());
    assert_eq!(served.equal + served.otherwise, 26);
}

#[test]
fn all_recorded_pages_give_the_rows_of_the_python_wnm_or_better() {
    if let Some(golden) = std::env::var_os("WNM_GOLDEN") {
        let served = replay(&Path::new(&golden).join("survey/cases.jsonl"));
        assert_eq!(served.wrong, Vec::<String>::new());
    }
}
