//! Making nodes: wallet, row, folders, binary, service, start, firewall.

use std::collections::BTreeMap;

use crate::colony::{Figures, Memory, Node, NodeId, State, Timestamp, Version, Wallet};
use crate::plan::{Action, NewNode, Step};
use crate::store::{self, NodeChange};

use super::run::start_all;
use super::{Begun, Ending, Means, Outcome};

/// A node that is being made, and the step that asked for it.
struct Making<'s> {
    step: &'s Step,
    begun: Begun,
    node: Node,
    /// What stopped it, once something has.
    failure: Option<String>,
}

/// Makes the nodes of a batch. They are made one by one and started together; one that fails is unmade.
pub(super) fn add(
    batch: &[Step],
    nodes: &mut BTreeMap<NodeId, Node>,
    means: &mut Means<'_>,
) -> Result<Vec<Outcome>, store::Error> {
    let mut making = Vec::with_capacity(batch.len());
    for step in batch {
        let Action::Add(new) = &step.action else { continue };
        let begun = means.begin(step, Some(new.id))?;
        let wallet = means.wallets.draw(means.world.clock.chance());
        let version = means.binary.map(|binary| &binary.version);
        let node = conceive(new, wallet, version, means.world.clock.now());
        let failure = means.world.gauge.busy_port(&node.ports).map(|port| {
            format!(
                "port {port} of node {} is taken by another program: stop that program, or remove its claim",
                node.id
            )
        });
        if failure.is_none() {
            // The row comes first, so that there is never a process of ours without one.
            means
                .store
                .progress(begun.intent, NodeChange::Insert(&node), &means.detail(step))?;
        }
        making.push(Making {
            step,
            begun,
            node,
            failure,
        });
    }
    let mut outcomes = Vec::with_capacity(making.len());
    for mut made in bring_up(making, means) {
        if made.failure.is_none() {
            means.open_firewall(&made.node, &mut made.begun);
        }
        let outcome = settle(made, means)?;
        if let (Some(node), Ending::Done) = (&outcome.node, &outcome.ending) {
            nodes.insert(node.id, node.clone());
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Goes on with a node that a killed run was making. Its row is there.
pub(super) fn resume(
    step: &Step,
    begun: Begun,
    node: Node,
    means: &mut Means<'_>,
) -> Result<Outcome, store::Error> {
    let mut made = bring_up(
        vec![Making {
            step,
            begun,
            node,
            failure: None,
        }],
        means,
    );
    let mut made = made.remove(0);
    if made.failure.is_none() {
        means.open_firewall(&made.node, &mut made.begun);
    }
    settle(made, means)
}

/// Defines each, then starts all that could be defined.
fn bring_up<'s>(mut making: Vec<Making<'s>>, means: &Means<'_>) -> Vec<Making<'s>> {
    for made in making.iter_mut().filter(|made| made.failure.is_none()) {
        let Some(binary) = means.binary else {
            made.failure = Some("no antnode binary to make a node from".to_owned());
            continue;
        };
        match means
            .manager(&made.node)
            .and_then(|manager| manager.define(&made.node, binary))
        {
            Ok(service) => made.node.service = service,
            Err(error) => made.failure = Some(error.to_string()),
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
    making
}

/// Ends the step: the node is there, or nothing is left of it, or what is left is said.
fn settle(made: Making<'_>, means: &mut Means<'_>) -> Result<Outcome, store::Error> {
    let Making {
        step,
        mut begun,
        mut node,
        failure,
    } = made;
    let Some(failure) = failure else {
        node.state = State::Restarting;
        node.since = means.world.clock.now();
        return means.end(begun, step, Some(&node), NodeChange::Update(&node), Ending::Done);
    };
    means.close_firewall(&node, &mut begun);
    match means.manager(&node).and_then(|manager| manager.remove(&node)) {
        Ok(()) => means.end(
            begun,
            step,
            Some(&node),
            NodeChange::Delete(node.id),
            Ending::Failed(failure),
        ),
        Err(left) => {
            // The row stays, marked for removal, so that what is left is tried again and never forgotten.
            node.state = State::Removing;
            node.since = means.world.clock.now();
            let failure = format!("{failure}; undoing it failed too: {left}");
            node.memory.last_error = Some(failure.clone());
            means.end(
                begun,
                step,
                Some(&node),
                NodeChange::Update(&node),
                Ending::Failed(failure),
            )
        }
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
        state: State::Restarting,
        since: now,
        figures: Figures::default(),
        memory: Memory::default(),
    }
}
