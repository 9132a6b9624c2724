//! What an operator ordered, as a plan.
//!
//! Orders go past thresholds, quotas and the cap; what no order does is to take a node back to an older
//! version, to start one that runs, or to guess which node was meant.

use crate::colony::{Node, NodeId, Ports, State, Version};

use super::assign::{oldest, outdated, youngest};
use super::hold::{Hold, Refusal};
use super::measure::is_outdated;
use super::naming::find;
use super::nursery::Nursery;
use super::policy::{Policy, Template};
use super::reason::{Ground, Reason};
use super::step::{Action, Kind, Plan, Rest, Step};

/// What an operator may order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Add {
        count: i64,
    },
    /// At once, without `delay_remove`.
    Remove(Whom),
    Upgrade(Whom),
    Start(Whom),
    Stop(Whom),
    /// By name only.
    Disable(Whom),
    Teardown,
}

/// Which nodes an order is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// As the operator wrote them; see [`find`].
    Named(Vec<String>),
    /// So many: the youngest to stop or remove, the oldest to start or upgrade.
    Count(i64),
}

impl Whom {
    /// The nodes of a comma-separated list; empty entries are left out.
    #[must_use]
    pub fn listed(names: &str) -> Whom {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Whom::Named(names.map(str::to_owned).collect())
    }
}

/// The plan that carries out `order`: in the order of the names, no node twice. What cannot be done is a
/// hold for which [`Hold::is_failure`].
pub fn obey(
    order: &Order,
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    taken: &dyn Fn(Ports) -> Option<u16>,
    policy: &Policy,
) -> Plan {
    let clerk = Clerk {
        nodes,
        binary,
        upgrades: policy.upgrades,
    };
    match order {
        Order::Add { count } => add(*count, nodes, template, binary, taken),
        Order::Remove(whom) => clerk.serve(whom, Kind::Remove, |node| clerk.remove(node)),
        Order::Upgrade(whom) => clerk.serve(whom, Kind::Upgrade, |node| clerk.upgrade(node)),
        Order::Start(whom) => clerk.serve(whom, Kind::Start, |node| clerk.start(node)),
        Order::Stop(whom) => clerk.serve(whom, Kind::Stop, |node| clerk.stop(node)),
        Order::Disable(Whom::Count(_)) => held(Hold::NamesNeeded { kind: Kind::Stop }),
        Order::Disable(whom) => {
            clerk.serve(whom, Kind::Stop, |node| Ok(Action::Stop(node.id, Rest::Disabled)))
        }
        Order::Teardown => teardown(nodes),
    }
}

fn add(
    count: i64,
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    taken: &dyn Fn(Ports) -> Option<u16>,
) -> Plan {
    if count < 1 {
        return held(Hold::CountTooSmall { count });
    }
    if binary.is_none() {
        return held(Hold::BinaryNeeded { kind: Kind::Add });
    }
    let mut plan = Plan::default();
    let mut nursery = Nursery::new(nodes, template, taken);
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
struct Clerk<'a> {
    nodes: &'a [Node],
    binary: Option<&'a Version>,
    upgrades: bool,
}

impl Clerk<'_> {
    fn serve(&self, whom: &Whom, kind: Kind, act: impl Fn(&Node) -> Result<Action, Refusal>) -> Plan {
        match whom {
            Whom::Named(names) if names.is_empty() => held(Hold::NamesNeeded { kind }),
            Whom::Named(names) => self.serve_named(names, act),
            Whom::Count(count) if *count < 1 => held(Hold::CountTooSmall { count: *count }),
            Whom::Count(count) => self.serve_count(*count, kind, act),
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
                    plan.holds.push(Hold::Refused {
                        name: name.trim().to_owned(),
                        why,
                    });
                    continue;
                }
            };
            served.push(node.id);
            match act(node) {
                Ok(action) => plan.steps.push(self.step(action, node)),
                Err(why) => plan.holds.push(Hold::Refused {
                    name: name.trim().to_owned(),
                    why,
                }),
            }
        }
        plan
    }

    fn serve_count(&self, count: i64, kind: Kind, act: impl Fn(&Node) -> Result<Action, Refusal>) -> Plan {
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let chosen = match kind {
            Kind::Start => oldest(self.nodes, most, |node| node.state == State::Stopped),
            Kind::Upgrade => oldest(self.nodes, most, |node| {
                node.state == State::Running && self.upgrade(node).is_ok()
            }),
            Kind::Stop => youngest(self.nodes, most, |node| node.state == State::Running),
            _ => youngest(self.nodes, most, |node| node.state != State::Disabled),
        };
        if chosen.is_empty() {
            return held(if self.binary.is_none() && kind == Kind::Upgrade {
                Hold::BinaryNeeded { kind }
            } else {
                Hold::NoneTo { kind }
            });
        }
        let mut plan = Plan::default();
        if chosen.len() < most {
            let found = i64::try_from(chosen.len()).unwrap_or(count);
            plan.holds.push(Hold::OnlySoMany {
                kind,
                found,
                asked: count,
            });
        }
        for node in chosen {
            match act(node) {
                Ok(action) => plan.steps.push(self.step(action, node)),
                Err(why) => plan.holds.push(Hold::Refused {
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
            State::Running | State::Stopped | State::Restarting | State::Upgrading => {
                Ok(Action::Stop(node.id, Rest::Stopped))
            }
            state => Err(out_of_reach(state)),
        }
    }

    /// Start brings back a disabled node, and calls off a removal that waits for its delay.
    fn start(&self, node: &Node) -> Result<Action, Refusal> {
        match node.state {
            State::Running => Err(Refusal::AlreadyRunning),
            State::Restarting => Err(Refusal::AlreadyStarting),
            State::Upgrading => Err(Refusal::AlreadyUpgrading),
            State::Stopped | State::Disabled | State::Removing => {
                let newest = self
                    .binary
                    .filter(|_| self.upgrades && is_outdated(node, self.binary));
                Ok(Action::Start(node.id, newest.cloned()))
            }
            State::Dead | State::Migrating => Err(out_of_reach(node.state)),
        }
    }

    /// Also of a node whose version is unknown, and where `enable_upgrade` is off: it was ordered.
    fn upgrade(&self, node: &Node) -> Result<Action, Refusal> {
        let Some(binary) = self.binary else {
            return Err(Refusal::NoBinary);
        };
        match node.state {
            State::Running | State::Stopped | State::Restarting => {}
            State::Upgrading => return Err(Refusal::AlreadyUpgrading),
            state => return Err(out_of_reach(state)),
        }
        match &node.version {
            Some(has) if has == binary => Err(Refusal::UpToDate(has.to_string())),
            Some(has) if binary.is_older_than(has) => Err(Refusal::Newer {
                has: has.to_string(),
                binary: binary.to_string(),
            }),
            _ if node.state == State::Stopped => Ok(Action::Start(node.id, Some(binary.clone()))),
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
fn out_of_reach(state: State) -> Refusal {
    match state {
        State::Removing => Refusal::BeingRemoved,
        State::Migrating => Refusal::BeingMoved,
        State::Dead => Refusal::RootGone,
        State::Running | State::Stopped | State::Restarting | State::Upgrading | State::Disabled => {
            Refusal::Disabled
        }
    }
}

/// Orders have no ranks among them: they are carried out as they were given.
fn ordered(action: Action, grounds: Vec<Ground>) -> Step {
    Step {
        action,
        priority: 100,
        because: Reason::Ordered { grounds },
    }
}

fn held(hold: Hold) -> Plan {
    Plan {
        steps: Vec::new(),
        holds: vec![hold],
    }
}

#[cfg(test)]
mod tests;
