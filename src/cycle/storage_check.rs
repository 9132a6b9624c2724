//! Whether the disks of the nodes are there, asked before an order or an unfinished step touches them: what is erased,
//! written or made below a mount point with nothing mounted on it is lost twice.

use crate::colony::{ForcedAction, Node, NodeId, NodeState};
use crate::error::{ExitError, ExitKind};
use crate::look;
use crate::plan::{self, Action, Plan, SafetyStop, StorageFolder};
use crate::session::{Colony, Session};
use crate::settings::ForceAction;

/// Where the roots of a colony's nodes are.
pub struct StorageCheck {
    /// Nodes whose roots are not there.
    gone: Vec<NodeId>,
    storages: Vec<StorageFolder>,
}

impl StorageCheck {
    /// Looks at the roots of all nodes.
    pub fn of(colony: &Colony) -> StorageCheck {
        let footing = look::footing(colony, &colony.nodes);
        let rooted = colony.nodes.iter().zip(&footing.rooted);
        StorageCheck {
            gone: rooted
                .filter(|(_, rooted)| !**rooted)
                .map(|(node, _)| node.id)
                .collect(),
            storages: look::storages(colony, footing.device, &footing.elsewhere),
        }
    }

    fn is_gone(&self, node: &Node) -> bool {
        self.gone.contains(&node.id)
    }
}

/// The plan of an order, by `make` from nodes; a node without a root is not started or upgraded.
///
/// # Errors
/// A safety stop when the nodes it is about seem to be on a disk that is not there.
pub fn plan_order(
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
    if disks.gone.is_empty() {
        return Ok(plan);
    }
    let storage = &colony.settings.node_storage;
    let is_touched = |node: &Node| {
        plan.steps.iter().any(|step| match &step.action {
            // A new node lies among those that are there.
            Action::Add(_) => node.home.root.starts_with(storage),
            Action::Teardown(ids) => ids.contains(&node.id),
            action => action.node() == Some(node.id),
        })
    };
    let missing: Vec<&Node> = colony
        .nodes
        .iter()
        .filter(|node| disks.is_gone(node) && is_touched(node))
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
    for node in nodes.iter_mut().filter(|node| disks.is_gone(node)) {
        node.state = NodeState::Dead;
    }
    Ok(make(&nodes))
}

/// Refuses to end what a killed run had begun on nodes whose disk has gone since.
///
/// # Errors
/// A safety stop, unless the operator has said that the nodes are gone.
pub fn check_unfinished(session: &Session, colony: &Colony) -> Result<(), ExitError> {
    let is_teardown = session.run.force_action == Some(ForceAction::Nodes(ForcedAction::Teardown));
    if session.run.confirm && !is_teardown {
        return Ok(());
    }
    let begun: Vec<NodeId> = colony
        .store
        .pending()?
        .into_iter()
        .filter_map(|(_, intent)| intent.node)
        .collect();
    let mut disks = StorageCheck::of(colony);
    // A storage that was never seen may be one that the step in hand was to make.
    disks.storages.retain(|storage| storage.device_before.is_some());
    let missing: Vec<&Node> = colony
        .nodes
        .iter()
        .filter(|node| begun.contains(&node.id) && disks.is_gone(node))
        .collect();
    plan::lost_storage(&missing, &disks.storages).map_err(|stop| refused(&stop, !is_teardown))
}

/// The refusal; `may_confirm`: whether `--confirm` with the same words goes past it.
fn refused(stop: &SafetyStop, may_confirm: bool) -> ExitError {
    if may_confirm {
        return look::unsafe_to_go_on(stop);
    }
    ExitError::new(ExitKind::Unsafe, stop.plainly())
        .hint("nothing was done; mount the disk, or clear away the rows of nodes that are gone for good with `wnm --confirm`")
}
