//! The first half of a cycle: surveys the machine and the nodes, settles their states, and records what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::deaths;
use crate::colony::{MachineReadings, Node, NodeId, NodeState, Plural, Rates, Timestamp};
use crate::error::{ExitError, ExitKind};
use crate::plan::{self, SafetyStop, StorageFolder};
use crate::session::{Colony, Session};
use crate::settings::Settings;
use crate::signals;
use crate::store::{self, Event, EventOutcome, FilesystemIds, Sample, Store};
use crate::survey::{self, Limits, NodeFilesystems, Observation, Survey};

/// Surveys the nodes in `names`, or all when it is empty; afterwards the nodes of `colony` have their current states.
///
/// # Errors
/// A safety stop, a signal, or a machine or store that cannot be read.
pub(super) fn survey_and_record(
    session: &Session,
    colony: &mut Colony,
    names: &[String],
) -> Result<Observation, ExitError> {
    let policy = colony.policy();
    let is_all = names.is_empty();
    // Moved and not copied, because ten thousand nodes take 15 MB.
    let mut chosen: Vec<Node> = if is_all {
        std::mem::take(&mut colony.nodes)
    } else {
        names
            .iter()
            .filter_map(|name| plan::find(name, &colony.nodes).ok().cloned())
            .collect()
    };
    correct_locations(colony, &mut chosen);
    let observation = survey::survey(
        &*colony.world.machine_reader,
        &*colony.world.probe,
        &*colony.world.clock,
        &Survey {
            nodes: &chosen,
            storage: &colony.settings.node_storage,
            mounts: &known_mounts(colony),
            limits: Limits {
                spacing: colony.settings.effective_survey_delay(),
                ..Limits::default()
            },
            last: colony
                .last_sample
                .as_ref()
                .map(|sample| (&sample.readings, &sample.rates)),
            antnode: session.lookup(&colony.settings),
            known: &colony.known,
            living: &|nodes| colony.living(nodes),
            processes: &|nodes| colony.processes(nodes),
        },
    )
    .map_err(|error| ExitError::refused(format_args!("cannot {error}")))?;
    if signals::asked_to_end() {
        return Err(ExitError::interrupted());
    }
    let observation = Observation {
        instruments: observation.instruments.with_boot_steady(colony.facts.boot_time),
        ..observation
    };
    let now = colony.now();
    plan::end_at_boot(
        &mut chosen,
        &observation.observations,
        observation.instruments.boot,
        now,
    );
    let storages = storages(colony, observation.device, &observation.elsewhere);
    let before = deaths::states(&chosen);
    let is_confirmed = session.run.confirm;
    let updated = plan::update_states(
        chosen,
        &observation.observations,
        &storages,
        &policy,
        is_confirmed,
        now,
    )
    .map_err(|stop| stopped(session, colony, &stop))?;
    if is_all {
        colony.nodes = updated.nodes;
    } else {
        let mut updated: BTreeMap<NodeId, Node> =
            updated.nodes.into_iter().map(|node| (node.id, node)).collect();
        for node in &mut colony.nodes {
            if let Some(now) = updated.remove(&node.id) {
                *node = now;
            }
        }
    }
    learn_versions(colony);
    for id in &updated.hung {
        tracing::warn!("node {id} is hung: its process is running and has not answered for three surveys");
    }
    warn_of_failed_upgrades(colony, &updated.unchanged);
    warn_of_answered_ports(colony);
    warn_of_unknown_nodes(colony);
    if !session.run.dry_run {
        let died = deaths::events(session, colony, &before);
        record(colony, &observation, &died)?;
    }
    Ok(observation)
}

/// The rates over the last quarter of an hour; None without a sample of that time.
///
/// # Errors
/// A store that cannot be read.
pub(super) fn sustained_rates(
    store: &Store,
    readings: &MachineReadings,
    now: Timestamp,
) -> Result<Option<Rates>, ExitError> {
    const QUARTER_S: i64 = 15 * 60;
    // Cron is not punctual: a sample that is a little younger serves as well.
    const SLACK_S: i64 = 90;
    let then = store.sample_before(now.plus(SLACK_S - QUARTER_S))?;
    Ok(then.and_then(|then| Rates::sustained(&then.readings, readings)))
}

