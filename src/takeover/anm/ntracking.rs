//! NTracking's collector, which reads `NodeDetails`: wnm updates that file, or replaces the collector with its own report.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::colony::{Mode, Node};
use crate::program::{crontab::CrontabEntry, user_account};
use crate::settings::run_options::Collector;

use super::fs_ops::{FileOps, FileOwner};
use super::journal::Journal;
use super::node_details_file::{self, NodeDetail};
use super::paths::{COLLECTOR, COLLECTOR_CRON, NODE_DETAILS};
use super::schedule::{cron_word, program};
use super::{Server, TakeoverError};

/// The cron file that runs wnm's report instead of the collector.
pub const REPORT_CRON: &str = "/etc/cron.d/wnm_influx";

/// The file that telegraf reads, unless the collector's cron file names another.
const OUTPUT: &str = "/tmp/influx-resources/influx-resources";

/// Updates `NodeDetails` if it exists and differs. Its owner and mode do not change.
///
/// # Errors
/// When it cannot be written.
pub fn refresh(server: &Server, nodes: &[NodeDetail]) -> Result<bool, TakeoverError> {
    let path = server.path(NODE_DETAILS);
    let Some(owned) = FileOwner::of(&path) else {
        return Ok(false);
    };
    let text = node_details_file::write(nodes);
    if server.read(NODE_DETAILS)?.is_some_and(|was| was == text) {
        return Ok(false);
    }
    // If the operator owns it, write it without sudo, which would log a line each time.
    let own = owned.uid == user_account::uid();
    let files = if own {
        FileOps::new(Mode::User)
    } else {
        FileOps::of(server)
    };
    files.write(&path, &text, owned)?;
    Ok(true)
}

/// Why NTracking's own collector cannot read these nodes; `None`: it can. It queries the metrics ports 13001, 13002 and so
/// on, one for each entry of its storage directory, and expects names with four digits.
#[must_use]
pub fn misses(nodes: &[Node]) -> Option<String> {
    let mut why = Vec::new();
    let ids: BTreeSet<u32> = nodes.iter().map(|node| node.id.0).collect();
    if let Some(hole) = (1..).zip(&ids).find(|(nth, id)| nth != *id) {
        why.push(format!(
            "there is no node {}, but nodes with higher numbers",
            hole.0
        ));
    }
    let odd = |node: &&Node| node.name.full() != format!("antnode{:04}", node.id.0);
    if let Some(node) = nodes.iter().find(odd) {
        why.push(format!("`{}` is not named with four digits", node.name.full()));
    }
    let storages: BTreeSet<&Path> = nodes.iter().filter_map(|node| node.home.root.parent()).collect();
    if storages.len() > 1 {
        why.push(format!("the nodes are in {} storage directories", storages.len()));
    }
    let off = |node: &&Node| u32::from(node.ports.metrics) != 13_000 + node.id.0;
    if let Some(node) = nodes.iter().find(off) {
        why.push(format!(
            "`{}` has the metrics port {}",
            node.name.full(),
            node.ports.metrics
        ));
    }
    (!why.is_empty()).then(|| why.join(", "))
}

/// The collector's line in its cron file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CronLine {
    schedule: String,
    user: String,
    output: PathBuf,
}

/// Finds and parses the collector's line; `None`: there is none.
fn line_of(text: &str) -> Option<CronLine> {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.starts_with('#') && line.contains(COLLECTOR))?;
    let entry = CrontabEntry::parse(line, true)?;
    let output = line.rsplit_once('>').map(|(_, path)| path.trim());
    Some(CronLine {
        schedule: entry.schedule.to_owned(),
        user: entry.user?.to_owned(),
        output: output
            .filter(|path| path.starts_with('/'))
            .unwrap_or(OUTPUT)
            .into(),
    })
}

/// The text of the cron file that runs wnm's report for NTracking.
fn report_cron(line: &CronLine, program: &Path, database: &Path) -> Result<String, TakeoverError> {
    let folder = line.output.parent().unwrap_or(Path::new("/tmp"));
    let (program, output, folder) = (cron_word(program)?, cron_word(&line.output)?, cron_word(folder)?);
    let database = cron_word(database)?;
    let CronLine { schedule, user, .. } = line;
    Ok(format!(
        "# Runs wnm's report for NTracking instead of {COLLECTOR}. Written by wnm --init --migrate_anm.\n\
         SHELL=/bin/sh\n\
         PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
         \n\
         {schedule}  {user}  /usr/bin/mkdir -p {folder} && {program} --dbpath {database} --quiet --report influx-resources \
         --report_format ntracking > {output}\n"
    ))
}

/// Replaces the collector, if the operator chose that. Can be repeated.
///
/// # Errors
/// When a cron file cannot be changed.
pub fn settle(server: &Server, journal: &Journal, database: &Path) -> Result<(), TakeoverError> {
    if journal.state.collector == Collector::Keep {
        return Ok(());
    }
    let Some(text) = journal.kept_text(server, COLLECTOR_CRON)? else {
        tracing::warn!("`{COLLECTOR_CRON}` does not exist, so NTracking's collector is not replaced");
        return Ok(());
    };
    let Some(line) = line_of(&text) else {
        return Err(TakeoverError::refused(
            format_args!("`{COLLECTOR_CRON}` does not run `{COLLECTOR}`"),
            "check what it does, and run this again with `--ntracking keep`",
        ));
    };
    let own = report_cron(&line, &program()?, database)?;
    let files = FileOps::of(server);
    // Write the new file first: without any, the dashboard would be empty.
    files.write(&server.path(REPORT_CRON), &own, FileOwner::ROOTS_CRON)?;
    files.remove(&server.path(COLLECTOR_CRON))
}

/// Restores NTracking's collector. Can be repeated.
///
/// # Errors
/// When a cron file cannot be changed.
pub fn restore(server: &Server, journal: &Journal) -> Result<(), TakeoverError> {
    let files = FileOps::of(server);
    let path = Path::new(COLLECTOR_CRON);
    if journal.state.collector == Collector::Keep {
        return Ok(());
    }
    if journal.manifest(server)?.entry(path).is_some() && !server.has(path) {
        files.copy(&server.path(journal.copy_of(path)), &server.path(path))?;
    }
    files.remove(&server.path(REPORT_CRON))
}
