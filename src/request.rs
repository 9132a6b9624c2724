//! What a run is asked to do, from what its flags say.

use crate::colony::{ChosenBy, ForcedAction};
use crate::plan::NodeSelection;
use crate::settings::{ForceAction, OtherAction, ReportKind, RunOptions};

/// One thing a run does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Survey, plan, execute: what cron runs.
    Cycle,
    /// Make a colony.
    Init,
    /// Take nodes that are there into a colony that has none.
    Import,
    /// Give the nodes that were anm's back to it.
    GiveBack,
    /// Keep the settings that were given, and nothing else.
    Settings,
    /// Bring the database up to date.
    Migrate,
    /// Remove the lock file of a killed run.
    Unlock,
    /// Look at these nodes, or at all, and write down what is seen.
    Survey(Vec<String>),
    /// Do what the operator says, past thresholds and quotas.
    Order(ForcedAction, NodeSelection),
    /// Show what is stored.
    Report(ReportKind),
    /// Look for what keeps a colony from working.
    Doctor,
}

impl Request {
    /// What `run` asks for. As with the peer `--init` goes before a report, and a report before an action.
    #[must_use]
    pub fn of(run: &RunOptions) -> Request {
        // It changes nothing, so nothing that stands beside it may.
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

/// A flag of an order or a report that stands where there is none, and what it goes with.
pub type IgnoredFlag = (&'static str, &'static str);

impl Request {
    /// Those of the flags `said` that this request does not heed, so that the operator is told.
    #[must_use]
    pub fn unheeded(&self, said: impl Fn(&str) -> bool) -> Vec<IgnoredFlag> {
        let is_about_nodes = match self {
            Request::Order(action, _) => {
                matches!(action.facts().chosen_by, ChosenBy::Name | ChosenBy::NameOrCount)
            }
            Request::Survey(_) => true,
            Request::Report(kind) => !matches!(
                kind,
                ReportKind::MachineConfig | ReportKind::MachineMetrics | ReportKind::Plan
            ),
            _ => false,
        };
        let is_counted = match self {
            Request::Report(ReportKind::History) => true,
            Request::Order(action, _) => action.facts().chosen_by == ChosenBy::Count || !said("service_name"),
            _ => false,
        };
        let is_first_run = *self == Request::Init;
        [
            ("service_name", is_about_nodes, "an order or a report about nodes"),
            (
                "count",
                is_counted,
                "an order without names, or `--report history`",
            ),
            ("migrate_anm", is_first_run, "`--init`"),
            (
                "import",
                is_first_run || *self == Request::Import,
                "`--init`, or a run of its own",
            ),
            (
                "report_format",
                matches!(self, Request::Report(_) | Request::Doctor),
                "`--report`",
            ),
        ]
        .into_iter()
        .filter(|(name, is_heeded, _)| !is_heeded && said(name))
        .map(|(name, _, goes_with)| (name, goes_with))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_does_nothing_is_told_of() {
        let names = |request: &Request, said: &[&str]| -> Vec<&str> {
            let unheeded = request.unheeded(|name| said.contains(&name));
            unheeded.into_iter().map(|(name, _)| name).collect()
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
    fn without_a_word_it_is_a_cycle() {
        assert_eq!(Request::of(&RunOptions::default()), Request::Cycle);
    }

    #[test]
    fn init_goes_before_a_report_and_a_report_before_an_action() {
        let mut run = RunOptions {
            init: true,
            report: Some(ReportKind::NodeStatus),
            force_action: Some(ForceAction::Nodes(ForcedAction::Remove)),
            ..RunOptions::default()
        };
        assert_eq!(Request::of(&run), Request::Init);
        run.init = false;
        assert_eq!(Request::of(&run), Request::Report(ReportKind::NodeStatus));
        run.report = None;
        assert_eq!(
            Request::of(&run),
            Request::Order(ForcedAction::Remove, NodeSelection::Count(1))
        );
    }
}
