//! `history`: what was done, when, to which node, why, and how it ended.

use serde::Serialize;
use serde_json::Value;

use super::Format;

/// One action as it was recorded.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// Seconds since 1970.
    pub at: i64,
    /// The same for people, in UTC.
    pub time: String,
    /// The run that did it.
    pub run: String,
    pub action: String,
    pub node: Option<u32>,
    pub service: Option<String>,
    /// Why, in words.
    pub reason: String,
    /// Why, in figures.
    pub figures: Value,
    /// Ordered by the operator, not planned.
    pub forced: bool,
    /// `done`, `failed`, `undone`, `finished` or `skipped`.
    pub outcome: &'static str,
    pub error: Option<String>,
    pub warning: Option<String>,
    pub duration_ms: u64,
}

impl HistoryEntry {
    /// Whether it is about the node of this name: `antnode0001`, `antnode0001.service`, `0001` or `1`.
    ///
    /// The node may be gone and its id be another's by now, so the name it had then counts before any number.
    #[must_use]
    pub fn is_about(&self, name: &str) -> bool {
        let stem = |name: &'_ str| name.strip_suffix(".service").unwrap_or(name).to_owned();
        match &self.service {
            Some(service) if stem(service) == stem(name) => true,
            _ => name.parse::<u32>().is_ok_and(|number| self.node == Some(number)),
        }
    }
}

/// The report on `entries`, in their order. Several or one, in JSON they are a list.
#[must_use]
pub fn render(entries: &[HistoryEntry], format: Format) -> String {
    if format == Format::Json {
        return serde_json::to_string_pretty(entries).unwrap_or_default();
    }
    if entries.is_empty() {
        return "No events found.".to_owned();
    }
    let heading = format!(
        "{:<20}  {:<8}  {:<20}  {:<8}  {:>8}  Why",
        "When (UTC)", "What", "Which node", "Outcome", "Took"
    );
    let lines = entries.iter().map(line);
    std::iter::once(heading)
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

fn line(entry: &HistoryEntry) -> String {
    let node = match (&entry.service, entry.node) {
        (Some(service), _) => service.clone(),
        (None, Some(id)) => format!("node {id}"),
        (None, None) => "-".to_owned(),
    };
    let mut line = format!(
        "{:<20}  {:<8}  {node:<20}  {:<8}  {:>8}  {}",
        entry.time,
        entry.action,
        entry.outcome,
        took(entry.duration_ms),
        entry.reason
    );
    for (word, text) in [("error", &entry.error), ("warning", &entry.warning)] {
        if let Some(text) = text {
            line.push_str(&format!("; {word}: {}", one_line(text)));
        }
    }
    line
}

/// An event is one line, whatever a program had to say.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn took(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
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
    fn each_event_is_one_line_that_says_why_and_how_it_ended() {
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
    fn in_json_it_is_always_a_list() {
        assert_eq!(render(&[], Format::Json), "[]");
        let text = render(&[entry()], Format::Json);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read[0]["time"], "2026-11-23T22:01:55Z");
        assert_eq!(read[0]["figures"]["nth"], 1);
    }

    #[test]
    fn an_event_is_found_by_every_form_of_its_nodes_name() {
        for name in ["antnode0003", "antnode0003.service", "3", "0003"] {
            assert!(entry().is_about(name), "{name}");
        }
        for name in ["antnode0030", "antnode3", "4", ""] {
            assert!(!entry().is_about(name), "{name}");
        }
    }
}
