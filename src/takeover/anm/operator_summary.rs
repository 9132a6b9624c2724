//! The report of a takeover for the operator: nodes, settings, warnings, what wnm does not do, and how to undo it.

use std::fmt::Write as _;
use std::path::Path;

use crate::settings::run_options::Collector;

use super::build::TakeoverPlan;
use super::convert_settings::ConvertedSetting;
use super::options::TakeoverOptions;
use super::paths::{BLOCK, COLLECTOR_CRON, CRON, KEPT, NODE_DETAILS};
use super::{ntracking, schedule};

/// What anm did and wnm does not do, on every server.
const NO_MORE: [&str; 3] = [
    "wnm does not delete stopped nodes after a countdown: they stay until you remove them",
    "wnm does not delete shunned nodes when NTracking asks for it; set `shunned_remove` if you want that",
    "wnm does not delete the largest node under load: it stops nodes, and starts them again later",
];

/// Renders the report. `inventory` lists the nodes. Without `backup` it is the report of a dry run.
#[must_use]
pub fn of(plan: &TakeoverPlan, inventory: &str, collector: Collector, backup: Option<&Path>) -> String {
    let mut text = format!(
        "{}\n\nsettings, with their values in anm:\n",
        inventory.trim_end()
    );
    for taken in &plan.settings {
        let _ = writeln!(text, "  {}", setting(taken));
    }
    if !plan.warnings.is_empty() {
        let _ = writeln!(text, "\nwarnings ({}):", plan.warnings.len());
        for warning in &plan.warnings {
            let _ = writeln!(text, "  {warning}");
        }
    }
    if let Some(why) = ntracking::misses(&plan.nodes)
        && collector == Collector::Keep
    {
        let _ = writeln!(
            text,
            "\nNTracking's own collector cannot read these nodes correctly: {why}; with `--ntracking replace`, wnm \
             reports in its place"
        );
    }
    if !plan.stopped_by_others.is_empty() {
        let _ = writeln!(
            text,
            "\nstopped by a reboot or by you, although anm would run them: {}; wnm starts them when there is room. To \
             keep one stopped: wnm --force_action disable --service_name NAME",
            plan.stopped_by_others.join(", ")
        );
    }
    let _ = writeln!(text, "\nwhat wnm does not do:");
    for line in NO_MORE {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(backup) = backup {
        let _ = writeln!(
            text,
            "\nbackup: {}\nanm is disabled: its `{CRON}` is in the backup, and every run of it ends at `{BLOCK}`\n\
             to return the nodes to anm, without restarting any: wnm --rollback_anm",
            backup.display()
        );
    }
    text
}

/// The steps of a takeover, in their order.
#[must_use]
pub fn steps(plan: &TakeoverPlan, wish: &TakeoverOptions<'_>, has_cron: bool) -> String {
    let TakeoverOptions {
        database,
        user,
        collector,
        limit,
    } = wish;
    let disabled = if has_cron {
        format!(
            "move `{CRON}` into the backup, and wait until no run of anm is active (at most {} s; then restore everything)",
            limit.as_secs()
        )
    } else {
        format!("wait until no run of anm is active (`{CRON}` does not exist)")
    };
    let ntracking = match collector.unwrap_or_default() {
        Collector::Keep => {
            format!("keep NTracking's collector, and update `{NODE_DETAILS}` for it")
        }
        Collector::Replace => format!("replace `{COLLECTOR_CRON}` with `{}`", ntracking::REPORT_CRON),
    };
    let steps = [
        format!(
            "copy anm's files and {} units into a new `{KEPT}/anm-takeover-TIME`",
            plan.units.len() + plan.foreign.len()
        ),
        disabled,
        format!("create `{BLOCK}`, so that every run of anm ends at once"),
        "read everything again, after the last run of anm".to_owned(),
        format!(
            "create the colony `{}` with {} rows, if no unit, drop-in or process has changed",
            database.display(),
            plan.nodes.len()
        ),
        ntracking,
        format!("let cron run wnm as `{user}` (`{}`)", schedule::CRON_FILE),
    ];
    let lines = steps
        .iter()
        .zip(1..)
        .map(|(step, nth)| format!("  {nth}. {step}\n"));
    format!(
        "steps, without restarting any node:\n{}",
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
