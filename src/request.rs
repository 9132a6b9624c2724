//! What a run does, decided by its options.

use crate::arguments::{CommandWords, OtherCommand, Subcommand};
use crate::colony::{ChosenBy, ForcedAction};
use crate::plan::NodeSelection;
use crate::settings::{ForceAction, OtherAction, ReportKind, RunOptions};

/// One thing a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Survey, plan, execute: what cron runs.
    Cycle,
    /// Make a colony: `--init`.
    Init,
    /// Import the nodes of this machine into a colony that has none.
    Import,
    /// Return the nodes to anm.
    GiveBack,
    /// Store the given settings, and do nothing else.
    Settings,
    /// Migrate the database to the current schema.
    Migrate,
    /// Delete the lock file of a killed run.
    Unlock,
    /// Survey these nodes, or all if none is named, and store the results.
    Survey(Vec<String>),
    /// A forced action, which ignores limits, quotas and delays.
    Order(ForcedAction, NodeSelection),
    /// Print a report.
    Report(ReportKind),
    /// Show the nodes, one line each.
    Status,
    /// Stop nodes and start them again.
    Restart(NodeSelection),
    /// Print the log of nodes.
    Logs,
    /// Show or change settings, as these words say.
    Config(Vec<String>),
    /// Let cron or systemd run wnm, as these words say.
    Schedule(Vec<String>),
    /// Print one line for a monitoring system.
    Health,
    /// Change nothing for a while: of these nodes, or of all if none is named.
    Pause(Vec<String>),
    /// End a pause.
    Resume(Vec<String>),
    /// Find problems of the colony.
    Doctor,
}

impl Request {
    /// What a command line requests: its command in words, or else its flags.
    #[must_use]
    pub fn new(command: Option<&CommandWords>, run: &RunOptions) -> Request {
        match command {
            Some(words) => Request::from_command(words, run),
            None => Request::from_options(run),
        }
    }

    fn from_command(words: &CommandWords, run: &RunOptions) -> Request {
        let select = |action| {
            let count = i64::from(run.count.unwrap_or(1));
            NodeSelection::of(action, &run.service_name, count)
        };
        let order = |action| Request::Order(action, select(action));
        match words.command {
            Subcommand::Action(action) => order(action),
            Subcommand::Other(other) => match other {
                OtherCommand::Status => Request::Status,
                OtherCommand::Plan => Request::Report(ReportKind::Plan),
                OtherCommand::History => Request::Report(ReportKind::History),
                OtherCommand::Doctor => Request::Doctor,
                OtherCommand::Health => Request::Health,
                OtherCommand::Logs => Request::Logs,
                OtherCommand::Config => Request::Config(words.words.clone()),
                OtherCommand::Schedule => Request::Schedule(words.words.clone()),
                OtherCommand::Pause => Request::Pause(run.service_name.clone()),
                OtherCommand::Resume => Request::Resume(run.service_name.clone()),
                OtherCommand::Restart => Request::Restart(select(ForcedAction::Stop)),
                OtherCommand::Enable => order(ForcedAction::Start),
            },
        }
    }

    /// What `run` requests. As for the Python wnm, `--init` has priority over a report, and a report over an action.
    fn from_options(run: &RunOptions) -> Request {
        // It changes nothing, so no other flag may change anything.
        if run.doctor {
            return Request::Doctor;
        }
        if run.remove_lockfile {
            return Request::Unlock;
        }
        if run.rollback_anm {
            return Request::GiveBack;
        }
        match run.force_action {
            Some(ForceAction::Other(OtherAction::DbMigration)) => return Request::Migrate,
            Some(ForceAction::Other(action)) if action != OtherAction::Survey && !run.init => {
                return Request::Settings;
            }
            _ => {}
        }
        if run.init {
            return Request::Init;
        }
        if run.import {
            return Request::Import;
        }
        if let Some(report) = run.report {
            return Request::Report(report);
        }
        match run.force_action {
            None => Request::Cycle,
            Some(ForceAction::Nodes(action)) => {
                let count = i64::from(run.count.unwrap_or(1));
                Request::Order(action, NodeSelection::of(action, &run.service_name, count))
            }
            Some(ForceAction::Other(OtherAction::Survey)) => Request::Survey(run.service_name.clone()),
            Some(ForceAction::Other(OtherAction::DbMigration)) => Request::Migrate,
            Some(ForceAction::Other(_)) => Request::Settings,
        }
    }
}

/// What the filters of nodes are used with.
const FILTERED: &str = "an action or a report about nodes";

/// A flag that this request does not use, and the requests that use it.
pub type IgnoredFlag = (&'static str, &'static str);

