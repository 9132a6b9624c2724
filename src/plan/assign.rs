//! Assigns a node to each work item, and id, ports and paths to each new node.

use std::cmp::Reverse;

use crate::colony::{BusyPort, Node, NodeId, NodePorts, NodeState, Timestamp, Version};

use super::action::{Action, StopReason};
use super::blocker::Blocker;
use super::decide::{Decision, WorkItem};
use super::new_nodes::NewNodePlanner;
use super::node_checks::{
    SURVEYS_IN_A_ROW, is_due, is_fresh, is_hung, is_kept_up, is_outdated, is_paused, is_shunned,
    is_startable, is_upgradable,
};
use super::policy::{Policy, Template};
use super::reason::{Cause, Quantity, Quota, Reason};
use super::step::{Plan, Step};
use super::task::Task;

/// Chooses the nodes of a decision: the youngest to stop or remove, the oldest to start or upgrade. A work item
/// without a node becomes a blocker. `taken` returns the first port of a new node that another program uses.
pub fn assign(
    decision: Decision,
    nodes: &[Node],
    template: &Template,
    binary: Option<&Version>,
    port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
    policy: &Policy,
    now: Timestamp,
) -> Plan {
    let mut assigner = Assignment {
        nodes,
        binary,
        policy,
        now,
        plan: Plan::default(),
    };
    assigner.plan.blockers = decision.blockers;
    for work in decision.work.chunk_by(|one, next| one.task == next.task) {
        let needed = assigner.needed(work);
        if needed.is_empty() && assigner.plan.steps.is_empty() && assigner.plan.resting().is_none() {
            let nodes = count(nodes, |node| node.state == NodeState::Removing);
            assigner.plan.blockers.insert(0, Blocker::Resting(Task::Rest));
            assigner.plan.blockers.push(Blocker::RemovalUnderway { nodes });
        }
        assigner.serve(&needed, template, port_in_use);
    }
    assigner.plan.steps.sort_by_key(|step| Reverse(step.priority));
    assigner.plan
}

/// Matches work items with nodes.
struct Assignment<'a> {
    nodes: &'a [Node],
    binary: Option<&'a Version>,
    policy: &'a Policy,
    now: Timestamp,
    plan: Plan,
}

impl<'a> Assignment<'a> {
    /// The work items that are needed. If only the cap requires removals, no more nodes are removed than are above it
    /// and not already being removed. The peer fills all its slots, and then adds again the nodes that it removed too
    /// many.
    fn needed(&self, work: &[WorkItem]) -> Vec<WorkItem> {
        let mut work = work.to_vec();
        let Some(above) = work.first().and_then(above_cap) else {
            return work;
        };
        let leaving =
            count(self.nodes, |node| node.state == NodeState::Removing) + self.plan.steps.len() as i64;
        let needed = usize::try_from(above - leaving).unwrap_or(0);
        work.truncate(needed);
        let of = work.len() as i64;
        for position in work.iter_mut().filter_map(|item| item.position.as_mut()) {
            position.of = of;
        }
        work
    }

    /// Plans all work items of one task.
    fn serve(
        &mut self,
        work: &[WorkItem],
        template: &Template,
        port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
    ) {
        let Some(first) = work.first() else { return };
        match first.task {
            task @ (Task::Rest | Task::RestFull | Task::RestInitialised) => {
                self.plan.blockers.insert(0, Blocker::Resting(task));
            }
            Task::ResurveyRebooted | Task::ResurveyInitialised => {
                self.push(Action::Resurvey, first, Vec::new());
            }
            // One work item stands for all nodes.
            Task::RemoveDead => {
                for node in youngest(self.nodes, usize::MAX, |node| {
                    node.state == NodeState::Dead && is_due(node, self.now)
                }) {
                    let gone = vec![Cause::RootGone(node.home.root.clone())];
                    self.push(Action::Remove(node.id), first, gone);
                }
            }
            Task::RemoveExpired => {}
            Task::RemoveStopped => {
                let chosen = youngest(self.nodes, work.len(), |node| node.state == NodeState::Stopped);
                self.give(work, &chosen, |node| (Action::Remove(node.id), None));
            }
            Task::RemoveRunning => {
                let chosen = self.stoppable(work, |node| node.state == NodeState::Running);
                self.give(work, &chosen, |node| {
                    (Action::Stop(node.id, StopReason::Removing), None)
                });
            }
            Task::Stop => {
                let chosen = self.stoppable(work, |node| node.state == NodeState::Running);
                self.give(work, &chosen, |node| {
                    (Action::Stop(node.id, StopReason::Stopped), None)
                });
            }
            Task::RemoveShunned => {
                let chosen = self.stoppable(work, |node| is_shunned(node, self.policy));
                let limit = self.policy.shunned.unwrap_or(0);
                self.give(work, &chosen, |node| {
                    let cause = Cause::Shunned {
                        times: node.figures.shunned,
                        limit,
                    };
                    (Action::Stop(node.id, StopReason::Removing), Some(cause))
                });
            }
            Task::Upgrade => {
                let chosen = oldest(self.nodes, work.len(), |node| {
                    is_upgradable(node, self.binary, self.now)
                });
                let Some(newest) = self.binary else { return };
                self.give(work, &chosen, |node| {
                    (
                        Action::Upgrade(node.id, newest.clone()),
                        Some(outdated(node, newest)),
                    )
                });
            }
            Task::Start => self.start(work),
            Task::RestartHung => {
                let wanted = |node: &Node| is_hung(node) && is_due(node, self.now);
                let chosen = foremost(self.nodes, work.len(), wanted, |node| {
                    (node.memory.start_failures, seniority(node))
                });
                self.give(work, &chosen, |node| {
                    let cause = Cause::Silent {
                        surveys: node.memory.silent,
                    };
                    (Action::Stop(node.id, StopReason::Stopped), Some(cause))
                });
            }
            Task::Add => self.add(work, template, port_in_use),
        }
    }

