//! The report of `--doctor`: a line for each check, and below it what to do.

use serde::Serialize;
use serde_json::json;

use crate::terminal::{Color, Coloring};

use super::table::{self, Cell, Column, Row};
use super::{Format, pretty};

/// The verdict of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// No problem.
    Ok,
    /// The colony works now; this may stop it later, or could not be checked.
    Warning,
    /// A problem that keeps the colony from working.
    Failed,
}

impl Verdict {
    /// Its word in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The name of the check, one word.
    pub check: &'static str,
    pub verdict: Verdict,
    /// What the check found; a fragment with names in backticks.
    pub what: String,
    /// What to do about it, if possible a command.
    pub todo: Option<String>,
}

impl CheckResult {
    /// A check that found no problem.
    pub fn ok(check: &'static str, what: impl Into<String>) -> CheckResult {
        CheckResult {
            check,
            verdict: Verdict::Ok,
            what: what.into(),
            todo: None,
        }
    }

    /// A problem that may stop the colony later, and what to do.
    pub fn warning(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> CheckResult {
        CheckResult {
            check,
            verdict: Verdict::Warning,
            what: what.into(),
            todo: Some(todo.into()),
        }
    }

    /// A problem that must be fixed, and how.
    pub fn failed(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> CheckResult {
        CheckResult {
            verdict: Verdict::Failed,
            ..CheckResult::warning(check, what, todo)
        }
    }
}

/// Whether no check failed.
#[must_use]
pub fn is_healthy(results: &[CheckResult]) -> bool {
    results.iter().all(|result| result.verdict != Verdict::Failed)
}

/// The results in their order: as text in this style, or as JSON.
#[must_use]
pub fn render(results: &[CheckResult], format: Format, style: Coloring) -> String {
    if format == Format::Json {
        return pretty(&json!({ "healthy": is_healthy(results), "checks": results }));
    }
    let columns = [Column::text("", 7), Column::text("", 9), Column::text("", 0)];
    let rows: Vec<Row> = results
        .iter()
        .map(|result| {
            let color = match result.verdict {
                Verdict::Ok => Color::Green,
                Verdict::Warning => Color::Yellow,
                Verdict::Failed => Color::Red,
            };
            let arrow = style.paint(Color::Cyan, "->");
            Row {
                cells: vec![
                    Cell::colored(result.verdict.word(), color),
                    Cell::colored(result.check, Color::Bold),
                    result.what.as_str().into(),
                ],
                note: result.todo.as_ref().map(|todo| (2, format!("{arrow} {todo}"))),
            }
        })
        .collect();
    let mut lines = table::lines(&columns, &rows, style);
    let count = |verdict| results.iter().filter(|one| one.verdict == verdict).count();
    let warnings = count(Verdict::Warning);
    lines.push(format!(
        "{} ok, {warnings} {}, {} failed",
        count(Verdict::Ok),
        if warnings == 1 { "warning" } else { "warnings" },
        count(Verdict::Failed)
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Vec<CheckResult> {
        vec![
            CheckResult::ok("antnode", "`/a/antnode` is 0.4.17"),
            CheckResult::warning("clock", "not set by the network", "timedatectl set-ntp true"),
        ]
    }

    #[test]
    fn prints_a_line_for_each_check_and_one_for_what_to_do() {
        assert_eq!(
            render(&results(), Format::Text, Coloring::Plain),
            "ok       antnode    `/a/antnode` is 0.4.17\n\
             warning  clock      not set by the network\n                    \
             -> timedatectl set-ntp true\n\
             1 ok, 1 warning, 0 failed"
        );
    }

    #[test]
    fn json_has_one_field_for_the_overall_verdict() {
        let mut all = results();
        let read = |all: &[CheckResult]| -> serde_json::Value {
            serde_json::from_str(&render(all, Format::Json, Coloring::Plain)).unwrap()
        };
        let json = read(&all);
        assert_eq!(json["healthy"], true, "a warning is no failure");
        assert_eq!(json["checks"][1]["verdict"], "warning");
        assert_eq!(json["checks"][0]["todo"], serde_json::Value::Null);
        all.push(CheckResult::failed("lock", "held", "look"));
        assert_eq!(read(&all)["healthy"], false);
    }
}