fn warn_of_failed_upgrades(colony: &Colony, unchanged: &[NodeId]) {
    let now = colony.now();
    for node in colony.nodes.iter().filter(|node| unchanged.contains(&node.id)) {
        let error = node.memory.last_error.as_deref().unwrap_or_default();
        let minutes = node.memory.retry_at.map_or(0, |at| at.since(now).max(0) / 60);
        let minutes = Plural(minutes, "minute");
        tracing::warn!("node {} {error}: wnm retries the upgrade in {minutes}", node.id);
    }
}

fn warn_of_answered_ports(colony: &Colony) {
    for node in colony
        .nodes
        .iter()
        .filter(|node| plan::is_port_answered_by_other(node))
    {
        let error = node.memory.last_error.as_deref().unwrap_or_default();
        tracing::warn!("node {}: {error}; `ss -lntp` shows that process", node.id);
    }
}

fn warn_of_unknown_nodes(colony: &Colony) {
    if let Some(text) = format_unknown(colony.unknown_nodes(), &colony.settings) {
        tracing::warn!("{text}");
    }
}

/// The sentence about nodes that run in the storage and that no row has; None if there are none.
pub(super) fn format_unknown(roots: &[PathBuf], settings: &Settings) -> Option<String> {
    let first = roots.first()?;
    Some(format!(
        "{} in `{}` not in the database, the first in `{}`, and {} as part of `node_cap`: `wnm --import` takes what is \
         missing into the colony",
        match roots.len() {
            1 => "1 node runs".to_owned(),
            count => format!("{count} nodes run"),
        },
        settings.node_storage.display(),
        first.display(),
        if roots.len() == 1 {
            "it counts"
        } else {
            "they count"
        },
    ))
}

/// Records a safety stop, once while it lasts, and returns its error.
fn stopped(session: &Session, colony: &Colony, stop: &SafetyStop) -> ExitError {
    const ACTION: &str = "safety-stop";
    let reason = stop.to_string();
    let newest = colony.store.events(None, 1).unwrap_or_default();
    let is_new = newest
        .first()
        .is_none_or(|event| event.action != ACTION || event.reason != reason);
    let event = Event {
        at: colony.now(),
        run: session.name.clone(),
        action: ACTION.to_owned(),
        node: None,
        service: None,
        reason,
        figures: serde_json::Value::Null,
        forced: false,
        outcome: EventOutcome::Skipped,
        error: None,
        warning: None,
        duration_ms: 0,
    };
    if is_new
        && !session.run.dry_run
        && let Err(error) = colony.store.record_event(&event)
    {
        tracing::warn!("the history does not contain this safety stop: {error}");
    }
    safety_stop(stop)
}

/// The error for a safety stop that `--confirm` overrides.
pub(super) fn safety_stop(stop: &SafetyStop) -> ExitError {
    ExitError::new(ExitKind::Unsafe, stop).hint(
        "no node was removed or added; check that the disk is mounted; only if these nodes are lost for good: `wnm --confirm` removes them from the database",
    )
}

/// The filesystems that these nodes of the colony are on now.
pub(super) fn node_filesystems(colony: &Colony, nodes: &[Node]) -> NodeFilesystems {
    let storage = &colony.settings.node_storage;
    survey::node_filesystems(
        &*colony.world.machine_reader,
        nodes,
        storage,
        &known_mounts(colony),
    )
}

/// Root directories that were mount points at the last survey. The directories above them are checked in any case.
fn known_mounts(colony: &Colony) -> BTreeSet<PathBuf> {
    colony.devices.keys().cloned().collect()
}