    /// The nodes that are stopped first: hung ones, then silent ones, then the youngest, or the largest if memory is short, but those that settled only a short
    /// while ago last. No node whose stop just failed, and a node whose upgrade just failed
    /// only if there is no other, because both may have failed for the same reason.
    fn stoppable(&self, work: &[WorkItem], wanted: impl Fn(&Node) -> bool) -> Vec<&'a Node> {
        let most = work.len();
        let step = self.memory_step(work);
        let rank = |node: &Node| {
            let silent = node.memory.silent.min(SURVEYS_IN_A_ROW);
            let size = step.map_or(0, |step| node.figures.mem / step);
            (
                Reverse(silent),
                is_fresh(node, self.now),
                Reverse(size),
                Reverse(seniority(node)),
            )
        };
        let is_first = |node: &Node| is_hung(node) || is_due(node, self.now);
        let mut chosen = foremost(self.nodes, most, |node| wanted(node) && is_first(node), rank);
        let rest = |node: &Node| wanted(node) && !is_first(node) && !is_kept_up(node, self.binary, self.now);
        chosen.extend(foremost(self.nodes, most - chosen.len(), rest, rank));
        chosen
    }

    /// If memory is short, nodes whose memory differs by so much are not alike, and the larger one is stopped first: half
    /// of what a node uses in the mean.
    fn memory_step(&self, work: &[WorkItem]) -> Option<i64> {
        let is_memory = |cause: &Cause| {
            matches!(
                cause,
                Cause::Above {
                    what: Quantity::Memory,
                    ..
                }
            )
        };
        if !work.first()?.causes.iter().any(is_memory) {
            return None;
        }
        let running = || self.nodes.iter().filter(|node| node.state == NodeState::Running);
        // A node may report any number.
        let all: i128 = running().map(|node| i128::from(node.figures.mem)).sum();
        let step = i64::try_from(all / running().count().max(1) as i128 / 2).ok()?;
        (step > 0).then_some(step)
    }

    /// The oldest stopped nodes, first those that no limit stopped. Starting an outdated node also upgrades it and needs an upgrade slot; if none is
    /// free, the node waits and the next one is started.
    fn start(&mut self, work: &[WorkItem]) {
        let quota = self.policy.quotas.upgrades;
        let is_upgrade = |step: &&Step| matches!(step.action, Action::Upgrade(..));
        let planned = self.plan.steps.iter().filter(is_upgrade).count() as i64;
        let busy = planned + count(self.nodes, |node| node.state == NodeState::Upgrading);
        let upgrading = |node: &Node| self.policy.upgrades && is_outdated(node, self.binary);
        let slots = usize::try_from(quota.saturating_sub(busy).min(self.free_operations()))
            .unwrap_or(0)
            .min(work.len());
        let startable = |node: &Node| is_startable(node, self.policy, self.now);
        let rank = |node: &Node| (is_paused(node), seniority(node));
        let mut chosen = foremost(self.nodes, slots, |node| startable(node) && upgrading(node), rank);
        let waits = count(self.nodes, |node| startable(node) && upgrading(node)) > chosen.len() as i64;
        let upgraded: Vec<NodeId> = chosen.iter().map(|node| node.id).collect();
        // At the pace of the machine, a node without a slot is started as it is, and upgraded later.
        let is_started_as_it_is = self.policy.quotas.restarts.is_none();
        let waits = waits && !is_started_as_it_is;
        let plain = |node: &Node| {
            startable(node) && !upgraded.contains(&node.id) && (is_started_as_it_is || !upgrading(node))
        };
        chosen.extend(foremost(self.nodes, work.len(), plain, rank));
        chosen.sort_by_key(|node| rank(node));
        if waits && chosen.len() < work.len() {
            self.plan.blockers.push(Blocker::SlotsFull {
                quota: Quota::Upgrades,
                busy,
                limit: quota,
            });
        }
        let newest = self.binary.filter(|_| self.policy.upgrades);
        self.give(work, &chosen, |node| match newest {
            Some(newest) if upgraded.contains(&node.id) => (
                Action::Start(node.id, Some(newest.clone())),
                Some(outdated(node, newest)),
            ),
            _ => (Action::Start(node.id, None), None),
        });
    }

    /// How many more operations the quota of all kinds allows beside those of this plan, if nodes are started at the pace
    /// of the machine; starts without an upgrade do not count then. Otherwise the number of starts respects the quota.
    fn free_operations(&self) -> i64 {
        if self.policy.quotas.restarts.is_some() {
            return i64::MAX;
        }
        let is_operation = |step: &&Step| {
            matches!(
                step.action,
                Action::Add(_) | Action::Upgrade(..) | Action::Stop(_, StopReason::Removing)
            )
        };
        let planned = self.plan.steps.iter().filter(is_operation).count() as i64;
        let under_way = count(self.nodes, |node| {
            matches!(node.state, NodeState::Upgrading | NodeState::Removing)
        });
        self.policy.quotas.operations.saturating_sub(planned + under_way)
    }

    fn add(
        &mut self,
        work: &[WorkItem],
        template: &Template,
        port_in_use: &dyn Fn(NodePorts) -> Option<BusyPort>,
    ) {
        let mut planner = NewNodePlanner::new(self.nodes, template, port_in_use);
        for item in work {
            match planner.plan_next() {
                Ok(new) => self.push(Action::Add(Box::new(new)), item, Vec::new()),
                Err(blocker) => {
                    self.plan.blockers.push(blocker);
                    break;
                }
            }
        }
        self.plan.blockers.extend(planner.passed_over());
    }

    /// Assigns one node to each work item, as long as there are nodes.
    fn give(&mut self, work: &[WorkItem], chosen: &[&Node], act: impl Fn(&Node) -> (Action, Option<Cause>)) {
        for (item, node) in work.iter().zip(chosen) {
            let (action, cause) = act(node);
            self.push(action, item, cause.into_iter().collect());
        }
        if let Some(item) = work.get(chosen.len()) {
            self.plan.blockers.push(Blocker::NoNode {
                task: item.task,
                found: chosen.len(),
                wanted: work.len(),
            });
        }
    }

    fn push(&mut self, action: Action, item: &WorkItem, more: Vec<Cause>) {
        let mut causes = item.causes.clone();
        causes.extend(more);
        self.plan.steps.push(Step {
            action,
            priority: item.task.priority(),
            reason: Reason::Planned {
                task: item.task,
                position: item.position,
                causes,
            },
        });
    }
}

