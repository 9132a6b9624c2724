//! What `--doctor` found: a line for each check, with what to do where something is to be done.

use serde::Serialize;
use serde_json::json;

use crate::terminal::{Ink, Style};

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
pub struct Finding {
    /// Its name, in one word.
    pub check: &'static str,
    pub verdict: Verdict,
    /// What was found; a fragment, names in backticks.
    pub what: String,
    /// What to do about it; a command where one does it.
    pub todo: Option<String>,
}

impl Finding {
    /// All is as it should be.
    pub fn ok(check: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            check,
            verdict: Verdict::Ok,
            what: what.into(),
            todo: None,
        }
    }

    /// Something an operator should know of, and what may be done.
    pub fn warning(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Finding {
        Finding {
            check,
            verdict: Verdict::Warning,
            what: what.into(),
            todo: Some(todo.into()),
        }
    }

    /// Something that must be mended, and how.
    pub fn failed(check: &'static str, what: impl Into<String>, todo: impl Into<String>) -> Finding {
        Finding {
            verdict: Verdict::Failed,
            ..Finding::warning(check, what, todo)
        }
    }
}

/// Whether nothing failed.
#[must_use]
pub fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Failed)
}

/// The findings in their order: as text, painted in this style, or as JSON.
#[must_use]
pub fn render(findings: &[Finding], format: Format, style: Style) -> String {
    if format == Format::Json {
        let all = json!({ "healthy": is_healthy(findings), "checks": findings });
        return serde_json::to_string_pretty(&all).unwrap_or_default();
    }
    let mut lines = Vec::new();
    for finding in findings {
        let ink = match finding.verdict {
            Verdict::Ok => Ink::Green,
            Verdict::Warning => Ink::Yellow,
            Verdict::Failed => Ink::Red,
        };
        let word = style.paint(ink, &format!("{:<8}", finding.verdict.word()));
        let name = style.paint(Ink::Bold, &format!("{:<10}", finding.check));
        lines.push(format!("{word} {name} {}", finding.what));
        if let Some(todo) = &finding.todo {
            lines.push(format!("{:19} {} {todo}", "", style.paint(Ink::Cyan, "->")));
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

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("antnode", "`/a/antnode` is 0.4.17"),
            Finding::warning("clock", "not set by the network", "timedatectl set-ntp true"),
        ]
    }

    #[test]
    fn each_check_is_a_line_and_what_to_do_another() {
        assert_eq!(
            render(&findings(), Format::Text, Style::Plain),
            "ok       antnode    `/a/antnode` is 0.4.17\n\
             warning  clock      not set by the network\n                    \
             -> timedatectl set-ntp true\n\
             1 ok, 1 to look at, 0 failed"
        );
    }

    #[test]
    fn a_program_reads_the_verdict_in_one_place() {
        let mut all = findings();
        let read = |all: &[Finding]| -> serde_json::Value {
            serde_json::from_str(&render(all, Format::Json, Style::Plain)).unwrap()
        };
        let json = read(&all);
        assert_eq!(json["healthy"], true, "a warning is no failure");
        assert_eq!(json["checks"][1]["verdict"], "warning");
        assert_eq!(json["checks"][0]["todo"], serde_json::Value::Null);
        all.push(Finding::failed("lock", "held", "look"));
        assert_eq!(read(&all)["healthy"], false);
    }
}
