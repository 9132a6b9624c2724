//! Plans the actions that an operator forces.
//!
//! Forced actions ignore limits, quotas and the cap. They never downgrade a node, never start one that runs, and
//! never guess which node a name means.

use std::collections::BTreeSet;

use crate::colony::{BusyPort, ChosenBy, ForcedAction, Node, NodeId, NodePorts, NodeState, Version};

use super::action::{Action, StopReason};
use super::assign::{oldest, outdated, youngest};
use super::blocker::{Blocker, Refusal};
use super::new_nodes::NewNodePlanner;
use super::node_checks::is_outdated;
use super::node_selection::find;
use super::policy::{Policy, Template};
use super::reason::{Cause, Reason};
use super::step::{Plan, Step};

/// The nodes of a forced action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSelection {
    /// Names as the operator wrote them; see [`find`].
    Named(Vec<String>),
    /// This many: the youngest to stop or remove, the oldest to start or upgrade.
    Count(i64),
}

impl NodeSelection {
    /// The nodes that `action` acts on, from the given names and count.
    #[must_use]
    pub fn of(action: ForcedAction, names: &[String], count: i64) -> NodeSelection {
        match action.facts().chosen_by {
            ChosenBy::NameOrCount | ChosenBy::Name if !names.is_empty() => {
                NodeSelection::Named(names.to_vec())
            }
            _ => NodeSelection::Count(count),
        }
    }
}

/// The plan for `action`, in the order of the names, at most one step for a node. What is impossible becomes a
/// blocker for which [`Blocker::is_failure`] is true. `living`: nodes that are not RUNNING but have a process, which a
/// count stops and upgrades as well.
pub fn plan_forced(
    action: ForcedAction,
    whom: &NodeSelection,
    (nodes, living): (&[Node], &BTreeSet<NodeId>),
    template: &Template,
    binary: Option<&Version>,
    port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
    policy: &Policy,
) -> Plan {
    let planner = ForcedPlanner {
        action,
        nodes,
        living,
        binary,
        upgrades: policy.upgrades,
    };
    match (action, whom) {
        (ForcedAction::Teardown, _) => teardown(nodes),
        (ForcedAction::Add, NodeSelection::Named(_)) => held(Blocker::CountTooSmall { count: 0 }),
        (_, NodeSelection::Named(names)) if names.is_empty() => held(Blocker::NamesNeeded { action }),
        (_, NodeSelection::Count(_)) if action.facts().chosen_by == ChosenBy::Name => {
            held(Blocker::NamesNeeded { action })
        }
        (_, NodeSelection::Count(count)) if *count < 1 => held(Blocker::CountTooSmall { count: *count }),
        (ForcedAction::Add, NodeSelection::Count(count)) => add(*count, nodes, template, binary, port_in_use),
        (_, NodeSelection::Named(names)) => planner.plan_named(names),
        (_, NodeSelection::Count(count)) => planner.plan_count(*count),
    }
}

fn add(
    count: i64,
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
) -> Plan {
    if binary.is_none() {
        return held(Blocker::BinaryNeeded {
            action: ForcedAction::Add,
        });
    }
    let mut plan = Plan::default();
    let mut planner = NewNodePlanner::new(nodes, template, port_in_use);
    for _ in 0..count {
        match planner.plan_next() {
            Ok(new) => plan.steps.push(ordered(Action::Add(Box::new(new)), Vec::new())),
            Err(blocker) => {
                plan.blockers.push(blocker);
                break;
            }
        }
    }
    plan.blockers.extend(planner.passed_over());
    plan
}

fn teardown(nodes: &[Node]) -> Plan {
    let all = youngest(nodes, usize::MAX, |_| true)
        .into_iter()
        .map(|node| node.id)
        .collect();
    Plan {
        steps: vec![ordered(Action::Teardown(all), Vec::new())],
        blockers: Vec::new(),
    }
}

/// Plans a forced action node by node.
struct ForcedPlanner<'a> {
    action: ForcedAction,
    nodes: &'a [Node],
    living: &'a BTreeSet<NodeId>,
    binary: Option<&'a Version>,
    upgrades: bool,
}