/// The number of nodes above the cap, if the cap is the only reason to remove nodes.
fn above_cap(item: &WorkItem) -> Option<i64> {
    let fills_disk = |cause: &Cause| {
        matches!(
            cause,
            Cause::Above {
                what: Quantity::Disk | Quantity::DiskInodes,
                ..
            }
        )
    };
    if item.causes.iter().any(fills_disk) {
        return None;
    }
    item.causes.iter().find_map(|cause| match cause {
        Cause::OverCap { nodes, cap } => Some(nodes - cap),
        _ => None,
    })
}

pub(super) fn outdated(node: &Node, newest: &Version) -> Cause {
    Cause::Outdated {
        has: node.version.as_ref().map(Version::to_string),
        newest: newest.to_string(),
    }
}

/// Oldest first: by the time they were added, then by id.
pub(super) fn seniority(node: &Node) -> (Timestamp, NodeId) {
    (node.born, node.id)
}

/// The oldest matching nodes, at most `most`, the oldest first.
pub(super) fn oldest(nodes: &[Node], most: usize, wanted: impl Fn(&Node) -> bool) -> Vec<&Node> {
    foremost(nodes, most, wanted, seniority)
}

/// The youngest matching nodes, at most `most`, the youngest first.
pub(super) fn youngest(nodes: &[Node], most: usize, wanted: impl Fn(&Node) -> bool) -> Vec<&Node> {
    foremost(nodes, most, wanted, |node| Reverse(seniority(node)))
}

fn foremost<K: Ord>(
    nodes: &[Node],
    most: usize,
    wanted: impl Fn(&Node) -> bool,
    rank: impl Fn(&Node) -> K,
) -> Vec<&Node> {
    let mut found: Vec<&Node> = nodes.iter().filter(|node| wanted(node)).collect();
    // Only a few of thousands are needed: they are selected before they are sorted.
    if most < found.len() {
        found.select_nth_unstable_by_key(most, |node| rank(node));
        found.truncate(most);
    }
    found.sort_by_key(|node| rank(node));
    found
}

pub(super) fn count(nodes: &[Node], wanted: impl Fn(&Node) -> bool) -> i64 {
    nodes.iter().filter(|node| wanted(node)).count() as i64
}

#[cfg(test)]
mod backoff_tests;
#[cfg(test)]
mod choice_tests;
#[cfg(test)]
mod tests;
