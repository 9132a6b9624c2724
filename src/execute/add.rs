//! Making nodes: wallet, row, folders, binary, service, start, firewall.

use std::collections::BTreeMap;

use crate::colony::{Node, NodeFigures, NodeHistory, NodeId, NodeState, Timestamp, Version, Wallet};
use crate::manager;
use crate::plan::{Action, NewNode, Step};
use crate::store::{self, Change, NodeChange};

use super::context::{ExecuteContext, StartedStep, has_failed};
use super::outcome::{StepEnd, StepOutcome};
use super::start_stop::start_all;

/// A node that is being made, and the step that asked for it.
struct PendingNode<'s> {
    step: &'s Step,
    begun: StartedStep,
    node: Node,
    /// How far it came.
    stage: AddStage,
    /// What stopped it, once something has.
    failure: Option<String>,
}

/// How far the making of a node came, which is what has to be undone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AddStage {
    /// Nothing was made: whatever lies at its place is not ours to touch.
    Conceived,
    /// It has a row, and nothing else.
    Written,
    /// A killed run had written its row; what else it had made is not known.
    Resumed,
    /// The manager made its folders and its service.
    Defined,
}

/// Makes the nodes of a batch. They are made one by one and started together; one that fails is unmade.
pub(super) fn add(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut ExecuteContext<'_>,
) -> Result<Vec<StepOutcome>, store::StoreError> {
    let making: Vec<PendingNode<'_>> = means.store.together(|| {
        batch
            .iter()
            .filter_map(|step| match &step.action {
                Action::Add(new) => Some(begin(step, new, means)),
                _ => None,
            })
            .collect()
    })?;
    let (mut well, ill): (Vec<_>, Vec<_>) = bring_up(making, means)?
        .into_iter()
        .partition(|made| made.failure.is_none());
    for made in &mut well {
        means.open_firewall(&made.node, &mut made.begun);
    }
    let mut outcomes: Vec<StepOutcome> = means
        .store
        .together(|| well.into_iter().map(|made| settle(made, means)).collect())?;
    for made in ill {
        outcomes.push(settle(made, means)?);
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

/// Writes down that a node is being made, and its row.
fn begin<'s>(
    step: &'s Step,
    new: &NewNode,
    means: &ExecuteContext<'_>,
) -> Result<PendingNode<'s>, store::StoreError> {
    let begun = means.begin(step, Some(new.id))?;
    let wallet = means.wallets.draw(means.world.clock.chance());
    let version = means.binary.map(|binary| &binary.version);
    let node = conceive(new, wallet, version, means.world.clock.now());
    let mut stage = AddStage::Conceived;
    let failure = means.world.gauge.busy_port(&node.ports).map(|port| {
        format!(
            "port {port} of node {} is taken by another program: stop that program, or remove its claim",
            node.id
        )
    });
    if failure.is_none() {
        // The row comes first, so that there is never a process of ours without one.
        stage = AddStage::Written;
        means
            .store
            .progress(begun.intent, NodeChange::Insert(&node), &means.detail(step))?;
    }
    Ok(PendingNode {
        step,
        begun,
        node,
        stage,
        failure,
    })
}

/// Goes on with a node that a killed run was making. Its row is there.
pub(super) fn resume(
    step: &Step,
    begun: StartedStep,
    node: Node,
    means: &mut ExecuteContext<'_>,
) -> Result<StepOutcome, store::StoreError> {
    let mut made = bring_up(
        vec![PendingNode {
            step,
            begun,
            node,
            stage: AddStage::Resumed,
            failure: None,
        }],
        means,
    )?;
    let mut made = made.remove(0);
    if made.failure.is_none() {
        means.open_firewall(&made.node, &mut made.begun);
    }
    settle(made, means)
}

/// Defines each, then starts all that could be defined.
fn bring_up<'s>(
    mut making: Vec<PendingNode<'s>>,
    means: &ExecuteContext<'_>,
) -> Result<Vec<PendingNode<'s>>, store::StoreError> {
    for made in making.iter_mut().filter(|made| made.failure.is_none()) {
        let Some(binary) = means.binary else {
            made.failure = Some("no antnode binary to make a node from".to_owned());
            continue;
        };
        match means
            .manager(&made.node)
            .and_then(|manager| manager.define(&made.node, binary))
        {
            Ok(defined) => {
                let asked = made.node.clone();
                defined.settle_in(&mut made.node);
                // What the manager decided is written before it is started by it. A run killed before this
                // line asks the manager again, which knows the node by what was asked for.
                if made.node != asked {
                    let detail = means.detail(made.step);
                    means
                        .store
                        .progress(made.begun.intent, counted(&made.node), &detail)?;
                }
                if made.stage == AddStage::Written {
                    made.stage = AddStage::Defined;
                }
            }
            Err(error) => {
                use manager::ManagerError::{HalfMade, Left};
                if made.stage == AddStage::Written && matches!(error, HalfMade { .. } | Left { .. }) {
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
    let mut started = start_all(&ready, means).into_iter();
    for made in making.iter_mut().filter(|made| made.failure.is_none()) {
        if let Some(Err(error)) = started.next() {
            made.failure = Some(error);
        }
    }
    Ok(making)
}

/// Ends the step: the node is there, or nothing of it is left, or what is left is said.
fn settle(made: PendingNode<'_>, means: &ExecuteContext<'_>) -> Result<StepOutcome, store::StoreError> {
    let PendingNode {
        step,
        mut begun,
        mut node,
        stage,
        failure,
    } = made;
    let Some(failure) = failure else {
        node.state = NodeState::Restarting;
        node.since = means.world.clock.now();
        return means.end(begun, step, Some(&node), NodeChange::Update(&node), StepEnd::Done);
    };
    match stage {
        AddStage::Conceived => means.end(
            begun,
            step,
            Some(&node),
            NodeChange::None,
            StepEnd::Failed(failure),
        ),
        // Folders and service that cannot be made are not left half made.
        AddStage::Written => means.end(
            begun,
            step,
            Some(&node),
            NodeChange::Delete(node.id),
            StepEnd::Failed(failure),
        ),
        AddStage::Resumed => {
            // Something of it may be there, and even an identity: it is kept as a node that does not run.
            node.state = NodeState::Stopped;
            has_failed(&mut node, &failure, means);
            means.end(
                begun,
                step,
                Some(&node),
                NodeChange::Update(&node),
                StepEnd::Failed(failure),
            )
        }
        AddStage::Defined => {
            means.close_firewall(&node, &mut begun);
            let undone = means.manager(&node).and_then(|manager| manager.remove(&node));
            let Err(left) = undone else {
                let change = NodeChange::Delete(node.id);
                return means.end(begun, step, Some(&node), change, StepEnd::Failed(failure));
            };
            // The row stays, marked for removal, so that what is left is tried again and never forgotten.
            node.state = NodeState::Removing;
            node.since = means.world.clock.now();
            let failure = format!("{failure}; undoing it failed too: {left}");
            node.memory.last_error = Some(failure.clone());
            means.end(
                begun,
                step,
                Some(&node),
                NodeChange::Update(&node),
                StepEnd::Failed(failure),
            )
        }
    }
}

/// The row of a node that its manager has made; with antctl its id is used up, whatever becomes of it.
fn counted(node: &Node) -> Change<'_> {
    Change {
        node: NodeChange::Update(node),
        highest_node_id_used: node.manager.numbers_its_nodes().then_some(node.id.0),
        ..Change::default()
    }
}

/// The row of a node that is about to be made.
fn conceive(new: &NewNode, wallet: &Wallet, version: Option<&Version>, now: Timestamp) -> Node {
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
