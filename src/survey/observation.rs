//! One survey: the figures of the machine, the binary of new nodes, all nodes, and the processes of silent nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{BinaryLookup, Limits, MachineReader, NodeProbe, RootState, SurveyError, find_antnode};
use crate::clock::Clock;
use crate::colony::{
    Answer, Binary, MachineReadings, Node, NodeObservation, NodeState, ProcessStatus, Rates, Timestamp,
};

/// The input of a survey, with what is known from earlier ones.
pub struct Survey<'a> {
    /// All nodes; disabled ones are not queried.
    pub nodes: &'a [Node],
    /// `node_storage`.
    pub storage: &'a Path,
    /// Roots of nodes that were mount points when they were last seen.
    pub mounts: &'a BTreeSet<PathBuf>,
    /// Limits of the queries.
    pub limits: Limits,
    /// The readings of the last survey, and the rates then.
    pub last: Option<(&'a MachineReadings, &'a Rates)>,
    /// Where the antnode of new nodes is.
    pub antnode: BinaryLookup<'a>,
    /// Binaries with known versions.
    pub known: &'a [Binary],
    /// Whether each node that answered has a process, in their order; None where processes cannot be seen. Called at
    /// most once.
    pub living: FindLiving<'a>,
    /// Finds the processes of nodes that do not answer, in their order; called only if there are any.
    pub processes: &'a dyn Fn(&[Node]) -> Vec<Option<ProcessStatus>>,
}

/// The result of a survey.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When the survey began.
    pub at: Timestamp,
    /// The newest readings. The next survey computes rates from their counters.
    pub instruments: MachineReadings,
    /// Rates since the last survey, or over one second of this one.
    pub rates: Rates,
    /// The device number of the filesystem of `node_storage`; None if it is missing.
    pub device: Option<u64>,
    /// The same for all other folders that contain roots, and for roots that are or were mount points.
    pub elsewhere: Vec<(PathBuf, Option<u64>)>,
    /// The antnode of new nodes.
    pub binary: Result<Binary, SurveyError>,
    /// One for each node, in their order.
    pub observations: Vec<NodeObservation>,
}

/// Sampling time if the counters of the last survey cannot be used.
pub const SAMPLE: Duration = Duration::from_secs(1);

/// Surveys the machine and all nodes once.
///
/// Takes as long as the nodes need to answer, and at least a second if the last counters are too old, too new, or of
/// another boot.
pub fn survey(
    machine_reader: &dyn MachineReader,
    probe: &dyn NodeProbe,
    clock: &dyn Clock,
    inputs: &Survey,
) -> Result<Observation, SurveyError> {
    let at = clock.now();
    let before = machine_reader.read(inputs.storage)?;
    let begun = Instant::now();
    let since_last = inputs
        .last
        .and_then(|(readings, rates)| Rates::known_at(readings, rates, &before));

    let answers = probe.ask(inputs.nodes, &inputs.limits, at);
    let NodeFilesystems {
        has_root,
        device,
        elsewhere,
    } = node_filesystems(machine_reader, inputs.nodes, inputs.storage, inputs.mounts);
    let answers = check_identity(machine_reader, inputs, answers);
    let observations = observations(inputs, answers, has_root, before.boot);
    let binary = find_antnode(machine_reader, inputs.antnode, inputs.known);

    let (instruments, rates) = match since_last {
        Some(rates) => (before, rates),
        None => {
            clock.sleep(SAMPLE.saturating_sub(begun.elapsed()));
            let after = machine_reader.read(inputs.storage)?;
            let rates = Rates::between(&before.counters, &after.counters).unwrap_or(Rates::UNKNOWN);
            (after, rates)
        }
    };
    Ok(Observation {
        at,
        instruments,
        rates,
        device,
        elsewhere,
        binary,
        observations,
    })
}

/// The filesystems of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFilesystems {
    /// Whether the root of each node exists, in their order.
    pub has_root: Vec<bool>,
    /// As in [`Observation`].
    pub device: Option<u64>,
    pub elsewhere: Vec<(PathBuf, Option<u64>)>,
}

