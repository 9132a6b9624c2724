//! `wnm health`: one line and an exit code, as the monitoring plugins of Nagios and Icinga have them.

use std::fmt::Write;

use serde_json::json;
use strum::{Display, IntoEnumIterator, IntoStaticStr};

use crate::colony::{Node, NodeState};
use crate::plan::{NodeProblem, ProblemContext};

use super::pretty;
use super::status_table::span;

/// The state of a colony. Its number is the exit code.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "UPPERCASE")]
pub enum HealthState {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

impl HealthState {
    /// The order in which findings are printed: the worst first.
    fn rank(self) -> u8 {
        match self {
            HealthState::Critical => 0,
            HealthState::Warning => 1,
            HealthState::Unknown => 2,
            HealthState::Ok => 3,
        }
    }
}

/// The fill level of a disk and its limits, in percent.
#[derive(Clone, Copy, Debug)]
pub struct DiskLevel {
    pub used: f64,
    pub warning: f64,
    pub critical: f64,
}

/// What the health of a colony is judged by.
pub struct HealthInput<'a> {
    pub nodes: &'a [Node],
    pub problems: ProblemContext<'a>,
    pub cap: u32,
    /// Seconds since the last survey; None: there was none.
    pub survey_age: Option<i64>,
    pub disk: Option<DiskLevel>,
    /// The number of actions that failed in the last hour.
    pub failed_actions: usize,
    /// Rows of nodes that cannot be read.
    pub unreadable_rows: usize,
    /// The safety stop of the last run.
    pub safety_stop: Option<&'a str>,
    pub pause: Option<String>,
}

/// The result of a health check.
pub struct Health {
    pub state: HealthState,
    /// The findings, the worst first.
    text: String,
    /// The performance data.
    figures: String,
}

const STALE_S: i64 = 300;
const VERY_STALE_S: i64 = 900;
const FAILED_ACTIONS: usize = 5;
/// nagios4 takes 20 kB, but a line is made to be read.
const LONGEST_TEXT: usize = 200;

/// From how many nodes with a problem the state is a warning and critical. None: it is never critical.
fn thresholds(problem: NodeProblem, nodes: usize, running: usize) -> (usize, Option<usize>) {
    match problem {
        NodeProblem::Down => (1, Some((nodes / 10).max(2))),
        NodeProblem::Silent => ((running / 20).max(1), Some((running / 5).max(2))),
        NodeProblem::NoPeers => (1, Some((running / 2).max(2))),
        NodeProblem::CrashLooping
        | NodeProblem::Shunned
        | NodeProblem::NotEarning
        | NodeProblem::Outdated => (1, None),
    }
}

/// The names of nodes with a problem, for one line: at most three.
#[must_use]
pub fn name_some(nodes: &[&Node]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = nodes.iter().take(SHOWN).map(|node| node.name.full()).collect();
    let more = if nodes.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", names.join(", "))
}

