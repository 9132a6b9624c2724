//! What must not pass for the death of nodes: a disk that is not there.
//!
//! The author of the peer once took 80 healthy nodes for dead because their storage was elsewhere. So no
//! node is taken for dead while the storage itself is in doubt, or when too many would die at once.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::colony::{Node, NodeObservation, NodeState, Plural};

/// A folder that nodes are stored in, and whether it is what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageFolder {
    pub path: PathBuf,
    /// Whether it is there now.
    pub present: bool,
    /// The filesystem it lay on at the last run; None: not known.
    pub device_before: Option<u64>,
    /// The filesystem it lies on now; None: not known.
    pub device_now: Option<u64>,
}

impl StorageFolder {
    /// A folder as it was seen last and now.
    #[must_use]
    pub fn seen(path: &Path, device_before: Option<u64>, device_now: Option<u64>) -> StorageFolder {
        StorageFolder {
            path: path.to_owned(),
            present: device_now.is_some(),
            device_before,
            device_now,
        }
    }
}

/// Why nothing may be done in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafetyStop {
    StorageMissing {
        path: PathBuf,
        roots: usize,
    },
    StorageChanged {
        path: PathBuf,
        before: u64,
        now: u64,
        roots: usize,
    },
    /// More roots went missing in one run than nodes die of.
    TooManyMissing {
        roots: usize,
        nodes: usize,
        limit: usize,
        first: PathBuf,
    },
}

/// Refuses when missing roots speak of a missing disk and not of dead nodes.
pub(super) fn check(
    nodes: &[Node],
    seen: &[NodeObservation],
    storages: &[StorageFolder],
) -> Result<(), SafetyStop> {
    let missing: Vec<&Node> = nodes
        .iter()
        .zip(seen)
        .filter(|(node, sighting)| node.state != NodeState::Disabled && !sighting.rooted)
        .map(|(node, _)| node)
        .collect();
    lost_storage(&missing, storages)?;
    let newly: Vec<&Node> = missing.into_iter().filter(|node| may_die(node.state)).collect();
    too_many(&newly, nodes.len())
}

/// Refuses an order about nodes of which `missing` have no root, in a colony of `all`. An operator who names a node
/// does not mean its disk, whatever state the node is in; but one that is known to be dead, or half removed, has lost
/// its root before.
///
/// # Errors
/// A [`SafetyStop`] when the missing roots speak of a missing disk.
pub fn check_order(missing: &[&Node], storages: &[StorageFolder], all: usize) -> Result<(), SafetyStop> {
    lost_storage(missing, storages)?;
    let is_new = |node: &&&Node| may_die(node.state) || node.state == NodeState::Disabled;
    let newly: Vec<&Node> = missing.iter().filter(is_new).copied().collect();
    too_many(&newly, all)
}

/// Refuses when `missing` nodes lie in a storage that is not there, or on another filesystem than before.
///
/// # Errors
/// A [`SafetyStop`] that names the first such storage.
pub fn lost_storage(missing: &[&Node], storages: &[StorageFolder]) -> Result<(), SafetyStop> {
    for storage in storages {
        let is_here = |node: &&&Node| node.home.root.starts_with(&storage.path);
        let roots = missing.iter().filter(is_here).count();
        if roots == 0 {
            continue;
        }
        let path = storage.path.clone();
        if !storage.present {
            return Err(SafetyStop::StorageMissing { path, roots });
        }
        if let (Some(before), Some(now)) = (storage.device_before, storage.device_now)
            && before != now
        {
            return Err(SafetyStop::StorageChanged {
                path,
                before,
                now,
                roots,
            });
        }
    }
    Ok(())
}

fn too_many(missing: &[&Node], all: usize) -> Result<(), SafetyStop> {
    let limit = most_deaths(all);
    match missing.iter().min_by_key(|node| node.id) {
        Some(first) if missing.len() > limit => Err(SafetyStop::TooManyMissing {
            roots: missing.len(),
            nodes: all,
            limit,
            first: first.home.root.clone(),
        }),
        _ => Ok(()),
    }
}

/// Whether a node in this state becomes DEAD when its root is missing. A node that is being removed has
/// half lost it already, one that is being moved has it elsewhere, and a disabled one is left alone.
pub(super) fn may_die(state: NodeState) -> bool {
    match state {
        NodeState::Running | NodeState::Stopped | NodeState::Restarting | NodeState::Upgrading => true,
        NodeState::Removing | NodeState::Migrating | NodeState::Dead | NodeState::Disabled => false,
    }
}

