//! Adds nodes: wallet, row, folders, binary, service, start, firewall.

use std::collections::BTreeMap;

use crate::colony::{Node, NodeFigures, NodeHistory, NodeId, NodeState, Timestamp, Version, Wallet};
use crate::manager;
use crate::manager::files::Files;
use crate::plan::{Action, NewNode, Step};
use crate::store::{self, Change, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed};
use super::outcome::{StepEnd, StepOutcome};
use super::start_stop::start_all;

/// A node that is being added, and its step.
struct PendingNode<'s> {
    step: &'s Step,
    begun: StartedStep,
    node: Node,
    /// The last stage that it reached.
    stage: AddStage,
    /// The error that stopped it.
    failure: Option<String>,
    /// The directory in `BASE_DIR/removed` of the removed node that this one restores.
    restored: Option<String>,
}

impl PendingNode<'_> {
    /// The detail of the intent, so that a later run also puts the identity in place.
    fn detail(&self, context: &ExecuteContext<'_>) -> serde_json::Value {
        let mut detail = context.detail(self.step);
        if let Some(directory) = &self.restored {
            detail["restored"] = directory.as_str().into();
        }
        detail
    }

    /// Whether an identity is in place. Also true if that cannot be read.
    fn has_identity(&self) -> bool {
        let files = Files::new(self.node.manager.mode);
        files
            .read_identity(&self.node.home.root)
            .map_or(true, |identity| !identity.is_empty())
    }

    /// Puts the identity of a restored node in place, before the node starts for the first time.
    fn place_identity(&self, context: &ExecuteContext<'_>) -> Result<(), String> {
        let Some(directory) = &self.restored else {
            return Ok(());
        };
        let identity = context
            .removed
            .identity(directory)
            .map_err(|error| error.to_string())?;
        Files::new(self.node.manager.mode)
            .write_identity(&self.node.home.root, &identity)
            .map_err(|error| error.to_string())
    }
}

/// How far the addition of a node went, which decides what has to be undone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AddStage {
    /// Nothing was created: files at its place are not ours and stay.
    NotCreated,
    /// Only its row was written.
    Written,
    /// A killed run wrote its row; what else that run created is unknown.
    Resumed,
    /// The manager created its folders and its service.
    Defined,
}

/// Adds the nodes of a batch. They are created one by one and started together; a node that fails is undone.
pub(super) fn add(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    context: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let making: Vec<PendingNode<'_>> = context.store.in_transaction(|| {
        batch
            .iter()
            .filter_map(|step| match &step.action {
                Action::Add(new) => Some(begin(step, new, context)),
                _ => None,
            })
            .collect()
    })?;
    let (mut created, failed): (Vec<_>, Vec<_>) = bring_up(making, context)?
        .into_iter()
        .partition(|made| made.failure.is_none());
    for made in &mut created {
        context.open_firewall(&made.node, &mut made.begun);
    }
    let mut outcomes: Vec<StepOutcome> = context.store.in_transaction(|| {
        created
            .into_iter()
            .map(|made| end_addition(made, context))
            .collect()
    })?;
    for made in failed {
        outcomes.push(end_addition(made, context)?);
    }
    outcomes.sort_by_key(|outcome| outcome.node.as_ref().map(|node| node.id));
    for outcome in &outcomes {
        if let Some(node) = outcome
            .node
            .as_ref()
            .filter(|node| !outcome.failed() || node.state == NodeState::Removing)
        {
            nodes.insert(node.id, node.clone());
        }
    }
    Ok(outcomes)
}

/// Writes the intent to add a node, and its row.
fn begin<'s>(
    step: &'s Step,
    new: &NewNode,
    context: &ExecuteContext<'_>,
) -> Result<PendingNode<'s>, store::StoreError> {
    let begun = context.begin(step, Some(new.id))?;
    let drawn = context.wallets.draw(context.world.clock.chance());
    let restored_wallet = new
        .restored
        .as_ref()
        .and_then(|old| Wallet::from_address(old.wallet.as_deref()?));
    let wallet = restored_wallet.as_ref().unwrap_or(drawn);
    let version = context.binary.map(|binary| &binary.version);
    let node = new_row(new, wallet, version, context.world.clock.now());
    let failure = context.world.machine_reader.busy_port(&node.ports).map(|busy| {
        format!(
            "port {busy} of node {} is in use: the next run passes this id over",
            node.id
        )
    });
    let mut pending = PendingNode {
        step,
        begun,
        node,
        stage: AddStage::NotCreated,
        failure,
        restored: new.restored.as_ref().map(|old| old.directory.clone()),
    };
    if pending.failure.is_none() {
        // The row is written first, so that no process of ours is ever without a row.
        pending.stage = AddStage::Written;
        let detail = pending.detail(context);
        let row = NodeChange::Insert(&pending.node);
        context.store.progress(pending.begun.intent, row, &detail)?;
    }
    Ok(pending)
}

/// Continues the addition of a node that a killed run began. Its row exists.
pub(super) fn resume(
    step: &Step,
    begun: StartedStep,
    node: Node,
    restored: Option<String>,
    context: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let mut made = bring_up(
        vec![PendingNode {
            step,
            begun,
            node,
            stage: AddStage::Resumed,
            failure: None,
            restored,
        }],
        context,
    )?;
    let mut made = made.remove(0);
    if made.failure.is_none() {
        context.open_firewall(&made.node, &mut made.begun);
    }
    end_addition(made, context)
}

