//! What `--doctor` found: a line for each check, with what to do where something is to be done.

use serde::Serialize;
use serde_json::json;

use crate::terminal::{Color, Coloring};

use super::Format;

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// The colony works; this may end that, or could not be seen.
    Warning,
    /// Something that keeps a colony from working.
    Failed,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// Its name, in one word.
    pub check: &'static str,
    pub verdict: Verdict,
    /// What was found; a fragment, names in backticks.
    pub what: String,
    /// What to do about it; a command where one does it.
    pub todo: Option<String>,
}

impl CheckResult {
    /// All is as it should be.
    pub fn ok(check: &'static str, what: impl Into<String>) -> CheckResult {
        CheckResult {
            check,
            verdict: Verdict::Ok,
            what: what.into(),
            todo: None,
        }
    }

    /// Something an operator should know of, and what may be done.
    pub fn warning(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> CheckResult {
        CheckResult {
            check,
            verdict: Verdict::Warning,
            what: what.into(),
            todo: Some(todo.into()),
        }
    }

    /// Something that must be mended, and how.
    pub fn failed(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> CheckResult {
        CheckResult {
            verdict: Verdict::Failed,
            ..CheckResult::warning(check, what, todo)
        }
    }
}

/// Whether nothing failed.
#[must_use]
pub fn is_healthy(findings: &[CheckResult]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Failed)
}

/// The findings in their order: as text, painted in this style, or as JSON.
#[must_use]
pub fn render(findings: &[CheckResult], format: Format, style: Coloring) -> String {
    if format == Format::Json {
        let all = json!({ "healthy": is_healthy(findings), "checks": findings });
        return serde_json::to_string_pretty(&all).unwrap_or_default();
    }
    let mut lines = Vec::new();
    for finding in findings {
        let ink = match finding.verdict {
            Verdict::Ok => Color::Green,
            Verdict::Warning => Color::Yellow,
            Verdict::Failed => Color::Red,
        };
        let word = style.paint(ink, &format!("{:<8}", finding.verdict.word()));
        let name = style.paint(Color::Bold, &format!("{:<10}", finding.check));
        lines.push(format!("{word} {name} {}", finding.what));
        if let Some(todo) = &finding.todo {
            lines.push(format!("{:19} {} {todo}", "", style.paint(Color::Cyan, "->")));
        }
    }
    let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
    lines.push(format!(
        "{} ok, {} to look at, {} failed",
        count(Verdict::Ok),
        count(Verdict::Warning),
        count(Verdict::Failed)
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<CheckResult> {
        vec![
            CheckResult::ok("antnode", "`/a/antnode` is 0.4.17"),
            CheckResult::warning("clock", "not set by the network", "timedatectl set-ntp true"),
        ]
    }

    #[test]
    fn each_check_is_a_line_and_what_to_do_another() {
        assert_eq!(
            render(&findings(), Format::Text, Coloring::Plain),
            "ok       antnode    `/a/antnode` is 0.4.17\n\
             warning  clock      not set by the network\n                    \
             -> timedatectl set-ntp true\n\
             1 ok, 1 to look at, 0 failed"
        );
    }

    #[test]
    fn a_program_reads_the_verdict_in_one_place() {
        let mut all = findings();
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
