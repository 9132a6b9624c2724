//! What an operator ordered, as a plan.
//!
//! Orders go past thresholds, quotas and the cap; what no order does is to take a node back to an older
//! version, to start one that runs, or to guess which node was meant.

use crate::colony::{Node, NodeId, NodePorts, NodeState, Version};

use super::assign::{oldest, outdated, youngest};
use super::blocker::{Blocker, Refusal};
use super::measure::is_outdated;
use super::new_nodes::NewNodePlanner;
use super::node_selection::find;
use super::policy::{Policy, Template};
use super::reason::{Cause, Reason};
use super::step::{Action, ActionKind, Plan, Step, StopReason};

/// What an operator may order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForcedAction {
    Add {
        count: i64,
    },
    /// At once, without `delay_remove`.
    Remove(NodeSelection),
    Upgrade(NodeSelection),
    Start(NodeSelection),
    Stop(NodeSelection),
    /// By name only.
    Disable(NodeSelection),
    Teardown,
}

/// Which nodes an order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSelection {
    /// As the operator wrote them; see [`find`].
    Named(Vec<String>),
    /// So many: the youngest to stop or remove, the oldest to start or upgrade.
    Count(i64),
}

impl NodeSelection {
    /// The nodes of a comma-separated list; empty entries are left out.
    #[must_use]
    pub fn listed(names: &str) -> NodeSelection {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        NodeSelection::Named(names.map(str::to_owned).collect())
    }
}

/// The plan that carries out `order`: in the order of the names, no node twice. What cannot be done is a
/// hold for which [`Hold::is_failure`].
pub fn obey(
    order: &ForcedAction,
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    taken: &dyn Fn(NodePorts) -> Option<u16>,
    policy: &Policy,
) -> Plan {
    let clerk = ForcedPlanner {
        nodes,
        binary,
        upgrades: policy.upgrades,
    };
    match order {
        ForcedAction::Add { count } => add(*count, nodes, template, binary, taken),
        ForcedAction::Remove(whom) => clerk.serve(whom, ActionKind::Remove, |node| clerk.remove(node)),
        ForcedAction::Upgrade(whom) => clerk.serve(whom, ActionKind::Upgrade, |node| clerk.upgrade(node)),
        ForcedAction::Start(whom) => clerk.serve(whom, ActionKind::Start, |node| clerk.start(node)),
        ForcedAction::Stop(whom) => clerk.serve(whom, ActionKind::Stop, |node| clerk.stop(node)),
        ForcedAction::Disable(NodeSelection::Count(_)) => held(Blocker::NamesNeeded {
            kind: ActionKind::Stop,
        }),
        ForcedAction::Disable(whom) => clerk.serve(whom, ActionKind::Stop, |node| {
            Ok(Action::Stop(node.id, StopReason::Disabled))
        }),
        ForcedAction::Teardown => teardown(nodes),
    }
}

fn add(
    count: i64,
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    taken: &dyn Fn(NodePorts) -> Option<u16>,
) -> Plan {
    if count < 1 {
        return held(Blocker::CountTooSmall { count });
    }
    if binary.is_none() {
        return held(Blocker::BinaryNeeded {
            kind: ActionKind::Add,
        });
    }
    let mut plan = Plan::default();
    let mut nursery = NewNodePlanner::new(nodes, template, taken);
    for _ in 0..count {
        match nursery.conceive() {
            Ok(new) => plan.steps.push(ordered(Action::Add(Box::new(new)), Vec::new())),
            Err(hold) => {
                plan.holds.push(hold);
                break;
            }
        }
    }
    plan
}

fn teardown(nodes: &[Node]) -> Plan {
    let all = youngest(nodes, usize::MAX, |_| true)
        .into_iter()
        .map(|node| node.id)
        .collect();
    Plan {
        steps: vec![ordered(Action::Teardown(all), Vec::new())],
        holds: Vec::new(),
    }
}

/// Reads an order node by node.
struct ForcedPlanner<'a> {
    nodes: &'a [Node],
    binary: Option<&'a Version>,
    upgrades: bool,
}