impl Request {
    /// The flags that were given and that this request does not use, for an error. `is_given` returns whether a flag was
    /// given.
    #[must_use]
    pub fn unused_flags(&self, is_given: impl Fn(&str) -> bool) -> Vec<IgnoredFlag> {
        let uses_names = match self {
            Request::Order(action, _) => {
                matches!(action.facts().chosen_by, ChosenBy::Name | ChosenBy::NameOrCount)
            }
            Request::Survey(_)
            | Request::Status
            | Request::Logs
            | Request::Restart(_)
            | Request::Pause(_)
            | Request::Resume(_) => true,
            Request::Report(kind) => !matches!(
                kind,
                ReportKind::MachineConfig
                    | ReportKind::MachineMetrics
                    | ReportKind::Plan
                    | ReportKind::Prometheus
                    | ReportKind::Trend
            ),
            _ => false,
        };
        let uses_count = match self {
            Request::Report(ReportKind::History) | Request::Restart(_) => true,
            Request::Order(action, _) => {
                action.facts().chosen_by == ChosenBy::Count || !is_given("service_name")
            }
            _ => false,
        };
        let is_init = *self == Request::Init;
        let has_end = matches!(self, Request::Pause(_) | Request::Order(ForcedAction::Disable, _));
        [
            ("service_name", uses_names, "an action or a report about nodes"),
            (
                "count",
                uses_count,
                "an action without names, or `--report history`",
            ),
            ("state", uses_names, FILTERED),
            ("older_than", uses_names, FILTERED),
            ("storage", uses_names, FILTERED),
            ("manager", uses_names, FILTERED),
            ("silent", uses_names, FILTERED),
            ("until", has_end, "`wnm pause` and `wnm disable`"),
            ("reason", has_end, "`wnm pause` and `wnm disable`"),
            ("stop", matches!(self, Request::Pause(_)), "`wnm pause`"),
            ("follow", *self == Request::Logs, "`wnm logs`"),
            ("lines", *self == Request::Logs, "`wnm logs`"),
            ("changed", matches!(self, Request::Config(_)), "`wnm config list`"),
            ("columns", *self == Request::Status, "`wnm status`"),
            ("sort", *self == Request::Status, "`wnm status`"),
            ("migrate_anm", is_init, "`--init`"),
            (
                "since",
                matches!(self, Request::Report(_)),
                "`--report history` or `--report trend`",
            ),
            (
                "import",
                is_init || *self == Request::Import,
                "`--init`, or a run of its own",
            ),
            (
                "report_format",
                matches!(self, Request::Report(_) | Request::Doctor | Request::Status),
                "`--report`",
            ),
        ]
        .into_iter()
        .filter(|(name, is_used, _)| !is_used && is_given(name))
        .map(|(name, _, used_with)| (name, used_with))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_flags_are_reported() {
        let names = |request: &Request, said: &[&str]| -> Vec<&str> {
            let unused = request.unused_flags(|name| said.contains(&name));
            unused.into_iter().map(|(name, _)| name).collect()
        };
        let nothing: Vec<&str> = Vec::new();
        assert_eq!(names(&Request::Cycle, &["count", "import"]), ["count", "import"]);
        let add = Request::Order(ForcedAction::Add, NodeSelection::Count(1));
        assert_eq!(names(&add, &["count", "service_name"]), ["service_name"]);
        let stop = Request::Order(ForcedAction::Stop, NodeSelection::Named(vec!["1".to_owned()]));
        assert_eq!(names(&stop, &["count", "service_name"]), ["count"]);
        assert_eq!(names(&stop, &["service_name"]), nothing);
        assert_eq!(names(&Request::Init, &["migrate_anm", "import"]), nothing);
        let history = Request::Report(ReportKind::History);
        assert_eq!(
            names(&history, &["count", "service_name", "report_format"]),
            nothing
        );
    }

    #[test]
    fn run_without_flags_is_a_cycle() {
        assert_eq!(Request::from_options(&RunOptions::default()), Request::Cycle);
    }

    #[test]
    fn init_has_priority_over_reports_and_reports_over_actions() {
        let mut run = RunOptions {
            init: true,
            report: Some(ReportKind::NodeStatus),
            force_action: Some(ForceAction::Nodes(ForcedAction::Remove)),
            ..RunOptions::default()
        };
        assert_eq!(Request::from_options(&run), Request::Init);
        run.init = false;
        assert_eq!(
            Request::from_options(&run),
            Request::Report(ReportKind::NodeStatus)
        );
        run.report = None;
        assert_eq!(
            Request::from_options(&run),
            Request::Order(ForcedAction::Remove, NodeSelection::Count(1))
        );
    }
}
