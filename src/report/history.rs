//! `history`: what wnm did, when, to which node, why, and with which outcome.

use serde::Serialize;
use serde_json::Value;

use crate::terminal::Coloring;

use super::table::{self, Cell, Column, Row};
use super::{Format, pretty};

/// One action as it was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// Seconds since 1970.
    pub at: i64,
    /// The same time as text, in UTC.
    pub time: String,
    /// The run that took the action.
    pub run: String,
    pub action: String,
    pub node: Option<u32>,
    pub service: Option<String>,
    /// The reason as text.
    pub reason: String,
    /// The figures of the reason.
    pub figures: Value,
    /// Whether it was a forced action and not planned.
    pub forced: bool,
    /// `done`, `failed`, `undone`, `finished` or `skipped`.
    pub outcome: &'static str,
    pub error: Option<String>,
    pub warning: Option<String>,
    pub duration_ms: u64,
}

impl HistoryEntry {
    /// Whether the entry is about the node `name`: `antnode0001`, `antnode0001.service`, `0001` or `1`.
    ///
    /// Another node may have the id by now, so the recorded service name has priority over the number.
    #[must_use]
    pub fn is_about(&self, name: &str) -> bool {
        let stem = |name: &'_ str| name.strip_suffix(".service").unwrap_or(name).to_owned();
        match &self.service {
            Some(service) if stem(service) == stem(name) => true,
            _ => name.parse::<u32>().is_ok_and(|number| self.node == Some(number)),
        }
    }
}

/// The report on `entries`, in their order. In JSON it is always a list.
#[must_use]
pub fn render(entries: &[HistoryEntry], format: Format) -> String {
    if format == Format::Json {
        return pretty(entries);
    }
    if entries.is_empty() {
        return "No events found.".to_owned();
    }
    let columns = [
        Column::text("When (UTC)", 20),
        Column::text("What", 8),
        Column::text("Which node", 20),
        Column::text("Outcome", 8),
        Column::number("Took", 8),
        Column::text("Why", 0),
    ];
    let rows: Vec<Row> = entries.iter().map(row).collect();
    table::lines(&columns, &rows, Coloring::Plain).join("\n")
}

fn row(entry: &HistoryEntry) -> Row {
    let node = match (&entry.service, entry.node) {
        (Some(service), _) => service.clone(),
        (None, Some(id)) => format!("node {id}"),
        (None, None) => "-".to_owned(),
    };
    let mut why = entry.reason.clone();
    for (word, text) in [("error", &entry.error), ("warning", &entry.warning)] {
        if let Some(text) = text {
            why.push_str(&format!("; {word}: {}", one_line(text)));
        }
    }
    let (seconds, tenths) = (entry.duration_ms / 1000, entry.duration_ms % 1000 / 100);
    let took = format!("{seconds}.{tenths} s");
    let cells = [
        entry.time.as_str(),
        &entry.action,
        &node,
        entry.outcome,
        &took,
        &why,
    ];
    cells.map(Cell::from).into_iter().collect::<Vec<Cell>>().into()
}

/// Line breaks in the output of a program become spaces, so that each event is one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> HistoryEntry {
        HistoryEntry {
            at: 1_795_471_315,
            time: crate::colony::Timestamp(1_795_471_315).utc(),
            run: "1795471310-7".to_owned(),
            action: "stop".to_owned(),
            node: Some(3),
            service: Some("antnode0003.service".to_owned()),
            reason: "stop node (1/1): cpu 85.0 % is above 70 %".to_owned(),
            figures: json!({ "nth": 1 }),
            forced: false,
            outcome: "failed",
            error: Some("`systemctl` ended with 1:\n  no bus".to_owned()),
            warning: None,
            duration_ms: 1_250,
        }
    }

    #[test]
    fn each_event_is_one_line_with_reason_and_outcome() {
        assert_eq!(
            render(&[entry()], Format::Text).lines().nth(1),
            Some(
                "2026-11-23T22:01:55Z  stop      antnode0003.service   failed       1.2 s  stop node (1/1): \
                 cpu 85.0 % is above 70 %; error: `systemctl` ended with 1: no bus"
            )
        );
        assert_eq!(render(&[], Format::Text), "No events found.");
    }

    #[test]
    fn json_is_always_a_list() {
        assert_eq!(render(&[], Format::Json), "[]");
        let text = render(&[entry()], Format::Json);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read[0]["time"], "2026-11-23T22:01:55Z");
        assert_eq!(read[0]["figures"]["nth"], 1);
    }

    #[test]
    fn finds_an_event_by_every_form_of_the_node_name() {
        for name in ["antnode0003", "antnode0003.service", "3", "0003"] {
            assert!(entry().is_about(name), "{name}");
        }
        for name in ["antnode0030", "antnode3", "4", ""] {
            assert!(!entry().is_about(name), "{name}");
        }
    }
}
