//! What one run was asked to do: the settings no colony keeps, typed.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{EnumString, VariantNames};

use super::parse_value::Values;
use crate::colony::{ForcedAction, Since};

/// What `--force_action` can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForceAction {
    /// An action on nodes.
    Nodes(ForcedAction),
    Other(OtherAction),
}

/// What `--force_action` can ask for that is no action on nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum OtherAction {
    Survey,
    #[strum(serialize = "wnm-db-migration")]
    DbMigration,
    Nullop,
    UpdateConfig,
    DisableConfig,
}

/// Every word that `--force_action` takes.
pub(super) const ACTIONS: &[&str] = &{
    let (nodes, others) = (ForcedAction::VARIANTS, OtherAction::VARIANTS);
    let mut words = [""; ForcedAction::VARIANTS.len() + OtherAction::VARIANTS.len()];
    let mut place = 0;
    while place < words.len() {
        words[place] = if place < nodes.len() {
            nodes[place]
        } else {
            others[place - nodes.len()]
        };
        place += 1;
    }
    words
};

impl ForceAction {
    /// The action with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ForceAction> {
        let nodes = word.parse().map(ForceAction::Nodes);
        nodes.or_else(|_| word.parse().map(ForceAction::Other)).ok()
    }
}

/// A report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    NodeStatus,
    NodeStatusDetails,
    InfluxResources,
    MachineConfig,
    MachineMetrics,
    /// What was done, and why.
    History,
    /// What the next cycle would do, and why not more.
    Plan,
}

impl ReportKind {
    /// The report this word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ReportKind> {
        Some(match word {
            "node-status" => ReportKind::NodeStatus,
            "node-status-details" => ReportKind::NodeStatusDetails,
            "influx-resources" => ReportKind::InfluxResources,
            "machine-config" => ReportKind::MachineConfig,
            "machine-metrics" => ReportKind::MachineMetrics,
            "history" => ReportKind::History,
            "plan" => ReportKind::Plan,
            _ => return None,
        })
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ReportKind::NodeStatus => "node-status",
            ReportKind::NodeStatusDetails => "node-status-details",
            ReportKind::InfluxResources => "influx-resources",
            ReportKind::MachineConfig => "machine-config",
            ReportKind::MachineMetrics => "machine-metrics",
            ReportKind::History => "history",
            ReportKind::Plan => "plan",
        }
    }
}

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportFormat {
    #[default]
    Text,
    Json,
    /// `NAME=value` in capitals, for a shell and for `.env`.
    Env,
    /// `name=value`, a file of settings.
    Config,
    /// NTracking's names and types, of influx-resources only.
    Ntracking,
}

impl ReportFormat {
    /// The format this word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<ReportFormat> {
        Some(match word {
            "text" => ReportFormat::Text,
            "json" => ReportFormat::Json,
            "env" => ReportFormat::Env,
            "config" => ReportFormat::Config,
            "ntracking" => ReportFormat::Ntracking,
            _ => return None,
        })
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ReportFormat::Text => "text",
            ReportFormat::Json => "json",
            ReportFormat::Env => "env",
            ReportFormat::Config => "config",
            ReportFormat::Ntracking => "ntracking",
        }
    }
}

/// What becomes of NTracking's collector in a takeover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// It goes on, and wnm keeps the file that it reads up to date.
    #[default]
    Keep,
    /// wnm's own report is run in its place.
    Replace,
}

impl Collector {
    /// What this word means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Collector> {
        Some(match word {
            "keep" => Collector::Keep,
            "replace" => Collector::Replace,
            _ => return None,
        })
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Critical,
    Error,
    Warning,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The level this word means, in capitals.
    #[must_use]
    pub fn from_word(word: &str) -> Option<LogLevel> {
        Some(match word {
            "CRITICAL" => LogLevel::Critical,
            "ERROR" => LogLevel::Error,
            "WARNING" | "WARN" => LogLevel::Warning,
            "INFO" => LogLevel::Info,
            // The peer's NOTSET logs all it has, and it has nothing below DEBUG.
            "DEBUG" | "NOTSET" => LogLevel::Debug,
            "TRACE" => LogLevel::Trace,
            _ => return None,
        })
    }
}

