//! Stops a run when a disk that is not mounted makes nodes look dead.
//!
//! The Python wnm once counted 80 healthy nodes as dead because their storage had moved. So no node counts as dead while
//! its storage is missing or changed, or when too many nodes would die at once.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::colony::{Node, NodeObservation, NodeState, Plural};

/// A directory that contains node directories, and its filesystem before and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageFolder {
    pub path: PathBuf,
    /// Whether it exists now.
    pub present: bool,
    /// Its filesystem at the last run; None if unknown.
    pub device_before: Option<u64>,
    /// Its filesystem now; None if unknown.
    pub device_now: Option<u64>,
}

impl StorageFolder {
    /// A directory that exists if its current filesystem is known.
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

/// The reason why this run must not do anything.
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
    /// More root directories are newly missing than may be in one run.
    TooManyMissing {
        roots: usize,
        nodes: usize,
        limit: usize,
        first: PathBuf,
    },
}

/// Fails when the missing root directories indicate a missing disk rather than dead nodes.
pub(super) fn check(
    nodes: &[Node],
    seen: &[NodeObservation],
    storages: &[StorageFolder],
) -> Result<(), SafetyStop> {
    let has_root = seen.iter().map(|observation| observation.has_root);
    check_roots(nodes, has_root, storages)
}

/// The safety stop of a survey that would find these root directories.
#[must_use]
pub fn foresee_stop(nodes: &[Node], has_root: &[bool], storages: &[StorageFolder]) -> Option<SafetyStop> {
    check_roots(nodes, has_root.iter().copied(), storages).err()
}

fn check_roots(
    nodes: &[Node],
    has_root: impl Iterator<Item = bool>,
    storages: &[StorageFolder],
) -> Result<(), SafetyStop> {
    let missing: Vec<&Node> = nodes
        .iter()
        .zip(has_root)
        .filter(|(node, has_root)| node.state != NodeState::Disabled && !has_root)
        .map(|(node, _)| node)
        .collect();
    lost_storage(&missing, storages)?;
    let newly: Vec<&Node> = missing
        .into_iter()
        .filter(|node| can_become_dead(node.state))
        .collect();
    too_many(&newly, nodes.len())
}

/// The same check for a forced action on nodes of which `missing` have no root directory, in a colony of `all` nodes.
/// It includes disabled nodes. Nodes that are DEAD or REMOVING lost their root directory earlier and do not count.
///
/// # Errors
/// A [`SafetyStop`] when the missing root directories indicate a missing disk.
pub fn check_order(missing: &[&Node], storages: &[StorageFolder], all: usize) -> Result<(), SafetyStop> {
    lost_storage(missing, storages)?;
    let is_new = |node: &&&Node| can_become_dead(node.state) || node.state == NodeState::Disabled;
    let newly: Vec<&Node> = missing.iter().filter(is_new).copied().collect();
    too_many(&newly, all)
}

/// Fails when nodes of `missing` belong to a storage that is missing or is on another filesystem than before.
///
/// # Errors
/// A [`SafetyStop`] with the first such storage.
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
    let limit = death_limit(all);
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

/// Whether a node in this state becomes DEAD when its root directory is missing. A REMOVING node may have lost it
/// already, a MIGRATING one has it elsewhere, and a disabled one is not changed.
pub(super) fn can_become_dead(state: NodeState) -> bool {
    match state {
        NodeState::Running | NodeState::Stopped | NodeState::Restarting | NodeState::Upgrading => true,
        NodeState::Removing | NodeState::Migrating | NodeState::Dead | NodeState::Disabled => false,
    }
}

/// The number of nodes that may become DEAD in one run: a tenth of them, at least one.
fn death_limit(nodes: usize) -> usize {
    (nodes / 10).max(1)
}

