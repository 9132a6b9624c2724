//! What a run is asked to do, from what its flags say.

use crate::plan::{ForcedAction, NodeSelection};
use crate::settings::{ForceAction, ReportKind, RunOptions};

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
    Order(ForcedAction),
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
            Some(ForceAction::DbMigration) => return Request::Migrate,
            Some(ForceAction::Nullop | ForceAction::UpdateConfig | ForceAction::DisableConfig)
                if !run.init =>
            {
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
        let count = i64::from(run.count.unwrap_or(1));
        let whom = || match run.service_name.as_slice() {
            [] => NodeSelection::Count(count),
            names => NodeSelection::Named(names.to_vec()),
        };
        match run.force_action {
            None => Request::Cycle,
            Some(ForceAction::Add) => Request::Order(ForcedAction::Add { count }),
            Some(ForceAction::Remove) => Request::Order(ForcedAction::Remove(whom())),
            Some(ForceAction::Upgrade) => Request::Order(ForcedAction::Upgrade(whom())),
            Some(ForceAction::Start) => Request::Order(ForcedAction::Start(whom())),
            Some(ForceAction::Stop) => Request::Order(ForcedAction::Stop(whom())),
            Some(ForceAction::Disable) => Request::Order(ForcedAction::Disable(whom())),
            Some(ForceAction::Teardown) => Request::Order(ForcedAction::Teardown),
            Some(ForceAction::Survey) => Request::Survey(run.service_name.clone()),
            Some(ForceAction::DbMigration) => Request::Migrate,
            Some(ForceAction::Nullop | ForceAction::UpdateConfig | ForceAction::DisableConfig) => {
                Request::Settings
            }
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
            Request::Order(ForcedAction::Add { .. } | ForcedAction::Teardown) => false,
            Request::Order(_) | Request::Survey(_) => true,
            Request::Report(kind) => !matches!(
                kind,
                ReportKind::MachineConfig | ReportKind::MachineMetrics | ReportKind::Plan
            ),
            _ => false,
        };
        let is_counted = match self {
            Request::Order(ForcedAction::Add { .. }) | Request::Report(ReportKind::History) => true,
            Request::Order(_) => !said("service_name"),
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
        let add = Request::Order(ForcedAction::Add { count: 1 });
        assert_eq!(names(&add, &["count", "service_name"]), ["service_name"]);
        let stop = Request::Order(ForcedAction::Stop(NodeSelection::listed("1")));
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
            force_action: Some(ForceAction::Remove),
            ..RunOptions::default()
        };
        assert_eq!(Request::of(&run), Request::Init);
        run.init = false;
        assert_eq!(Request::of(&run), Request::Report(ReportKind::NodeStatus));
        run.report = None;
        assert_eq!(
            Request::of(&run),
            Request::Order(ForcedAction::Remove(NodeSelection::Count(1)))
        );
    }
}