/// Judges a colony.
#[must_use]
pub fn check(input: &HealthInput<'_>) -> Health {
    let Some(age) = input.survey_age else {
        return Health::unknown("no run has surveyed the nodes yet");
    };
    let mut findings: Vec<(HealthState, String)> = Vec::new();
    let running = input
        .nodes
        .iter()
        .filter(|node| node.state == NodeState::Running)
        .count();
    if let Some(stop) = input.safety_stop {
        findings.push((HealthState::Critical, format!("safety stop: {stop}")));
    }
    match age {
        VERY_STALE_S.. => findings.push((HealthState::Critical, format!("last run {} ago", span(age)))),
        STALE_S.. => findings.push((HealthState::Warning, format!("last run {} ago", span(age)))),
        _ => {}
    }
    if running == 0 && input.cap > 0 {
        findings.push((HealthState::Critical, "no node runs".to_owned()));
    }
    let mut figures = format!("running={running};;;0;{}", input.nodes.len());
    for problem in NodeProblem::iter() {
        let nodes: Vec<&Node> = input
            .nodes
            .iter()
            .filter(|node| input.problems.problems_of(node).contains(&problem))
            .collect();
        let (warning, critical) = thresholds(problem, input.nodes.len(), running);
        let critical_text = critical.map_or_else(String::new, |count| count.to_string());
        let label: &str = problem.into();
        let _ = write!(figures, " {label}={};{warning};{critical_text};0;", nodes.len());
        let state = match nodes.len() {
            count if critical.is_some_and(|critical| count >= critical) => HealthState::Critical,
            count if count >= warning => HealthState::Warning,
            _ => continue,
        };
        findings.push((
            state,
            format!("{} {} ({})", nodes.len(), problem.words(), name_some(&nodes)),
        ));
    }
    let _ = write!(
        figures,
        " failed_actions={};{FAILED_ACTIONS};;0; survey_age={age}s;{STALE_S};{VERY_STALE_S};0;",
        input.failed_actions
    );
    if input.failed_actions >= FAILED_ACTIONS {
        let text = format!("{} actions failed in the last hour", input.failed_actions);
        findings.push((HealthState::Warning, text));
    }
    if input.unreadable_rows > 0 {
        let text = format!("{} unreadable rows of nodes", input.unreadable_rows);
        findings.push((HealthState::Warning, text));
    }
    if let Some(disk) = input.disk {
        let _ = write!(
            figures,
            " disk={:.1}%;{};{};0;100",
            disk.used, disk.warning, disk.critical
        );
        let state = match disk.used {
            used if used >= disk.critical => Some(HealthState::Critical),
            used if used >= disk.warning => Some(HealthState::Warning),
            _ => None,
        };
        findings.extend(state.map(|state| (state, format!("disk {:.1}% full", disk.used))));
    }
    if let Some(pause) = &input.pause {
        findings.push((HealthState::Warning, pause.clone()));
    }
    findings.sort_by_key(|(state, _)| state.rank());
    let state = findings.first().map_or(HealthState::Ok, |(state, _)| *state);
    let mut texts: Vec<String> = findings.into_iter().map(|(_, text)| text).collect();
    texts.push(format!("{running} of {} nodes run", input.nodes.len()));
    if age < STALE_S {
        texts.push(format!("last run {} ago", span(age)));
    }
    Health {
        state,
        text: texts.join(", "),
        figures,
    }
}

impl Health {
    /// The result if the colony cannot be judged.
    #[must_use]
    pub fn unknown(why: &str) -> Health {
        Health {
            state: HealthState::Unknown,
            text: why.to_owned(),
            figures: String::new(),
        }
    }

    /// The line for a monitoring system.
    #[must_use]
    pub fn line(&self) -> String {
        let text = plain(&self.text);
        match self.figures.is_empty() {
            true => format!("WNM {} - {text}", self.state),
            false => format!("WNM {} - {text} | {}", self.state, self.figures),
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let state = self.state.to_string();
        pretty(
            &json!({ "state": state, "code": self.state as u8, "text": self.text, "performance_data": self.figures }),
        )
    }
}

/// Printable ASCII without the characters that have a meaning in the line.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '|' => '/',
        ';' => ',',
        ' '..='~' => c,
        _ => '?',
    };
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain: String = text.chars().map(plain).collect();
    if plain.len() > LONGEST_TEXT {
        plain.truncate(LONGEST_TEXT - 3);
        plain.push_str("...");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_one_line_of_plain_ascii() {
        assert_eq!(plain("a|b;c\nd\u{1b}é"), "a/b,c d??");
        assert_eq!(plain(&"x".repeat(500)).len(), 200);
    }

    #[test]
    fn unknown_has_no_performance_data() {
        let health = Health::unknown("cannot read the colony");
        assert_eq!(health.line(), "WNM UNKNOWN - cannot read the colony");
        assert_eq!(health.state as u8, 3);
    }
}