impl SafetyStop {
    /// The text without the advice to override with `--confirm`, for runs where it does not help.
    #[must_use]
    pub fn without_override(&self) -> String {
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
        let without_override = self.without_override();
        write!(
            f,
            "{without_override}, or give `--confirm` to have those nodes removed"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{NOW, nodes, policy, seen, storage};
    use super::super::node_states::update_states;
    use super::*;
    use crate::colony::Answer;
    use crate::colony::NodeState::{Dead, Disabled, Removing, Running};

    /// A colony of `all` nodes of which the first `missing` have no root.
    fn lose(missing: usize, all: usize, storage: &StorageFolder) -> Result<usize, SafetyStop> {
        let mut observations = vec![seen(Answer::Down); all];
        observations[..missing]
            .iter_mut()
            .for_each(|observation| observation.has_root = false);
        let updated = update_states(
            nodes(&vec![Running; all]),
            &observations,
            std::slice::from_ref(storage),
            &policy(),
            false,
            NOW,
        )?;
        Ok(updated.nodes.iter().filter(|node| node.state == Dead).count())
    }

    #[test]
    fn allows_one_dead_node_or_a_tenth_of_all() {
        for (missing, all) in [(1, 1), (1, 9), (1, 19), (2, 20), (10, 100)] {
            assert_eq!(lose(missing, all, &storage()), Ok(missing), "{missing} of {all}");
        }
    }

    #[test]
    fn stops_when_more_nodes_die_at_once() {
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
    fn stops_when_a_storage_is_missing_or_changed() {
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
    fn ignores_a_missing_storage_without_missing_nodes() {
        let gone = StorageFolder {
            present: false,
            device_now: None,
            ..storage()
        };
        assert_eq!(lose(0, 50, &gone), Ok(0));
        assert_eq!(lose(0, 0, &gone), Ok(0));
    }

    #[test]
    fn dead_removing_and_disabled_nodes_are_not_newly_missing() {
        let colony = nodes(&[Dead, Dead, Removing, Disabled, Running]);
        let mut observations = vec![seen(Answer::Down); 5];
        observations
            .iter_mut()
            .for_each(|observation| observation.has_root = false);
        assert!(update_states(colony.clone(), &observations, &[storage()], &policy(), false, NOW).is_ok());
        let gone = StorageFolder {
            present: false,
            ..storage()
        };
        assert!(update_states(colony, &observations, &[gone], &policy(), false, NOW).is_err());
    }

    #[test]
    fn checks_each_storage_separately() {
        let mut colony = nodes(&[Running; 30]);
        for node in &mut colony[25..] {
            node.home.root = Path::new("/disk2/nodes").join(node.name.full());
        }
        let lose = |colony: &[Node], lost: usize, disk: StorageFolder| {
            let mut observations = vec![seen(Answer::Down); 30];
            observations[lost].has_root = false;
            let storages = [storage(), disk];
            update_states(colony.to_vec(), &observations, &storages, &policy(), false, NOW).map(|_| ())
        };
        let disk = |before, now| StorageFolder::seen(Path::new("/disk2/nodes"), before, now);
        assert_eq!(lose(&colony, 29, disk(Some(8), Some(8))), Ok(()));
        assert_eq!(
            lose(&colony, 29, disk(Some(8), None)).unwrap_err().to_string(),
            "safety stop: the storage `/disk2/nodes` is not there, nor is the root directory of 1 node; check that \
             its disk is mounted, or give `--confirm` to have those nodes removed"
        );
        // Not mounted: the mount point itself is on another filesystem.
        assert!(matches!(
            lose(&colony, 29, disk(Some(8), Some(7))),
            Err(SafetyStop::StorageChanged { .. })
        ));
        assert_eq!(
            lose(&colony, 3, disk(Some(8), None)),
            Ok(()),
            "no node of it is missing"
        );
        colony.iter_mut().for_each(|node| node.state = Disabled);
        assert_eq!(lose(&colony, 29, disk(Some(8), None)), Ok(()));
    }

    #[test]
    fn root_that_is_a_mount_point_is_its_own_storage() {
        let root = nodes(&[Running])[0].home.root.clone();
        let own = |now| [storage(), StorageFolder::seen(&root, Some(8), now)];
        let mut observations = vec![seen(Answer::Down); 50];
        observations[0].has_root = false;
        let lose = |storages: &[StorageFolder]| {
            update_states(
                nodes(&[Running; 50]),
                &observations,
                storages,
                &policy(),
                false,
                NOW,
            )
            .map(|_| ())
        };
        assert_eq!(lose(&[storage()]), Ok(()));
        assert_eq!(lose(&own(Some(8))), Ok(()), "it is mounted, but empty");
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
    fn forced_actions_check_nodes_in_any_state() {
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
            stop.without_override(),
            "safety stop: 2 of 4 nodes lost their root directory at once, no more than 1 may; check the disk of \
             `/nodes/antnode0001`"
        );
    }

    #[test]
    fn the_operator_can_override_it() {
        let rootless = vec![
            NodeObservation {
                has_root: false,
                ..seen(Answer::Down)
            };
            4
        ];
        let updated = update_states(
            nodes(&[Running; 4]),
            &rootless,
            &[storage()],
            &policy(),
            true,
            NOW,
        )
        .unwrap();
        assert!(updated.nodes.iter().all(|node| node.state == Dead));
    }
}