/// All that one run was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOptions {
    pub config: Option<PathBuf>,
    pub dbpath: Option<PathBuf>,
    pub dry_run: bool,
    pub init: bool,
    pub import: bool,
    pub migrate_anm: bool,
    pub anm_wait: Option<Duration>,
    pub ntracking: Option<Collector>,
    pub rollback_anm: bool,
    pub force_action: Option<ForceAction>,
    /// Empty: none was named.
    pub service_name: Vec<String>,
    /// At least 1.
    pub count: Option<u32>,
    pub confirm: bool,
    pub remove_lockfile: bool,
    pub report: Option<ReportKind>,
    pub report_format: Option<ReportFormat>,
    pub json: bool,
    pub doctor: bool,
    pub since: Option<Since>,
    pub loglevel: Option<LogLevel>,
    pub verbose: bool,
    pub quiet: bool,
    pub show_machine_config: bool,
    pub show_machine_metrics: bool,
    pub show_decisions: bool,
    /// Milliseconds.
    pub this_survey_delay: Option<u64>,
    /// Milliseconds.
    pub this_action_delay: Option<u64>,
    /// Milliseconds.
    pub interval: Option<u64>,
    pub rust_backtrace: Option<String>,
}

impl RunOptions {
    pub(super) fn from_values(values: &Values) -> RunOptions {
        let milliseconds = |name| values.whole(name).map(i64::unsigned_abs);
        RunOptions {
            config: values.path("config"),
            dbpath: values.path("dbpath"),
            dry_run: values.on("dry_run"),
            init: values.on("init"),
            import: values.on("import"),
            migrate_anm: values.on("migrate_anm"),
            anm_wait: values
                .whole("anm_wait")
                .map(|s| Duration::from_secs(s.unsigned_abs())),
            ntracking: values.word("ntracking").and_then(Collector::from_word),
            rollback_anm: values.on("rollback_anm"),
            force_action: values.word("force_action").and_then(ForceAction::from_word),
            service_name: values.words("service_name"),
            count: values.whole("count").and_then(|count| u32::try_from(count).ok()),
            confirm: values.on("confirm"),
            remove_lockfile: values.on("remove_lockfile"),
            report: values.word("report").and_then(ReportKind::from_word),
            report_format: values.word("report_format").and_then(ReportFormat::from_word),
            json: values.on("json"),
            doctor: values.on("doctor"),
            since: values.word("since").and_then(Since::parse),
            loglevel: values.word("loglevel").and_then(LogLevel::from_word),
            verbose: values.on("verbose"),
            quiet: values.on("quiet"),
            show_machine_config: values.on("show_machine_config"),
            show_machine_metrics: values.on("show_machine_metrics"),
            show_decisions: values.on("show_decisions"),
            this_survey_delay: milliseconds("this_survey_delay"),
            this_action_delay: milliseconds("this_action_delay"),
            interval: milliseconds("interval"),
            rust_backtrace: values.word("rust_backtrace").map(str::to_owned),
        }
    }

    /// How much is logged: `-q` before `-v` before `--loglevel`.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        if self.quiet {
            LogLevel::Error
        } else if self.verbose {
            self.loglevel.unwrap_or_default().max(LogLevel::Debug)
        } else {
            self.loglevel.unwrap_or_default()
        }
    }

    /// How a report is written: `--json` before `--report_format`.
    #[must_use]
    pub fn format(&self) -> ReportFormat {
        if self.json {
            ReportFormat::Json
        } else {
            self.report_format.unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::per_run::{FORMATS, LEVELS, REPORTS};
    use super::ACTIONS;
    use super::{ForceAction, LogLevel, ReportFormat, ReportKind, RunOptions};

    #[test]
    fn every_word_the_table_allows_means_something() {
        assert!(ACTIONS.iter().all(|word| ForceAction::from_word(word).is_some()));
        assert!(
            REPORTS
                .iter()
                .all(|word| ReportKind::from_word(word).is_some_and(|kind| kind.word() == *word))
        );
        assert!(
            FORMATS
                .iter()
                .all(|word| ReportFormat::from_word(word).is_some_and(|format| format.word() == *word))
        );
        assert!(LEVELS.iter().all(|word| LogLevel::from_word(word).is_some()));
    }

    #[test]
    fn quiet_is_stronger_than_verbose() {
        let mut run = RunOptions {
            verbose: true,
            loglevel: Some(LogLevel::Warning),
            ..RunOptions::default()
        };
        assert_eq!(run.level(), LogLevel::Debug);
        run.quiet = true;
        assert_eq!(run.level(), LogLevel::Error);
        assert_eq!(RunOptions::default().level(), LogLevel::Info);
    }

    #[test]
    fn json_is_short_for_the_json_format() {
        let run = RunOptions {
            json: true,
            ..RunOptions::default()
        };
        assert_eq!(run.format(), ReportFormat::Json);
        assert_eq!(RunOptions::default().format(), ReportFormat::Text);
    }
}
