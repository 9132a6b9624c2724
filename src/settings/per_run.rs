//! The settings of one run, which the colony does not store.

use strum::VariantNames;

use super::run_options::{Collector, LogLevel, OtherAction, ReportFormat, ReportKind, StatusColumn};
use super::setting::{EnvName, Group, KnownTo, Lifetime, Setting, Unit, ValueType};
use crate::colony::{ForcedAction, ManagerKind, NodeState};

/// The log levels, and other names that `--loglevel` accepts.
const LEVELS: &[&str] = &joined::<{ LogLevel::VARIANTS.len() + 2 }>(LogLevel::VARIANTS, &["WARN", "NOTSET"]);

/// The actions on nodes, and the others.
const ACTIONS: &[&str] = &joined::<{ ForcedAction::VARIANTS.len() + OtherAction::VARIANTS.len() }>(
    ForcedAction::VARIANTS,
    OtherAction::VARIANTS,
);

/// The words of both lists; `N` is their number.
const fn joined<const N: usize>(first: &[&'static str], second: &[&'static str]) -> [&'static str; N] {
    let mut words = [""; N];
    let mut n = 0;
    while n < N {
        words[n] = if n < first.len() {
            first[n]
        } else {
            second[n - first.len()]
        };
        n += 1;
    }
    words
}

const NODES: ValueType = ValueType::Whole {
    min: 1,
    max: 10_000,
    unit: Unit::Nodes,
    or_none: false,
};

const LINES: ValueType = ValueType::Whole {
    min: 0,
    max: 1_000_000,
    unit: Unit::Lines,
    or_none: false,
};

const ANM_WAIT: ValueType = ValueType::Whole {
    min: 0,
    max: 86_400,
    unit: Unit::Seconds,
    or_none: false,
};

const MILLISECONDS: ValueType = ValueType::Whole {
    min: 0,
    max: i64::MAX,
    unit: Unit::Milliseconds,
    or_none: false,
};

/// Where a setting of one run can be set.
#[derive(Clone, Copy)]
enum Sources {
    /// Flags, variables and files.
    All,
    /// Flags and files, because the name of the variable would be too general.
    NoVariable,
    /// Flags.
    FlagOnly,
}

const fn of_run(
    sources: Sources,
    group: Group,
    name: &'static str,
    value_type: ValueType,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        variable: match sources {
            Sources::All => EnvName::Capitals,
            Sources::NoVariable | Sources::FlagOnly => EnvName::Nothing,
        },
        value_type,
        lifetime: match sources {
            Sources::All | Sources::NoVariable => Lifetime::Run,
            Sources::FlagOnly => Lifetime::Flag,
        },
        known_to: KnownTo::Both,
        default: "",
        group,
        help,
    }
}

/// One row for each setting: where it can be set, group, name, type and help.
macro_rules! settings {
    ($($sources:ident, $group:ident, $name:literal, $type:expr, $help:literal;)*) => {
        &[$(of_run(Sources::$sources, Group::$group, $name, $type, $help)),*]
    };
}

