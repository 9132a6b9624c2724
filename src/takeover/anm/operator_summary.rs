//! What the operator is told of a takeover: what came of anm's settings and nodes, what he must know, what no longer
//! happens, and the way back.

use std::fmt::Write as _;
use std::path::Path;

use crate::settings::run_options::Collector;

use super::build::TakeoverPlan;
use super::convert_settings::ConvertedSetting;
use super::paths::{BLOCK, COLLECTOR_CRON, CRON, KEPT, NODE_DETAILS};
use super::steps::TakeoverOptions;
use super::{ntracking, schedule};

/// What anm did and wnm does not, whatever was found.
const NO_MORE: [&str; 3] = [
    "stopped nodes are not on a countdown to their deletion any more: they stay until they are removed by order",
    "nodes that are shunned are not wiped by NTracking's order (`shunned_remove` replaces them if you want that)",
    "the fattest node is not wiped under load: nodes are stopped, and started again in better times",
];

/// The account. `inventory` lists the nodes; without a `backup` it is of what would be done.
#[must_use]
pub fn of(judgement: &TakeoverPlan, inventory: &str, collector: Collector, backup: Option<&Path>) -> String {
    let mut text = format!(
        "{}\n\nsettings, and what they were for anm:\n",
        inventory.trim_end()
    );
    for taken in &judgement.settings {
        let _ = writeln!(text, "  {}", setting(taken));
    }
    if !judgement.warnings.is_empty() {
        let _ = writeln!(text, "\nwhat you should know ({}):", judgement.warnings.len());
        for warning in &judgement.warnings {
            let _ = writeln!(text, "  {warning}");
        }
    }
    if let Some(why) = ntracking::misses(&judgement.nodes)
        && collector == Collector::Keep
    {
        let _ = writeln!(
            text,
            "\nNTracking's own collector does not see these nodes as they are: {why}; `--ntracking replace` lets wnm \
             report in its place"
        );
    }
    if !judgement.stopped_by_others.is_empty() {
        let _ = writeln!(
            text,
            "\nstopped though anm wants them to run, by a reboot or by you: {}; they are started when there is room. One \
             that shall stay down: wnm --force_action disable --service_name NAME",
            judgement.stopped_by_others.join(", ")
        );
    }
    let _ = writeln!(text, "\nwhat no longer happens:");
    for line in NO_MORE {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(backup) = backup {
        let _ = writeln!(
            text,
            "\nbackup: {}\nanm is silent: its `{CRON}` is in the backup, and any run of it ends at `{BLOCK}`\n\
             the way back, without a restart of any node: wnm --rollback_anm",
            backup.display()
        );
    }
    text
}

/// What would be done, in its order.
#[must_use]
pub fn steps(judgement: &TakeoverPlan, wish: &TakeoverOptions<'_>, has_cron: bool) -> String {
    let TakeoverOptions {
        database,
        user,
        collector,
        limit,
    } = wish;
    let silenced = if has_cron {
        format!(
            "move `{CRON}` into the backup, and wait until no run of anm is left (at most {} s; then all is put back)",
            limit.as_secs()
        )
    } else {
        format!("wait until no run of anm is left (`{CRON}` is not there)")
    };
    let ntracking = match collector.unwrap_or_default() {
        Collector::Keep => {
            format!("leave NTracking's collector, and keep `{NODE_DETAILS}` up to date for it")
        }
        Collector::Replace => format!(
            "put `{}` in the place of `{COLLECTOR_CRON}`",
            ntracking::REPORT_CRON
        ),
    };
    let steps = [
        format!(
            "copy anm's files and {} units into a new `{KEPT}/anm-takeover-TIME`",
            judgement.units.len() + judgement.foreign.len()
        ),
        silenced,
        format!("leave `{BLOCK}` there, at which any run of anm ends"),
        "read everything once more, as the last run of anm left it".to_owned(),
        format!(
            "make the colony `{}` with {} rows, if units, drop-ins and processes are the same to the end",
            database.display(),
            judgement.nodes.len()
        ),
        ntracking,
        format!("let cron run wnm as `{user}` (`{}`)", schedule::CRON_FILE),
    ];
    let lines = steps
        .iter()
        .zip(1..)
        .map(|(step, nth)| format!("  {nth}. {step}\n"));
    format!(
        "what would be done, without a restart of any node:\n{}",
        lines.collect::<String>()
    )
}

fn setting(taken: &ConvertedSetting) -> String {
    let ConvertedSetting {
        name,
        text,
        was,
        from,
        note,
    } = taken;
    let mut line = format!("{name} = {text}");
    let sources: Vec<&str> = [was.as_str(), from.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let _ = write!(line, " ({})", sources.join(", "));
    if !note.is_empty() {
        let _ = write!(line, ": {note}");
    }
    line
}
