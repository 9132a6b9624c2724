//! The settings of one run, which no colony keeps.

use super::run_options::ACTIONS;
use super::table::{EnvName, Group, Lifetime, Setting, Unit, ValueType};

/// The levels of the log; the peer's words, and those of others for the same.
pub(super) const LEVELS: &[&str] = &[
    "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "TRACE", "WARN", "NOTSET",
];

/// What `--report` takes.
pub(super) const REPORTS: &[&str] = &[
    "node-status",
    "node-status-details",
    "influx-resources",
    "machine-config",
    "machine-metrics",
    "history",
    "plan",
];

/// What `--report_format` takes.
pub(super) const FORMATS: &[&str] = &["text", "json", "env", "config", "ntracking"];

/// What `--ntracking` takes.
pub(super) const COLLECTORS: &[&str] = &["keep", "replace"];

/// What `--rust_backtrace` takes.
pub(super) const BACKTRACES: &[&str] = &["0", "1", "full"];

const MILLISECONDS: ValueType = ValueType::Whole {
    min: 0,
    max: i64::MAX,
    unit: Unit::Milliseconds,
    or_none: false,
};

/// A setting that files and variables may say, too.
const fn run(group: Group, name: &'static str, takes: ValueType, help: &'static str) -> Setting {
    Setting {
        name,
        variable: EnvName::Capitals,
        takes,
        kept: Lifetime::Run,
        default: "",
        group,
        help,
    }
}

/// A switch without a name in the environment.
const fn bare(group: Group, name: &'static str, help: &'static str) -> Setting {
    Setting {
        variable: EnvName::Nothing,
        ..run(group, name, ValueType::Switch, help)
    }
}

/// An order given by hand.
const fn flag(group: Group, name: &'static str, takes: ValueType, help: &'static str) -> Setting {
    Setting {
        variable: EnvName::Nothing,
        kept: Lifetime::Flag,
        ..run(group, name, takes, help)
    }
}

pub(super) const MOMENTARY: &[Setting] = &[
    flag(
        Group::Run,
        "config",
        ValueType::File,
        "Read this file of settings, too",
    ),
    run(
        Group::Run,
        "dbpath",
        ValueType::Database,
        "The colony: a path, or sqlite:///path",
    ),
    run(
        Group::Run,
        "dry_run",
        ValueType::Switch,
        "Show what would be done and change nothing",
    ),
    flag(Group::Init, "init", ValueType::Switch, "Make the colony"),
    flag(
        Group::Init,
        "import",
        ValueType::Switch,
        "Take in the nodes that are there: with --init, or into a colony without nodes",
    ),
    flag(
        Group::Init,
        "migrate_anm",
        ValueType::Switch,
        "With --init: take the nodes of anm over, none of which is touched",
    ),
    flag(
        Group::Init,
        "anm_wait",
        ValueType::Whole {
            min: 0,
            max: 86_400,
            unit: Unit::Seconds,
            or_none: false,
        },
        "With --migrate_anm: how long a run of anm is waited for (900 unless said)",
    ),
    flag(
        Group::Init,
        "ntracking",
        ValueType::Choice(COLLECTORS),
        "With --migrate_anm: keep NTracking's collector, or replace it by wnm's report",
    ),
    flag(
        Group::Init,
        "rollback_anm",
        ValueType::Switch,
        "Give the nodes back to anm; with --confirm though it would act on wrong ones",
    ),
    run(
        Group::Orders,
        "force_action",
        ValueType::Choice(ACTIONS),
        "Do this instead of what is planned",
    ),
    run(
        Group::Orders,
        "service_name",
        ValueType::Names,
        "Which nodes an order or a report is about: antnode0001,antnode0003",
    ),
    run(
        Group::Orders,
        "count",
        ValueType::Whole {
            min: 1,
            max: 10_000,
            unit: Unit::Nodes,
            or_none: false,
        },
        "How many nodes an order without names is about",
    ),
    flag(
        Group::Orders,
        "confirm",
        ValueType::Switch,
        "Do what destroys or rebuilds, or what a safety stop holds back",
    ),
    flag(
        Group::Orders,
        "remove_lockfile",
        ValueType::Switch,
        "Remove a lock file that was left behind",
    ),
    run(
        Group::Reports,
        "report",
        ValueType::Choice(REPORTS),
        "Do nothing but print a report",
    ),
    run(
        Group::Reports,
        "report_format",
        ValueType::Choice(FORMATS),
        "How the report is written; text if nothing is said",
    ),
    bare(Group::Reports, "json", "The same as --report_format json"),
    flag(
        Group::Reports,
        "doctor",
        ValueType::Switch,
        "Look for what keeps a colony from working, and say what to do",
    ),
    flag(
        Group::Reports,
        "since",
        ValueType::Since,
        "With --report history: nothing from before; 2h, 3d, 2026-11-23, or seconds since 1970",
    ),
    run(
        Group::Output,
        "loglevel",
        ValueType::Choice(LEVELS),
        "How much is logged; INFO if nothing is said",
    ),
    bare(Group::Output, "verbose", "The same as --loglevel DEBUG"),
    bare(Group::Output, "quiet", "Log errors only"),
    bare(
        Group::Output,
        "show_machine_config",
        "Log every setting and where it comes from",
    ),
    bare(
        Group::Output,
        "show_machine_metrics",
        "Log the figures of machine and colony",
    ),
    bare(
        Group::Output,
        "show_decisions",
        "Log what was allowed and what pressed",
    ),
    run(
        Group::Pace,
        "this_survey_delay",
        MILLISECONDS,
        "The survey_delay of this run",
    ),
    run(
        Group::Pace,
        "this_action_delay",
        MILLISECONDS,
        "The action_delay of this run",
    ),
    run(
        Group::Pace,
        "interval",
        MILLISECONDS,
        "The same, before --this_action_delay",
    ),
    run(
        Group::Tools,
        "rust_backtrace",
        ValueType::Choice(BACKTRACES),
        "RUST_BACKTRACE of antctl in this run",
    ),
];