pub(super) const PER_RUN: &[Setting] = settings! {
    FlagOnly, Run, "config", ValueType::File, "Also read this config file";
    All, Run, "dbpath", ValueType::Database, "The database of the colony: a path, or sqlite:///path";
    All, Run, "dry_run", ValueType::Switch, "Show what would be done, and change nothing";
    FlagOnly, Init, "init", ValueType::Switch, "Set up the node database (the \"colony\")";
    FlagOnly, Init, "import", ValueType::Switch,
        "Import the nodes on this machine: with --init, or into a colony without nodes";
    FlagOnly, Init, "migrate_anm", ValueType::Switch, "With --init: take over the nodes of anm without stopping them";
    FlagOnly, Init, "anm_wait", ANM_WAIT, "With --migrate_anm: how long to wait for a run of anm to end (default: 900)";
    FlagOnly, Init, "ntracking", ValueType::Choice(Collector::VARIANTS),
        "With --migrate_anm: keep NTracking's collector, or replace it with wnm's report";
    FlagOnly, Init, "rollback_anm", ValueType::Switch,
        "Return the nodes to anm; --confirm: even if anm would act on wrong nodes";
    All, Actions, "force_action", ValueType::Choice(ACTIONS), "Do this instead of what wnm would decide";
    All, Actions, "service_name", ValueType::Names,
        "The nodes of an action or report: antnode0001,antnode0003";
    All, Actions, "count", NODES, "Number of nodes of an action without --service_name";
    FlagOnly, Choice, "state", ValueType::Choice(NodeState::WORDS), "Only nodes in this state";
    FlagOnly, Choice, "older_than", ValueType::Version, "Only nodes whose version is below this one";
    FlagOnly, Choice, "storage", ValueType::File, "Only nodes whose data is in this directory";
    FlagOnly, Choice, "manager", ValueType::Choice(&ManagerKind::CHOICES), "Only nodes of this process manager";
    FlagOnly, Choice, "silent", ValueType::Switch, "Only nodes that did not answer the last survey";
    FlagOnly, Commands, "columns", ValueType::Names,
        "With status: these columns, or all; id,state,version,memory,problem and others";
    FlagOnly, Commands, "sort", ValueType::Choice(StatusColumn::VARIANTS),
        "With status: sort by this column; numbers from high to low";
    FlagOnly, Commands, "until", ValueType::Until,
        "With pause and disable: until then; 2h, 3d, 'tomorrow 06:00', 2026-11-23T22:00";
    FlagOnly, Commands, "reason", ValueType::Text, "With pause and disable: why, for status and history";
    FlagOnly, Commands, "stop", ValueType::Switch, "With pause: also stop the nodes";
    FlagOnly, Commands, "follow", ValueType::Switch, "With logs: continue to print new lines";
    FlagOnly, Commands, "lines", LINES, "With logs: the number of lines (default: 20)";
    FlagOnly, Commands, "changed", ValueType::Switch, "With config list: only settings that differ from the default";
    FlagOnly, Actions, "confirm", ValueType::Switch,
        "Allow an action that deletes or rebuilds, or one that a safety stop prevents";
    FlagOnly, Actions, "remove_lockfile", ValueType::Switch, "Delete the lock file of a killed run";
    All, Reports, "report", ValueType::Choice(ReportKind::VARIANTS), "Only print this report";
    All, Reports, "report_format", ValueType::Choice(ReportFormat::VARIANTS), "Format of the report (default: text)";
    NoVariable, Reports, "json", ValueType::Switch, "Same as --report_format json";
    FlagOnly, Reports, "doctor", ValueType::Switch, "Find problems of the colony, and show how to fix them";
    FlagOnly, Reports, "since", ValueType::Since,
        "With --report history or trend: only since then; 2h, 3d, 2026-11-23, or seconds since 1970";
    All, Log, "loglevel", ValueType::Choice(LEVELS), "Least severe level that is logged (default: INFO)";
    NoVariable, Log, "verbose", ValueType::Switch, "Same as --loglevel DEBUG";
    NoVariable, Log, "quiet", ValueType::Switch, "Log errors only";
    NoVariable, Log, "show_machine_config", ValueType::Switch, "Log every setting and its source";
    NoVariable, Log, "show_machine_metrics", ValueType::Switch, "Log the metrics of the machine and its nodes";
    NoVariable, Log, "show_decisions", ValueType::Switch, "Log which limits are met and which are exceeded";
    All, Pace, "this_survey_delay", MILLISECONDS, "survey_delay of this run";
    All, Pace, "this_action_delay", MILLISECONDS, "action_delay of this run";
    All, Pace, "interval", MILLISECONDS, "Same as --this_action_delay, and overrides it";
    All, Tools, "rust_backtrace", ValueType::Choice(&["0", "1", "full"]), "RUST_BACKTRACE of antctl in this run";
};