/// Defines every node, then starts those that could be defined.
fn bring_up<'s>(
    mut making: Vec<PendingNode<'s>>,
    context: &ExecuteContext<'_>,
) -> Result<Vec<PendingNode<'s>>, store::StoreError> {
    for made in making.iter_mut().filter(|made| made.failure.is_none()) {
        let Some(binary) = context.binary else {
            made.failure = Some("no antnode binary for a new node".to_owned());
            continue;
        };
        match context
            .manager(&made.node)
            .and_then(|manager| manager.define(&made.node, binary))
        {
            Ok(defined) => {
                let asked = made.node.clone();
                defined.apply_to(&mut made.node);
                // What the manager chose is written before the manager starts the node. A run that is killed before
                // this line asks the manager again, which finds the node by the requested values.
                if made.node != asked {
                    let detail = made.detail(context);
                    context
                        .store
                        .progress(made.begun.intent, counted(&made.node), &detail)?;
                }
                if made.stage == AddStage::Written {
                    made.stage = AddStage::Defined;
                }
                if let Err(error) = made.place_identity(context) {
                    // Without an identity nothing of the node is worth keeping; `BASE_DIR/removed` still has its own.
                    if !made.has_identity() {
                        made.stage = AddStage::Defined;
                    }
                    made.failure = Some(format!("the identity was not restored: {error}"));
                }
            }
            Err(error) => {
                use manager::ManagerError::{NotRemoved, NotRolledBack};
                if made.stage == AddStage::Written
                    && matches!(error, NotRolledBack { .. } | NotRemoved { .. })
                {
                    made.stage = AddStage::Defined;
                }
                made.failure = Some(error.to_string());
            }
        }
    }
    let ready: Vec<&Node> = making
        .iter()
        .filter(|made| made.failure.is_none())
        .map(|made| &made.node)
        .collect();
    let mut started = start_all(&ready, context).into_iter();
    for made in making.iter_mut().filter(|made| made.failure.is_none()) {
        if let Some(Err(error)) = started.next() {
            made.failure = Some(error);
        }
    }
    Ok(making)
}

/// Ends the step: the node exists, or nothing of it is left, or the error says what is left.
fn end_addition(
    made: PendingNode<'_>,
    context: &ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let PendingNode {
        step,
        mut begun,
        mut node,
        stage,
        failure,
        restored,
    } = made;
    let Some(failure) = failure else {
        node.state = NodeState::Restarting;
        node.since = context.world.clock.now();
        let outcome = context.end(begun, step, Some(&node), NodeChange::Update(&node), StepEnd::Done)?;
        // Only now: the node has its identity, and its row.
        if let Some(Err(error)) = restored.map(|directory| context.removed.forget(&directory)) {
            tracing::warn!("cannot delete the copy of a restored identity: {error}");
        }
        return Ok(outcome);
    };
    match stage {
        AddStage::NotCreated => context.end(
            begun,
            step,
            Some(&node),
            NodeChange::None,
            StepEnd::Failed(failure),
        ),
        // A failed definition leaves neither folders nor a service.
        AddStage::Written => context.end(
            begun,
            step,
            Some(&node),
            NodeChange::Delete(node.id),
            StepEnd::Failed(failure),
        ),
        AddStage::Resumed => {
            // Some of its files, even an identity, may exist: the node is kept as a stopped node.
            node.state = NodeState::Stopped;
            has_failed(&mut node, &failure, context);
            context.end(
                begun,
                step,
                Some(&node),
                NodeChange::Update(&node),
                StepEnd::Failed(failure),
            )
        }
        AddStage::Defined => {
            context.close_firewall(&node, &mut begun);
            let undone = context.manager(&node).and_then(|manager| manager.remove(&node));
            let Err(left) = undone else {
                let change = NodeChange::Delete(node.id);
                return context.end(begun, step, Some(&node), change, StepEnd::Failed(failure));
            };
            // The row stays and is marked for removal, so that a later run removes the rest.
            node.state = NodeState::Removing;
            node.since = context.world.clock.now();
            let failure = format!("{failure}; undoing it failed too: {left}");
            node.memory.last_error = Some(failure.clone());
            context.end(
                begun,
                step,
                Some(&node),
                NodeChange::Update(&node),
                StepEnd::Failed(failure),
            )
        }
    }
}

/// The row of a node that its manager has defined. antctl never uses an id again, even if the addition fails.
fn counted(node: &Node) -> Change<'_> {
    Change {
        node: NodeChange::Update(node),
        highest_node_id_used: node.manager.numbers_its_nodes().then_some(node.id.0),
        ..Change::default()
    }
}

/// The row of a new node.
fn new_row(new: &NewNode, wallet: &Wallet, version: Option<&Version>, now: Timestamp) -> Node {
    Node {
        id: new.id,
        name: new.name.clone(),
        service: new.service.clone(),
        manager: new.manager,
        ports: new.ports,
        wallet: Some(wallet.0.clone()),
        peer_id: None,
        host: new.host.clone(),
        user: new.user.clone(),
        network: new.network.clone(),
        environment: Some(new.environment.clone()),
        home: new.home.clone(),
        version: version.cloned(),
        born: now,
        state: NodeState::Restarting,
        since: now,
        figures: NodeFigures::default(),
        memory: NodeHistory::default(),
    }
}
