//! The plan of `--force_action restore`: nodes that were removed, made again with the identity that was kept.

use crate::colony::{BusyPort, ForcedAction, Node, NodePorts, RemovedNode, Version};

use super::action::Action;
use super::blocker::{Blocker, Refusal};
use super::forced::{NodeSelection, held, ordered};
use super::new_nodes::NewNodePlanner;
use super::policy::{Policy, Template};
use super::step::Plan;

/// Plans the restoration of the selected nodes of `removed`, in the order of their names. What cannot be restored is a
/// blocker.
pub fn plan_restore(
    selection: &NodeSelection,
    removed: &[RemovedNode],
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
    policy: &Policy,
) -> Plan {
    let action = ForcedAction::Restore;
    let names = match selection {
        NodeSelection::Named(names) if !names.is_empty() => names,
        _ => return held(Blocker::NamesNeeded { action }),
    };
    if binary.is_none() {
        return held(Blocker::BinaryNeeded { action });
    }
    let mut plan = Plan::default();
    let mut planned: Vec<&RemovedNode> = Vec::new();
    let mut planner = NewNodePlanner::new(nodes, template, port_in_use);
    for name in names {
        let found = match find(name, removed) {
            Ok(node) if planned.contains(&node) => continue,
            Ok(node) => check(node, nodes, &planned, policy).map(|()| node),
            Err(why) => Err(why),
        };
        match found {
            Ok(node) => match planner.plan_restored_node(node) {
                Ok(new) => {
                    planned.push(node);
                    plan.steps.push(ordered(Action::Add(Box::new(new)), Vec::new()));
                }
                Err(blocker) => plan.blockers.push(blocker),
            },
            Err(why) => plan.blockers.push(Blocker::Refused {
                name: name.trim().to_owned(),
                why,
            }),
        }
    }
    plan.blockers.extend(planner.passed_over());
    plan
}

/// The removed node that `name` means. Of several copies of one identity, the latest.
fn find<'a>(name: &str, removed: &'a [RemovedNode]) -> Result<&'a RemovedNode, Refusal> {
    let found: Vec<&RemovedNode> = removed.iter().filter(|node| node.is_called(name)).collect();
    let Some(latest) = found.last() else {
        return Err(Refusal::NotKept);
    };
    let is_same = |node: &&RemovedNode| node.peer_id.is_some() && node.peer_id == latest.peer_id;
    if found.len() > 1 && !found.iter().all(is_same) {
        let directories = found.iter().map(|node| node.directory.clone());
        return Err(Refusal::SeveralKept(directories.collect()));
    }
    Ok(latest)
}

fn check(
    removed: &RemovedNode,
    nodes: &[Node],
    planned: &[&RemovedNode],
    policy: &Policy,
) -> Result<(), Refusal> {
    let is_same = |peer_id: &Option<String>| peer_id.is_some() && *peer_id == removed.peer_id;
    if let Some(node) = nodes.iter().find(|node| is_same(&node.peer_id)) {
        return Err(Refusal::IdentityInUse(node.name.full()));
    }
    if planned.iter().any(|node| is_same(&node.peer_id)) {
        return Err(Refusal::IdentityInUse(removed.full_name.clone()));
    }
    let count = i64::try_from(nodes.len() + planned.len()).unwrap_or(i64::MAX);
    if count >= policy.cap {
        return Err(Refusal::AboveCap { cap: policy.cap });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colony::{NodeId, NodeState, ServiceName, Timestamp};
    use crate::plan::fixtures::{newest, nodes, policy, template};

    fn removed(id: u32, peer_id: &str, directory: &str) -> RemovedNode {
        RemovedNode {
            directory: directory.to_owned(),
            id: NodeId(id),
            full_name: format!("antnode{id:04}"),
            service: ServiceName(format!("antnode{id:04}")),
            ports: NodePorts {
                node: 55000 + u16::try_from(id).unwrap(),
                metrics: 13000 + u16::try_from(id).unwrap(),
                rpc: 30000 + u16::try_from(id).unwrap(),
            },
            peer_id: Some(peer_id.to_owned()),
            wallet: None,
            network: "evm-arbitrum-one".to_owned(),
            version: None,
            manager: "setsid+user".to_owned(),
            removed_at: Timestamp(0),
            reason: "ordered".to_owned(),
        }
    }

    fn planned(names: &[&str], kept: &[RemovedNode], colony: &[Node], cap: i64) -> Plan {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        plan_restore(
            &NodeSelection::Named(names),
            kept,
            colony,
            &template(),
            Some(&newest()),
            &|_| None,
            &Policy { cap, ..policy() },
        )
    }

    fn refusal(plan: &Plan) -> Refusal {
        match plan.blockers.as_slice() {
            [Blocker::Refused { why, .. }] => why.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn node_gets_its_old_id_and_ports_or_the_next_free_ones() {
        let kept = [
            removed(3, "p3", "antnode0003-a"),
            removed(1, "p1", "antnode0001-a"),
        ];
        let colony = nodes(&[NodeState::Running]);
        let plan = planned(&["antnode0003.service", "p1"], &kept, &colony, 9);
        let ids: Vec<Option<NodeId>> = plan.steps.iter().map(|step| step.action.node()).collect();
        assert_eq!(ids, [Some(NodeId(3)), Some(NodeId(2))]);
        assert_eq!(plan.blockers, []);
    }

    #[test]
    fn node_is_not_restored_when_it_is_unclear_which_or_too_many() {
        let kept = [
            removed(1, "p1", "antnode0001-a"),
            removed(1, "p2", "antnode0001-b"),
        ];
        let several = vec!["antnode0001-a".to_owned(), "antnode0001-b".to_owned()];
        let why = |names: &[&str], cap| refusal(&planned(names, &kept, &[], cap));
        assert_eq!(why(&["antnode0001"], 9), Refusal::SeveralKept(several));
        assert_eq!(why(&["antnode0002"], 9), Refusal::NotKept);
        assert_eq!(why(&["antnode0001-b"], 0), Refusal::AboveCap { cap: 0 });
        assert_eq!(planned(&["antnode0001-b"], &kept, &[], 9).steps.len(), 1);
        let mut colony = nodes(&[NodeState::Running]);
        colony[0].peer_id = Some("p1".to_owned());
        let plan = planned(&["p1"], &kept, &colony, 9);
        assert_eq!(refusal(&plan), Refusal::IdentityInUse("antnode0001".to_owned()));
    }
}
