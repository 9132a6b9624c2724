//! The Prometheus report, and its file for node_exporter's textfile collector.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::colony::{Mode, Node, Timestamp};
use crate::manager::files::Files;
use crate::report::prometheus::{self, ColonyFigures, LastSurvey};
use crate::session::{Colony, Session};
use crate::settings::Settings;
use crate::store::{Store, StoreError};

/// The span of the metric `wnm_actions_last_hour`.
const HOUR: i64 = 3600;

/// The report `prometheus`.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn prometheus(
    session: &Session,
    store: &Store,
    settings: &Settings,
    nodes: &[Node],
    now: Timestamp,
) -> Result<String, StoreError> {
    let mut actions: BTreeMap<(String, String), u64> = BTreeMap::new();
    for event in store.events(Some(Timestamp(now.0.saturating_sub(HOUR))), usize::MAX)? {
        *actions
            .entry((event.action, event.outcome.word().to_owned()))
            .or_default() += 1;
    }
    Ok(prometheus::render(&ColonyFigures {
        name: colony_name(session, settings),
        nodes,
        policy: &settings.policy(),
        survey: store.last_sample()?.map(|sample| LastSurvey {
            at: sample.at,
            readings: sample.readings,
            rates: sample.rates,
        }),
        actions,
        most_nodes: settings.metrics_nodes,
    }))
}

/// Writes the file at the end of a cycle, if the setting `textfile` names a directory. An error is only a warning: the
/// nodes matter more than their figures.
pub(super) fn write(session: &Session, colony: &Colony) {
    let Some(file) = path(session, &colony.settings) else {
        return;
    };
    if session.run.dry_run {
        return;
    }
    let text = match prometheus(
        session,
        &colony.store,
        &colony.settings,
        &colony.nodes,
        colony.now(),
    ) {
        Ok(text) => text,
        Err(error) => return warn(&file, &error),
    };
    // The collector reads every name that ends in `.prom`, also hidden ones. It runs as another user, so the mode is 0644.
    let staging = file.with_extension("prom.new");
    if let Err(error) = Files::new(Mode::User).write_unsynced(&file, &text, &staging) {
        warn(&file, &error);
    }
}

/// Deletes the file when the colony ends: the collector would serve its last figures for ever.
pub(super) fn delete(session: &Session, settings: &Settings) {
    if let Some(file) = path(session, settings)
        && let Err(error) = Files::new(Mode::User).delete_unsynced(&file)
    {
        warn(&file, &error);
    }
}

fn warn(file: &Path, error: &dyn std::error::Error) {
    tracing::warn!(
        "the metrics were not written to `{}`: {error}; check the setting `textfile` and who may write there",
        file.display()
    );
}

fn path(session: &Session, settings: &Settings) -> Option<PathBuf> {
    let folder = settings.textfile.as_ref()?;
    Some(folder.join(prometheus::file_name(colony_name(session, settings))))
}

fn colony_name<'a>(session: &'a Session, settings: &'a Settings) -> &'a str {
    match settings.colony_name.as_str() {
        "" => &session.place.operator.user,
        name => name,
    }
}