/// The most nodes that may die in one run: one, or a tenth of them.
fn most_deaths(nodes: usize) -> usize {
    (nodes / 10).max(1)
}

impl SafetyStop {
    /// What is wrong and what to look at; not that it may be overridden.
    #[must_use]
    pub fn plainly(&self) -> String {
        let nodes = |count: &usize| Plural(i64::try_from(*count).unwrap_or(i64::MAX), "node");
        match self {
            SafetyStop::StorageMissing { path, roots } => format!(
                "safety stop: the storage `{}` is not there, nor is the root directory of {}; check that its \
                 disk is mounted",
                path.display(),
                nodes(roots)
            ),
            SafetyStop::StorageChanged {
                path,
                before,
                now,
                roots,
            } => format!(
                "safety stop: the storage `{}` lies on another filesystem than before (device {now}, was \
                 {before}), and the root directory of {} is not there; check what is mounted there",
                path.display(),
                nodes(roots)
            ),
            SafetyStop::TooManyMissing {
                roots,
                nodes: all,
                limit,
                first,
            } => format!(
                "safety stop: {roots} of {all} nodes lost their root directory at once, no more than \
                 {limit} may; check the disk of `{}`",
                first.display()
            ),
        }
    }
}

impl fmt::Display for SafetyStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plainly = self.plainly();
        write!(f, "{plainly}, or give `--confirm` to have those nodes removed")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{NOW, nodes, policy, seen, storage};
    use super::super::node_states::settle;
    use super::*;
    use crate::colony::Answer;
    use crate::colony::NodeState::{Dead, Disabled, Removing, Running};

    /// A colony of `all` nodes of which the first `missing` have no root.
    fn lose(missing: usize, all: usize, storage: &StorageFolder) -> Result<usize, SafetyStop> {
        let mut sightings = vec![seen(Answer::Down); all];
        sightings[..missing]
            .iter_mut()
            .for_each(|sighting| sighting.rooted = false);
        let settled = settle(
            nodes(&vec![Running; all]),
            &sightings,
            std::slice::from_ref(storage),
            &policy(),
            false,
            NOW,
        )?;
        Ok(settled.nodes.iter().filter(|node| node.state == Dead).count())
    }

    #[test]
    fn a_node_may_die_and_so_may_a_tenth_of_them() {
        for (missing, all) in [(1, 1), (1, 9), (1, 19), (2, 20), (10, 100)] {
            assert_eq!(lose(missing, all, &storage()), Ok(missing), "{missing} of {all}");
        }
    }

    #[test]
    fn more_at_once_is_a_safety_stop() {
        for (missing, all) in [(2, 2), (2, 19), (3, 20), (80, 80)] {
            let stop = lose(missing, all, &storage()).unwrap_err();
            assert!(matches!(stop, SafetyStop::TooManyMissing { roots, .. } if roots == missing));
        }
        assert_eq!(
            lose(3, 20, &storage()).unwrap_err().to_string(),
            "safety stop: 3 of 20 nodes lost their root directory at once, no more than 2 may; check the disk \
             of `/nodes/antnode0001`, or give `--confirm` to have those nodes removed"
        );
    }

    #[test]
    fn a_storage_that_is_gone_or_another_than_before_is_a_safety_stop() {
        let gone = StorageFolder {
            present: false,
            device_now: None,
            ..storage()
        };
        assert!(matches!(
            lose(1, 50, &gone),
            Err(SafetyStop::StorageMissing { roots: 1, .. })
        ));
        let other = StorageFolder {
            device_now: Some(8),
            ..storage()
        };
        assert!(matches!(
            lose(1, 50, &other),
            Err(SafetyStop::StorageChanged {
                before: 7,
                now: 8,
                ..
            })
        ));
        let first_run = StorageFolder {
            device_before: None,
            ..storage()
        };
        assert_eq!(lose(1, 50, &first_run), Ok(1));
    }

    #[test]
    fn a_storage_nobody_misses_is_not_asked_for() {
        let gone = StorageFolder {
            present: false,
            device_now: None,
            ..storage()
        };
        assert_eq!(lose(0, 50, &gone), Ok(0));
        assert_eq!(lose(0, 0, &gone), Ok(0));
    }

    #[test]
    fn nodes_that_died_or_left_before_count_as_no_new_loss() {
        let colony = nodes(&[Dead, Dead, Removing, Disabled, Running]);
        let mut sightings = vec![seen(Answer::Down); 5];
        sightings.iter_mut().for_each(|sighting| sighting.rooted = false);
        assert!(settle(colony.clone(), &sightings, &[storage()], &policy(), false, NOW).is_ok());
        let gone = StorageFolder {
            present: false,
            ..storage()
        };
        assert!(settle(colony, &sightings, &[gone], &policy(), false, NOW).is_err());
    }

    #[test]
    fn each_storage_is_asked_for_on_its_own() {
        let mut colony = nodes(&[Running; 30]);
        for node in &mut colony[25..] {
            node.home.root = Path::new("/disk2/nodes").join(node.name.full());
        }
        let lose = |colony: &[Node], lost: usize, disk: StorageFolder| {
            let mut sightings = vec![seen(Answer::Down); 30];
            sightings[lost].rooted = false;
            let storages = [storage(), disk];
            settle(colony.to_vec(), &sightings, &storages, &policy(), false, NOW).map(|_| ())
        };
        let disk = |before, now| StorageFolder::seen(Path::new("/disk2/nodes"), before, now);
        assert_eq!(lose(&colony, 29, disk(Some(8), Some(8))), Ok(()));
        assert_eq!(
            lose(&colony, 29, disk(Some(8), None)).unwrap_err().to_string(),
            "safety stop: the storage `/disk2/nodes` is not there, nor is the root directory of 1 node; check that \
             its disk is mounted, or give `--confirm` to have those nodes removed"
        );
        // Not mounted: the folder that it was mounted on lies on another filesystem.
        assert!(matches!(
            lose(&colony, 29, disk(Some(8), Some(7))),
            Err(SafetyStop::StorageChanged { .. })
        ));
        assert_eq!(lose(&colony, 3, disk(Some(8), None)), Ok(()), "nobody misses it");
        colony.iter_mut().for_each(|node| node.state = Disabled);
        assert_eq!(lose(&colony, 29, disk(Some(8), None)), Ok(()));
    }

    #[test]
    fn a_root_that_was_a_filesystem_of_its_own_is_a_storage_of_its_own() {
        let root = nodes(&[Running])[0].home.root.clone();
        let own = |now| [storage(), StorageFolder::seen(&root, Some(8), now)];
        let mut sightings = vec![seen(Answer::Down); 50];
        sightings[0].rooted = false;
        let lose = |storages: &[StorageFolder]| {
            settle(nodes(&[Running; 50]), &sightings, storages, &policy(), false, NOW).map(|_| ())
        };
        assert_eq!(lose(&[storage()]), Ok(()));
        assert_eq!(lose(&own(Some(8))), Ok(()), "it is mounted, and was erased");
        assert!(matches!(
            lose(&own(Some(7))),
            Err(SafetyStop::StorageChanged { roots: 1, .. })
        ));
        assert!(matches!(
            lose(&own(None)),
            Err(SafetyStop::StorageMissing { roots: 1, .. })
        ));
    }

    #[test]
    fn an_order_is_about_nodes_in_any_state() {
        let colony = nodes(&[Disabled, Removing, Dead, Running]);
        let of = |count: usize| colony.iter().take(count).collect::<Vec<_>>();
        let gone = StorageFolder {
            present: false,
            ..storage()
        };
        for count in 1..=4 {
            assert!(check_order(&of(count), std::slice::from_ref(&gone), 40).is_err());
            assert!(check_order(&of(count), &[storage()], 40).is_ok());
        }
        assert_eq!(check_order(&[], &[gone], 40), Ok(()));
        assert_eq!(check_order(&of(3), &[storage()], 4), Ok(()));
        let stop = check_order(&of(4), &[storage()], 4).unwrap_err();
        assert_eq!(
            stop.plainly(),
            "safety stop: 2 of 4 nodes lost their root directory at once, no more than 1 may; check the disk of \
             `/nodes/antnode0001`"
        );
    }

    #[test]
    fn the_operator_may_override_it() {
        let rootless = vec![
            NodeObservation {
                rooted: false,
                ..seen(Answer::Down)
            };
            4
        ];
        let settled = settle(
            nodes(&[Running; 4]),
            &rootless,
            &[storage()],
            &policy(),
            true,
            NOW,
        )
        .unwrap();
        assert!(settled.nodes.iter().all(|node| node.state == Dead));
    }
}