impl ForcedPlanner<'_> {
    fn serve(
        &self,
        whom: &NodeSelection,
        kind: ActionKind,
        act: impl Fn(&Node) -> Result<Action, Refusal>,
    ) -> Plan {
        match whom {
            NodeSelection::Named(names) if names.is_empty() => held(Blocker::NamesNeeded { kind }),
            NodeSelection::Named(names) => self.serve_named(names, act),
            NodeSelection::Count(count) if *count < 1 => held(Blocker::CountTooSmall { count: *count }),
            NodeSelection::Count(count) => self.serve_count(*count, kind, act),
        }
    }

    fn serve_named(&self, names: &[String], act: impl Fn(&Node) -> Result<Action, Refusal>) -> Plan {
        let mut plan = Plan::default();
        let mut served: Vec<NodeId> = Vec::with_capacity(names.len());
        for name in names {
            let node = match find(name, self.nodes) {
                Ok(node) if served.contains(&node.id) => continue,
                Ok(node) => node,
                Err(why) => {
                    plan.holds.push(Blocker::Refused {
                        name: name.trim().to_owned(),
                        why,
                    });
                    continue;
                }
            };
            served.push(node.id);
            match act(node) {
                Ok(action) => plan.steps.push(self.step(action, node)),
                Err(why) => plan.holds.push(Blocker::Refused {
                    name: name.trim().to_owned(),
                    why,
                }),
            }
        }
        plan
    }

    fn serve_count(
        &self,
        count: i64,
        kind: ActionKind,
        act: impl Fn(&Node) -> Result<Action, Refusal>,
    ) -> Plan {
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let chosen = match kind {
            ActionKind::Start => oldest(self.nodes, most, |node| node.state == NodeState::Stopped),
            ActionKind::Upgrade => oldest(self.nodes, most, |node| {
                node.state == NodeState::Running && self.upgrade(node).is_ok()
            }),
            ActionKind::Stop => youngest(self.nodes, most, |node| node.state == NodeState::Running),
            _ => youngest(self.nodes, most, |node| node.state != NodeState::Disabled),
        };
        if chosen.is_empty() {
            return held(if self.binary.is_none() && kind == ActionKind::Upgrade {
                Blocker::BinaryNeeded { kind }
            } else {
                Blocker::NoneTo { kind }
            });
        }
        let mut plan = Plan::default();
        if chosen.len() < most {
            let found = i64::try_from(chosen.len()).unwrap_or(count);
            plan.holds.push(Blocker::OnlySoMany {
                kind,
                found,
                asked: count,
            });
        }
        for node in chosen {
            match act(node) {
                Ok(action) => plan.steps.push(self.step(action, node)),
                Err(why) => plan.holds.push(Blocker::Refused {
                    name: node.service.0.clone(),
                    why,
                }),
            }
        }
        plan
    }

    /// Whoever names a disabled node wants it gone; a count never takes one.
    fn remove(&self, node: &Node) -> Result<Action, Refusal> {
        Ok(Action::Remove(node.id))
    }

    fn stop(&self, node: &Node) -> Result<Action, Refusal> {
        match node.state {
            // A stop of what is stopped is done already; the manager finds nothing to do.
            NodeState::Running | NodeState::Stopped | NodeState::Restarting | NodeState::Upgrading => {
                Ok(Action::Stop(node.id, StopReason::Stopped))
            }
            state => Err(out_of_reach(state)),
        }
    }

    /// Start brings back a disabled node, and calls off a removal that waits for its delay.
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

    /// Also of a node whose version is unknown, and where `enable_upgrade` is off: it was ordered.
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
        let grounds = match &action {
            Action::Upgrade(_, newest) | Action::Start(_, Some(newest)) => {
                vec![outdated(node, newest)]
            }
            _ => Vec::new(),
        };
        ordered(action, grounds)
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

/// Orders have no ranks among them: they are carried out as they were given.
fn ordered(action: Action, grounds: Vec<Cause>) -> Step {
    Step {
        action,
        priority: 100,
        because: Reason::Ordered { grounds },
    }
}

fn held(hold: Blocker) -> Plan {
    Plan {
        steps: Vec::new(),
        holds: vec![hold],
    }
}

#[cfg(test)]
mod tests;