impl ForcedPlanner<'_> {
    fn plan_named(&self, names: &[String]) -> Plan {
        let mut plan = Plan::default();
        let mut planned: Vec<NodeId> = Vec::with_capacity(names.len());
        for name in names {
            let found = find(name, self.nodes);
            if let Ok(node) = found {
                if planned.contains(&node.id) {
                    continue;
                }
                planned.push(node.id);
            }
            self.push(&mut plan, name.trim(), found);
        }
        plan
    }

    fn plan_count(&self, count: i64) -> Plan {
        let action = self.action;
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let chosen = match action {
            ForcedAction::Start => oldest(self.nodes, most, |node| node.state == NodeState::Stopped),
            ForcedAction::Upgrade => oldest(self.nodes, most, |node| {
                self.is_up(node) && self.upgrade(node).is_ok()
            }),
            ForcedAction::Stop => youngest(self.nodes, most, |node| {
                self.is_up(node) && self.stop(node).is_ok()
            }),
            _ => youngest(self.nodes, most, |node| node.state != NodeState::Disabled),
        };
        if chosen.is_empty() {
            return held(if self.binary.is_none() && action == ForcedAction::Upgrade {
                Blocker::BinaryNeeded { action }
            } else {
                Blocker::NoneTo { action }
            });
        }
        let mut plan = Plan::default();
        if chosen.len() < most {
            let found = i64::try_from(chosen.len()).unwrap_or(count);
            plan.blockers.push(Blocker::OnlySoMany {
                action,
                found,
                asked: count,
            });
        }
        for node in chosen {
            self.push(&mut plan, &node.service.0, Ok(node));
        }
        plan
    }

    fn is_up(&self, node: &Node) -> bool {
        node.state == NodeState::Running || self.living.contains(&node.id)
    }

    /// Adds the step of one node, or the reason why there is none.
    fn push(&self, plan: &mut Plan, name: &str, found: Result<&Node, Refusal>) {
        let step = found.and_then(|node| {
            let action = self.act(node)?;
            Ok(self.step(action, node))
        });
        match step {
            Ok(step) => plan.steps.push(step),
            Err(why) => plan.blockers.push(Blocker::Refused {
                name: name.to_owned(),
                why,
            }),
        }
    }

    fn act(&self, node: &Node) -> Result<Action, Refusal> {
        match self.action {
            ForcedAction::Start => self.start(node),
            ForcedAction::Upgrade => self.upgrade(node),
            ForcedAction::Stop => self.stop(node),
            ForcedAction::Disable => Ok(Action::Stop(node.id, StopReason::Disabled)),
            // A disabled node that is named is removed; a count never selects one.
            ForcedAction::Remove => Ok(Action::Remove(node.id)),
            ForcedAction::Add | ForcedAction::Restore | ForcedAction::Teardown => Err(Refusal::NotFound),
        }
    }

    fn stop(&self, node: &Node) -> Result<Action, Refusal> {
        match node.state {
            // Stopping a stopped node succeeds; the manager finds nothing to do.
            NodeState::Running | NodeState::Stopped | NodeState::Restarting | NodeState::Upgrading => {
                Ok(Action::Stop(node.id, StopReason::Stopped))
            }
            state => Err(out_of_reach(state)),
        }
    }

    /// A start enables a disabled node again, and cancels a removal that waits for its delay.
    fn start(&self, node: &Node) -> Result<Action, Refusal> {
        match node.state {
            NodeState::Running => Err(Refusal::AlreadyRunning),
            NodeState::Restarting => Err(Refusal::AlreadyStarting),
            NodeState::Upgrading => Err(Refusal::AlreadyUpgrading),
            NodeState::Stopped | NodeState::Disabled | NodeState::Removing => {
                let newest = self
                    .binary
                    .filter(|_| self.upgrades && is_outdated(node, self.binary));
                Ok(Action::Start(node.id, newest.cloned()))
            }
            NodeState::Dead | NodeState::Migrating => Err(out_of_reach(node.state)),
        }
    }

    /// Also for a node of unknown version, and if `enable_upgrade` is off, because the operator asked for it.
    fn upgrade(&self, node: &Node) -> Result<Action, Refusal> {
        let Some(binary) = self.binary else {
            return Err(Refusal::NoBinary);
        };
        match node.state {
            NodeState::Running | NodeState::Stopped | NodeState::Restarting => {}
            NodeState::Upgrading => return Err(Refusal::AlreadyUpgrading),
            state => return Err(out_of_reach(state)),
        }
        match &node.version {
            Some(has) if has == binary => Err(Refusal::UpToDate(has.to_string())),
            Some(has) if binary.is_older_than(has) => Err(Refusal::Newer {
                has: has.to_string(),
                binary: binary.to_string(),
            }),
            _ if node.state == NodeState::Stopped => Ok(Action::Start(node.id, Some(binary.clone()))),
            _ => Ok(Action::Upgrade(node.id, binary.clone())),
        }
    }

    fn step(&self, action: Action, node: &Node) -> Step {
        let causes = match &action {
            Action::Upgrade(_, newest) | Action::Start(_, Some(newest)) => {
                vec![outdated(node, newest)]
            }
            _ => Vec::new(),
        };
        ordered(action, causes)
    }
}

/// Why a node in this state cannot be stopped, started or upgraded.
fn out_of_reach(state: NodeState) -> Refusal {
    match state {
        NodeState::Removing => Refusal::BeingRemoved,
        NodeState::Migrating => Refusal::BeingMoved,
        NodeState::Dead => Refusal::RootGone,
        NodeState::Running
        | NodeState::Stopped
        | NodeState::Restarting
        | NodeState::Upgrading
        | NodeState::Disabled => Refusal::Disabled,
    }
}

/// All forced steps have the same priority: they run in the given order.
pub(super) fn ordered(action: Action, causes: Vec<Cause>) -> Step {
    Step {
        action,
        priority: 100,
        reason: Reason::Ordered { causes },
    }
}

pub(super) fn held(blocker: Blocker) -> Plan {
    Plan {
        steps: Vec::new(),
        blockers: vec![blocker],
    }
}

#[cfg(test)]
mod tests;
