//! Looking: machine and nodes are surveyed, timers settled, and what changed is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::colony::{Node, NodeId, NodePaths, NodeState, Plural};
use crate::error::{ExitError, ExitKind};
use crate::plan::{self, SafetyStop, StorageFolder};
use crate::session::{Colony, Session};
use crate::signals;
use crate::store::{self, Sample};
use crate::survey::{self, Limits, NodeFilesystems, Observation, Survey};

/// Surveys, settles the timers and records: afterwards the colony's nodes stand as they stand now.
///
/// # Errors
/// A safety stop, a signal, or a machine or store that cannot be read.
pub fn look(session: &Session, colony: &mut Colony, names: &[String]) -> Result<Observation, ExitError> {
    let policy = colony.policy();
    let are_all = names.is_empty();
    // All are moved and not copied: ten thousand take 15 MB.
    let mut chosen: Vec<Node> = if are_all {
        std::mem::take(&mut colony.nodes)
    } else {
        names
            .iter()
            .filter_map(|name| plan::find(name, &colony.nodes).ok().cloned())
            .collect()
    };
    put_in_place(colony, &mut chosen);
    let observation = survey::survey(
        &*colony.world.gauge,
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
                .map(|sample| (sample.readings.counters, sample.readings.boot)),
            antnode: session.lookup(&colony.settings),
            known: &colony.known,
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
    let storages = storages(colony, observation.device, &observation.elsewhere);
    let is_confirmed = session.run.confirm;
    let settled = plan::settle(
        chosen,
        &observation.sightings,
        &storages,
        &policy,
        is_confirmed,
        now,
    )
    .map_err(|stop| unsafe_to_go_on(&stop))?;
    if are_all {
        colony.nodes = settled.nodes;
    } else {
        let mut settled: BTreeMap<NodeId, Node> =
            settled.nodes.into_iter().map(|node| (node.id, node)).collect();
        for node in &mut colony.nodes {
            if let Some(now) = settled.remove(&node.id) {
                *node = now;
            }
        }
    }
    learn_versions(colony);
    for id in &settled.hung {
        tracing::warn!("node {id} is hung: its process lives and has not answered for three surveys");
    }
    tell_of_vain_upgrades(colony, &settled.unchanged);
    if !session.run.dry_run {
        record(colony, &observation)?;
    }
    Ok(observation)
}

fn tell_of_vain_upgrades(colony: &Colony, unchanged: &[NodeId]) {
    let now = colony.now();
    for node in colony.nodes.iter().filter(|node| unchanged.contains(&node.id)) {
        let error = node.memory.last_error.as_deref().unwrap_or_default();
        let minutes = node.memory.retry_at.map_or(0, |at| at.since(now).max(0) / 60);
        let minutes = Plural(minutes, "minute");
        tracing::warn!("node {} {error}: it is not upgraded again for {minutes}", node.id);
    }
}

/// A safety stop as a run ends with it that `--confirm` would go past.
pub fn unsafe_to_go_on(stop: &SafetyStop) -> ExitError {
    ExitError::new(ExitKind::Unsafe, stop).hint(
        "nothing was removed or added; check the disk, and run once with `--confirm` if all is as it should be",
    )
}

/// What these nodes of the colony lie on now.
pub fn footing(colony: &Colony, nodes: &[Node]) -> NodeFilesystems {
    let storage = &colony.settings.node_storage;
    survey::footing(&*colony.world.gauge, nodes, storage, &known_mounts(colony))
}

/// Roots that were filesystems of their own at the last look. Folders of nodes are looked at anyway.
fn known_mounts(colony: &Colony) -> BTreeSet<PathBuf> {
    colony.devices.keys().cloned().collect()
}

/// The folders that nodes lie in, each as it was at the last look and as it is now.
pub fn storages(
    colony: &Colony,
    device: Option<u64>,
    elsewhere: &[(PathBuf, Option<u64>)],
) -> Vec<StorageFolder> {
    let (own, before) = (&colony.settings.node_storage, colony.facts.storage_device);
    // What goes with a node and not with a disk: antctl gives each node a folder for its root to lie in.
    let is_part = |folder: &Path| {
        let known = colony.devices.get(folder).copied();
        folder.starts_with(own) && (known.is_none() || known == before)
    };
    let mut storages = vec![StorageFolder::seen(own, before, device)];
    storages.extend(
        elsewhere
            .iter()
            .filter(|(folder, _)| !is_part(folder))
            .map(|(folder, device)| {
                StorageFolder::seen(folder, colony.devices.get(folder).copied(), *device)
            }),
    );
    storages
}

/// Corrects rows by what their managers know better: where a node lies, and what it is called there.
fn put_in_place(colony: &Colony, nodes: &mut [Node]) {
    let mut kinds: Vec<_> = nodes.iter().map(|node| node.manager).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let managers = &colony.world.managers;
    for (kind, manager) in kinds
        .into_iter()
        .filter_map(|kind| Some((kind, managers.of(kind).ok()?)))
    {
        for (id, defined) in manager.misplaced(nodes) {
            let Some(node) = nodes.iter_mut().find(|node| node.id == id) else {
                continue;
            };
            if defined.home.root != node.home.root {
                tracing::info!(
                    "node {id} lies in `{}`, as {kind} has it, and not in `{}`",
                    defined.home.root.display(),
                    node.home.root.display()
                );
            }
            node.service = defined.service;
            node.home = defined.home;
        }
    }
}

/// Asks a node's own binary for the version that the node itself did not tell.
fn learn_versions(colony: &mut Colony) {
    for node in &mut colony.nodes {
        let is_wanted =
            node.version.is_none() && !matches!(node.state, NodeState::Disabled | NodeState::Dead);
        if !is_wanted || !is_own(node, &colony.settings.node_storage) {
            continue;
        }
        match colony.world.gauge.binary(&node.home.binary, &colony.known) {
            Ok(binary) => {
                node.version = Some(binary.version.clone());
                node.memory.binary_key = Some(binary.key);
                colony.known.push(binary);
            }
            Err(error) => tracing::debug!("the version of node {} stays unknown: cannot {error}", node.id),
        }
    }
}

/// Whether a node's binary lies in the node's own folder, and that in the colony's: a row may say anything,
/// and what it names would be run.
#[must_use]
pub fn is_own(node: &Node, storage: &Path) -> bool {
    let straight = |path: &Path| path.components().all(|part| part != Component::ParentDir);
    let NodePaths { root, binary, .. } = &node.home;
    binary.starts_with(root) && root.starts_with(storage) && straight(binary)
}

fn record(colony: &mut Colony, observation: &Observation) -> Result<(), ExitError> {
    let instruments = &observation.instruments;
    colony.facts.boot_time = Some(instruments.boot);
    colony.facts.storage_device = observation.device.or(colony.facts.storage_device);
    colony.facts.cpu_count = instruments.cpus;
    let sample = Sample::new(observation.at, instruments, observation.rates, &colony.nodes);
    colony
        .store
        .record_survey(&colony.nodes, &sample, &colony.facts)?;
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