/// Finds the filesystems of `nodes`; `mounts` as in [`Survey`].
pub fn node_filesystems(
    machine_reader: &dyn MachineReader,
    nodes: &[Node],
    storage: &Path,
    mounts: &BTreeSet<PathBuf>,
) -> NodeFilesystems {
    let roots: Vec<PathBuf> = nodes.iter().map(|node| node.home.root.clone()).collect();
    let seen = machine_reader.has_root(&roots);
    let device = machine_reader.device(storage);
    let parents: BTreeSet<&Path> = roots.iter().filter_map(|root| root.parent()).collect();
    let mut folders: BTreeMap<&Path, Option<u64>> = parents
        .into_iter()
        .map(|folder| match folder == storage {
            true => (folder, device),
            false => (folder, machine_reader.device(folder)),
        })
        .collect();
    let mut has_root = Vec::with_capacity(roots.len());
    let mut own = Vec::new();
    for (root, seen) in roots.iter().zip(&seen) {
        let around = root.parent().and_then(|folder| folders.get(folder).copied());
        let was_mount = mounts.contains(root);
        let is_mount = match (seen, around) {
            (RootState::There { device: Some(own) }, Some(Some(around))) => around != *own,
            _ => false,
        };
        // An empty directory means a missing disk only if it is or was a mount point, so only then it is checked.
        let is_bare = (was_mount || is_mount) && seen.is_there() && machine_reader.is_bare(root);
        has_root.push(seen.is_there() && !(was_mount && is_bare));
        if was_mount || (is_mount && !is_bare) {
            own.push(root);
        }
    }
    for root in own {
        folders.insert(root, machine_reader.device(root));
    }
    folders.remove(storage);
    NodeFilesystems {
        device,
        elsewhere: folders
            .into_iter()
            .map(|(folder, device)| (folder.to_owned(), device))
            .collect(),
        has_root,
    }
}

/// Finds which nodes have a process. With each node comes whether it answered with its known peer ID.
pub type FindLiving<'a> = &'a dyn Fn(&[(&Node, bool)]) -> Vec<Option<bool>>;

/// The process decides whether a node is up: replaces the answers that came from another process or another node.
fn check_identity(
    machine_reader: &dyn MachineReader,
    inputs: &Survey,
    mut answers: Vec<Answer>,
) -> Vec<Answer> {
    let answered: Vec<usize> = (0..answers.len())
        .filter(|place| matches!(answers[*place], Answer::Up(_)))
        .collect();
    if answered.is_empty() {
        return answers;
    }
    let nodes: Vec<(&Node, bool)> = answered
        .iter()
        .map(|place| {
            let (node, answer) = (&inputs.nodes[*place], &answers[*place]);
            let known = node.peer_id.as_deref().filter(|peer| !peer.is_empty());
            let is_known = matches!(answer, Answer::Up(reading) if known.is_some() && reading.peer_id.as_deref() == known);
            (node, is_known)
        })
        .collect();
    for (place, lives) in answered.into_iter().zip((inputs.living)(&nodes)) {
        let (node, Answer::Up(reading)) = (&inputs.nodes[place], &answers[place]) else {
            continue;
        };
        let peer = reading.peer_id.clone();
        let is_other = || match &peer {
            Some(peer) if is_other_peer(node, peer) => !has_new_identity(machine_reader, node),
            _ => false,
        };
        match (lives, peer.clone()) {
            (Some(false), peer) => answers[place] = Answer::OtherProcess(peer),
            (Some(true), Some(peer)) if is_other() => answers[place] = Answer::OtherPeer(peer),
            (None, peer) if is_other() => answers[place] = Answer::OtherProcess(peer),
            _ => {}
        }
    }
    answers
}

fn is_other_peer(node: &Node, peer: &str) -> bool {
    node.peer_id
        .as_deref()
        .is_some_and(|known| !known.is_empty() && known != peer)
}

/// Whether the identity file of a node was written after the node last answered.
fn has_new_identity(machine_reader: &dyn MachineReader, node: &Node) -> bool {
    let known_at = node.memory.last_seen.unwrap_or(node.born);
    let changed = machine_reader.changed_at(&node.home.root.join("secret-key"));
    changed.is_some_and(|changed| changed >= known_at)
}

fn observations(
    inputs: &Survey,
    answers: Vec<Answer>,
    has_root: Vec<bool>,
    boot: Timestamp,
) -> Vec<NodeObservation> {
    let mut observations: Vec<NodeObservation> = answers
        .into_iter()
        .zip(inputs.nodes)
        .zip(has_root)
        .map(|((answer, node), has_root)| NodeObservation {
            answer: match node.state {
                NodeState::Disabled => Answer::Unasked,
                _ => answer,
            },
            has_root,
            process: None,
        })
        .collect();

    // A boot ended the process that a node in transition waits for; the system may have started it again.
    let is_in_doubt = |observation: &NodeObservation, node: &Node| match observation.answer {
        Answer::Silent => true,
        Answer::Down => node.state.is_timed() && node.since < boot,
        _ => false,
    };
    let silent: Vec<usize> = observations
        .iter()
        .zip(inputs.nodes)
        .enumerate()
        .filter(|(_, (observation, node))| is_in_doubt(observation, node))
        .map(|(index, _)| index)
        .collect();
    if !silent.is_empty() {
        let silent_nodes: Vec<Node> = silent.iter().map(|index| inputs.nodes[*index].clone()).collect();
        for (index, process) in silent.into_iter().zip((inputs.processes)(&silent_nodes)) {
            observations[index].process = process;
        }
    }
    observations
}

#[cfg(test)]
mod tests;
