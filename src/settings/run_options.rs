//! The options of one run, typed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr, ParseError, VariantNames};

use super::deserialize::optional_word;
use crate::colony::{ForcedAction, ManagerKind, NodeState, Since, Until, Version};

/// An action that replaces the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForceAction {
    /// An action on nodes.
    Nodes(ForcedAction),
    Other(OtherAction),
}

/// An action of `--force_action` that is not an action on nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum OtherAction {
    Survey,
    #[strum(serialize = "wnm-db-migration")]
    DbMigration,
    Nullop,
    #[strum(serialize = "update_config")]
    UpdateConfig,
    #[strum(serialize = "disable_config")]
    DisableConfig,
}

impl FromStr for ForceAction {
    type Err = ParseError;

    fn from_str(word: &str) -> Result<ForceAction, ParseError> {
        let on_nodes = word.parse().map(ForceAction::Nodes);
        on_nodes.or_else(|_| word.parse().map(ForceAction::Other))
    }
}

/// A report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
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
    /// The colony in Prometheus' text format.
    Prometheus,
    /// Hourly or daily figures.
    Trend,
}

impl ReportKind {
    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// The format of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum ReportFormat {
    #[default]
    Text,
    Json,
    /// `NAME=value` in capitals, for a shell and for `.env`.
    Env,
    /// `name=value`, for a config file.
    Config,
    /// The names and types of NTracking; only for influx-resources.
    Ntracking,
    /// Comma-separated values; only for trend.
    Csv,
}

impl ReportFormat {
    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// A column of `wnm status`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumIter, EnumString, IntoStaticStr, VariantNames,
)]
#[strum(serialize_all = "snake_case")]
pub enum StatusColumn {
    Id,
    Service,
    State,
    Version,
    Age,
    Uptime,
    Memory,
    Cpu,
    Peers,
    Records,
    Rewards,
    Shunned,
    Manager,
    Storage,
    PeerId,
    Wallet,
    Problem,
}

impl StatusColumn {
    /// Every column, in the order of the table.
    pub fn all() -> impl Iterator<Item = StatusColumn> {
        StatusColumn::iter()
    }

    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// What a takeover does with NTracking's collector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, EnumString, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Collector {
    /// It continues to run, and wnm updates the file that it reads.
    #[default]
    Keep,
    /// wnm's report runs in its place.
    Replace,
}

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, EnumString, VariantNames)]
#[strum(serialize_all = "UPPERCASE")]
pub enum LogLevel {
    Critical,
    Error,
    #[strum(to_string = "WARNING", serialize = "WARN")]
    Warning,
    #[default]
    Info,
    // NOTSET of the Python wnm logs everything, and its lowest level is DEBUG.
    #[strum(to_string = "DEBUG", serialize = "NOTSET")]
    Debug,
    Trace,
}

/// The options of one run. The name of a field is the name of its setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunOptions {
    pub config: Option<PathBuf>,
    pub dbpath: Option<PathBuf>,
    pub dry_run: bool,
    pub init: bool,
    pub import: bool,
    pub migrate_anm: bool,
    #[serde(deserialize_with = "seconds")]
    pub anm_wait: Option<Duration>,
    #[serde(deserialize_with = "optional_word")]
    pub ntracking: Option<Collector>,
    pub rollback_anm: bool,
    #[serde(deserialize_with = "optional_word")]
    pub force_action: Option<ForceAction>,
    /// Empty: no node was named.
    pub service_name: Vec<String>,
    /// At least 1.
    pub count: Option<u32>,
    #[serde(deserialize_with = "state")]
    pub state: Option<NodeState>,
    #[serde(deserialize_with = "version")]
    pub older_than: Option<Version>,
    pub storage: Option<PathBuf>,
    #[serde(deserialize_with = "manager")]
    pub manager: Option<ManagerKind>,
    pub silent: bool,
    pub columns: Vec<String>,
    #[serde(deserialize_with = "optional_word")]
    pub sort: Option<StatusColumn>,
    #[serde(deserialize_with = "until")]
    pub until: Option<Until>,
    pub reason: Option<String>,
    pub stop: bool,
    pub follow: bool,
    pub lines: Option<u32>,
    pub changed: bool,
    pub confirm: bool,
    pub remove_lockfile: bool,
    #[serde(deserialize_with = "optional_word")]
    pub report: Option<ReportKind>,
    #[serde(deserialize_with = "optional_word")]
    pub report_format: Option<ReportFormat>,
    pub json: bool,
    pub doctor: bool,
    #[serde(deserialize_with = "since")]
    pub since: Option<Since>,
    #[serde(deserialize_with = "optional_word")]
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

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    u64::deserialize(deserializer).map(|seconds| Some(Duration::from_secs(seconds)))
}

fn since<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Since>, D::Error> {
    String::deserialize(deserializer).map(|text| Since::parse(&text))
}

fn until<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Until>, D::Error> {
    String::deserialize(deserializer).map(|text| Until::parse(&text))
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NodeState>, D::Error> {
    let word = String::deserialize(deserializer)?;
    Ok(NodeState::from_word(&word.to_ascii_uppercase()))
}

fn manager<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ManagerKind>, D::Error> {
    String::deserialize(deserializer).map(|text| ManagerKind::from_choice(&text))
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Version::new))
}

impl RunOptions {
    /// The log level: `--quiet` overrides `--verbose`, which overrides `--loglevel`.
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

    /// Whether the operator chose no log level.
    #[must_use]
    pub fn has_default_level(&self) -> bool {
        !self.quiet && !self.verbose && self.loglevel.is_none()
    }

    /// The format of a report: `--json` overrides `--report_format`.
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
    use super::super::setting::ValueType;
    use super::super::table::find;
    use super::{LogLevel, ReportFormat, RunOptions};

    #[test]
    fn every_log_level_of_the_table_is_valid() {
        let Some(ValueType::Choice(words)) = find("loglevel").map(|setting| setting.value_type) else {
            panic!("`loglevel` is a choice");
        };
        assert_eq!(words.len(), 8);
        for word in words {
            assert!(word.parse::<LogLevel>().is_ok(), "{word}");
        }
    }

    #[test]
    fn quiet_overrides_verbose() {
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
    fn json_selects_the_json_format() {
        let run = RunOptions {
            json: true,
            ..RunOptions::default()
        };
        assert_eq!(run.format(), ReportFormat::Json);
        assert_eq!(RunOptions::default().format(), ReportFormat::Text);
    }
}
