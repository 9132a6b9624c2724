//! Checks that the disks of the nodes are mounted before a forced action or an unfinished step changes files on them.
//! Files that are written below an empty mount point are hidden as soon as the disk is mounted again.

use super::survey_step;
use std::collections::BTreeSet;

use crate::colony::{ForcedAction, Node, NodeId, NodeState};
use crate::error::{ExitError, ExitKind};
use crate::plan::{self, Action, Plan, SafetyStop, StorageFolder};
use crate::session::{Colony, Session};
use crate::settings::ForceAction;

/// Which root directories of a colony's nodes are missing, and the disks that they are on.
struct StorageCheck {
    /// Nodes whose root directory does not exist.
    missing: Vec<NodeId>,
    storages: Vec<StorageFolder>,
}

impl StorageCheck {
    /// Checks the root directories of all nodes.
    fn of(colony: &Colony) -> StorageCheck {
        let filesystems = survey_step::node_filesystems(colony, &colony.nodes);
        let has_root = colony.nodes.iter().zip(&filesystems.has_root);
        StorageCheck {
            missing: has_root
                .filter(|(_, has_root)| !**has_root)
                .map(|(node, _)| node.id)
                .collect(),
            storages: survey_step::storages(colony, filesystems.device, &filesystems.elsewhere),
        }
    }

    fn is_missing(&self, node: &Node) -> bool {
        self.missing.contains(&node.id)
    }
}

/// The plan of a forced action, which `make` makes from nodes. It does not start or upgrade nodes without a root
/// directory.
///
/// # Errors
/// A safety stop when the nodes it is about seem to be on a disk that is not mounted.
pub(super) fn plan_order(
    session: &Session,
    colony: &Colony,
    action: ForcedAction,
    make: impl Fn(&[Node]) -> Plan,
) -> Result<Plan, ExitError> {
    let plan = make(&colony.nodes);
    if !action.facts().needs_disks || plan.steps.is_empty() {
        return Ok(plan);
    }
    let disks = StorageCheck::of(colony);
    if disks.missing.is_empty() {
        return Ok(plan);
    }
    let storage = &colony.settings.node_storage;
    let is_touched = |node: &Node| {
        plan.steps.iter().any(|step| match &step.action {
            // A new node is created beside the existing ones.
            Action::Add(_) => node.home.root.starts_with(storage),
            Action::Teardown(ids) => ids.contains(&node.id),
            action => action.node() == Some(node.id),
        })
    };
    let missing: Vec<&Node> = colony
        .nodes
        .iter()
        .filter(|node| disks.is_missing(node) && is_touched(node))
        .collect();
    if let Err(stop) = plan::check_order(&missing, &disks.storages, colony.nodes.len()) {
        let is_removal = action == ForcedAction::Remove;
        if !(is_removal && session.run.confirm) {
            return Err(refused(&stop, is_removal));
        }
    }
    if missing.is_empty() || !matches!(action, ForcedAction::Start | ForcedAction::Upgrade) {
        return Ok(plan);
    }
    let mut nodes = colony.nodes.clone();
    for node in nodes.iter_mut().filter(|node| disks.is_missing(node)) {
        node.state = NodeState::Dead;
    }
    Ok(make(&nodes))
}

/// Refuses to finish the steps of a killed run on nodes whose disk is no longer mounted.
///
/// # Errors
/// A safety stop, unless the operator confirmed that the nodes are lost.
pub(super) fn check_unfinished(session: &Session, colony: &Colony) -> Result<(), ExitError> {
    let is_teardown = session.run.force_action == Some(ForceAction::Nodes(ForcedAction::Teardown));
    if session.run.confirm && !is_teardown {
        return Ok(());
    }
    let unfinished: BTreeSet<NodeId> = colony
        .store
        .pending()?
        .into_iter()
        .filter_map(|(_, intent)| intent.node)
        .collect();
    let mut disks = StorageCheck::of(colony);
    // A storage directory without a recorded filesystem may be one that the unfinished step was about to create.
    disks.storages.retain(|storage| storage.device_before.is_some());
    let missing: Vec<&Node> = colony
        .nodes
        .iter()
        .filter(|node| unfinished.contains(&node.id) && disks.is_missing(node))
        .collect();
    plan::lost_storage(&missing, &disks.storages).map_err(|stop| refused(&stop, !is_teardown))
}

/// The error for a safety stop. `may_confirm`: whether the same command with `--confirm` overrides it.
fn refused(stop: &SafetyStop, may_confirm: bool) -> ExitError {
    if may_confirm {
        return survey_step::safety_stop(stop);
    }
    ExitError::new(ExitKind::Unsafe, stop.without_override())
        .hint("nothing was changed; mount the disk, or, only if these nodes are lost for good, run `wnm --confirm`, which removes them from the database")
}