/// The directories that hold nodes, each with its filesystem at the last survey and its filesystem now.
pub(super) fn storages(
    colony: &Colony,
    device: Option<u64>,
    elsewhere: &[(PathBuf, Option<u64>)],
) -> Vec<StorageFolder> {
    let own = (&*colony.settings.node_storage, colony.facts.storage_device);
    storages_of(own, &colony.devices, device, elsewhere)
}

/// The same for the storage `own`, which was on the filesystem `before`.
pub(super) fn storages_of(
    (own, before): (&Path, Option<u64>),
    devices: &FilesystemIds,
    device: Option<u64>,
    elsewhere: &[(PathBuf, Option<u64>)],
) -> Vec<StorageFolder> {
    // antctl gives each node a directory for its root: it disappears with the node and not with a disk.
    let is_part = |folder: &Path| {
        let known = devices.get(folder).copied();
        folder.starts_with(own) && (known.is_none() || known == before)
    };
    let mut storages = vec![StorageFolder::seen(own, before, device)];
    storages.extend(
        elsewhere
            .iter()
            .filter(|(folder, _)| !is_part(folder))
            .map(|(folder, device)| StorageFolder::seen(folder, devices.get(folder).copied(), *device)),
    );
    storages
}

/// Corrects the root directory and service name of nodes whose manager knows others.
fn correct_locations(colony: &Colony, nodes: &mut [Node]) {
    let mut kinds: Vec<_> = nodes.iter().map(|node| node.manager).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let managers = &colony.world.managers;
    for (kind, manager) in kinds
        .into_iter()
        .filter_map(|kind| Some((kind, managers.of(kind).ok()?)))
    {
        for (id, defined) in manager.outdated_rows(nodes) {
            let Some(node) = nodes.iter_mut().find(|node| node.id == id) else {
                continue;
            };
            if defined.home.root != node.home.root {
                tracing::info!(
                    "node {id}: its root directory is `{}` according to {kind}, but `{}` in the database",
                    defined.home.root.display(),
                    node.home.root.display()
                );
            }
            node.service = defined.service;
            node.home = defined.home;
        }
    }
}

/// Runs a node's own binary for its version, where the node itself did not report one.
fn learn_versions(colony: &mut Colony) {
    for node in &mut colony.nodes {
        let is_missing =
            node.version.is_none() && !matches!(node.state, NodeState::Disabled | NodeState::Dead);
        if !is_missing || !node.has_own_binary(&colony.settings.node_storage) {
            continue;
        }
        match colony
            .world
            .machine_reader
            .binary(&node.home.binary, &colony.known)
        {
            Ok(binary) => {
                node.version = Some(binary.version.clone());
                node.memory.binary_key = Some(binary.key);
                colony.known.push(binary);
            }
            Err(error) => tracing::debug!("the version of node {} is unknown: cannot {error}", node.id),
        }
    }
}

fn record(colony: &mut Colony, observation: &Observation, died: &[Event]) -> Result<(), ExitError> {
    let instruments = &observation.instruments;
    colony.facts.boot_time = Some(instruments.boot);
    colony.facts.storage_device = observation.device.or(colony.facts.storage_device);
    colony.facts.cpu_count = instruments.cpus;
    let sample = Sample::new(observation.at, instruments, observation.rates, &colony.nodes);
    colony
        .store
        .record_survey(&colony.nodes, &sample, &colony.facts, died)?;
    let own = &colony.settings.node_storage;
    let homes = colony.nodes.iter().map(|node| node.home.root.as_path());
    let folders = homes.clone().filter_map(Path::parent).chain(homes);
    let devices = store::remembered(
        &colony.devices,
        &observation.elsewhere,
        folders.filter(|folder| folder != own),
    );
    if devices != colony.devices {
        colony.store.keep_devices(&devices)?;
        colony.devices = devices;
    }
    if let Ok(binary) = &observation.binary
        && !colony.known.contains(binary)
    {
        colony.store.remember_binary(binary)?;
    }
    Ok(())
}
