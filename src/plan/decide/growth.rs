//! Upgrades, starts, restarts of hung nodes and new nodes: the work of a colony whose machine has room.

use super::{RuleOrder, WorkItem, several, single};
use crate::plan::blocker::Blocker;
use crate::plan::coming_back::Pace;
use crate::plan::limits::{self, operations, underway, upgrades_wanted};
use crate::plan::policy::Quotas;
use crate::plan::reason::{Cause, Quota};
use crate::plan::task::Task;

impl RuleOrder<'_> {
    /// Upgrades, and beside them starts of stopped nodes at the pace of the machine; new nodes and restarts of hung ones
    /// only if there are no upgrades.
    pub(super) fn work(&mut self) -> Option<Vec<WorkItem>> {
        if self.now.is_none() {
            return self.outdated().or_else(|| self.growing());
        }
        let mut work = self.outdated().unwrap_or_default();
        let has_upgrades = !work.is_empty();
        if has_upgrades && self.policy.quotas.restarts.is_some() {
            return Some(work);
        }
        work.extend(self.coming_back().unwrap_or_default());
        if has_upgrades {
            return Some(work);
        }
        work.extend(self.growing_slowly(work.len() as i64).unwrap_or_default());
        (!work.is_empty()).then_some(work)
    }

    fn outdated(&mut self) -> Option<Vec<WorkItem>> {
        let wanted = upgrades_wanted(self.policy, self.metrics);
        if !self.features.upgrade {
            self.blockers.extend(self.upgrade_obstacle(wanted));
            return None;
        }
        let busy = self.metrics.upgrading_nodes;
        let slots = self.slots(Quota::Upgrades, self.policy.quotas.upgrades, busy)?;
        Some(several(Task::Upgrade, wanted.min(slots), &[]))
    }

    /// Starts and adds as the peer decides them.
    fn growing(&mut self) -> Option<Vec<WorkItem>> {
        if !self.features.add_new_node {
            self.blockers.extend(self.growth_obstacles());
            self.blockers.extend(self.add_obstacles());
            return None;
        }
        let busy = self.metrics.restarting_nodes;
        let slots = self.slots(Quota::Starts, self.policy.quotas.starts, busy)?;
        let starts = self.startable().min(slots);
        let adds = slots
            .saturating_sub(starts)
            .min(self.policy.cap.saturating_sub(self.metrics.total_nodes));
        let mut work = several(Task::Start, starts, &[]);
        work.extend(several(Task::Add, adds, &[self.room()]));
        (!work.is_empty()).then_some(work)
    }

    /// Starts of stopped nodes. They add no node: only the running and starting nodes have to be below the cap, not all
    /// nodes.
    pub(super) fn coming_back(&mut self) -> Option<Vec<WorkItem>> {
        self.now?;
        let startable = self.startable();
        let failed = self
            .metrics
            .stopped_nodes
            .saturating_sub(startable.saturating_add(self.metrics.paused.waiting));
        if failed > 0 {
            self.blockers.push(Blocker::PassedOver { nodes: failed });
        }
        let (up, cap) = (self.up(), self.policy.cap);
        let room = cap.saturating_sub(up).max(0);
        if startable > 0 && room == 0 {
            self.blockers.push(Blocker::RunningAtCap { nodes: up, cap });
        }
        let pace = Pace::of(self.policy, self.metrics, &self.features, startable.min(room));
        self.blockers.extend(pace.blockers);
        (pace.most > 0).then(|| several(Task::Start, pace.most, &[]))
    }

    /// Restarts of hung nodes and new nodes, within the quotas and below all limits for adding; `starts` nodes are
    /// already being started by this plan. A hung node is also restarted between the limits.
    fn growing_slowly(&mut self, starts: i64) -> Option<Vec<WorkItem>> {
        if starts > 0 && self.policy.quotas.restarts.is_none() {
            self.blockers.extend(self.add_obstacles());
            return None;
        }
        if self.is_full() && starts == 0 {
            self.blockers.push(self.slots_full());
            return Some(single(Task::RestFull, Vec::new()));
        }
        let is_hung_only = self.metrics.hung_nodes > 0 && starts == 0 && !self.features.has_pressure();
        if self.underway() != 0 || !(self.features.has_resources() || is_hung_only) {
            self.blockers.extend(self.growth_obstacles());
            return None;
        }
        let busy = self.metrics.restarting_nodes.saturating_add(starts);
        let Quotas {
            starts: limit,
            operations: all,
            ..
        } = self.policy.quotas;
        if starts > 0 && (busy >= limit || starts >= all) {
            return None;
        }
        let slots = self
            .slots(Quota::Starts, limit, busy)?
            .min(all.saturating_sub(starts));
        let restarts = self.restarts(slots);
        let mut work = several(Task::RestartHung, restarts, &[]);
        if self.features.has_resources() {
            let adds = self.adds(slots.saturating_sub(restarts));
            work.extend(several(Task::Add, adds, &[self.room()]));
        } else {
            self.blockers.extend(self.growth_obstacles());
        }
        (!work.is_empty()).then_some(work)
    }

    /// None if most nodes do not answer: then the machine or its network is at fault.
    fn restarts(&mut self, slots: i64) -> i64 {
        let (mute, running) = (self.metrics.mute_nodes, self.metrics.running_nodes);
        if mute >= 2 && mute.saturating_mul(2) > running {
            self.blockers.push(Blocker::MostMute { mute, running });
            return 0;
        }
        let most = if self.features.has_resources() {
            slots
        } else {
            slots.min(1)
        };
        self.metrics.hung_nodes.min(most).max(0)
    }

    fn startable(&mut self) -> i64 {
        let stopped = self.metrics.stopped_nodes;
        let startable = self.metrics.startable_nodes.unwrap_or(stopped);
        if self.now.is_none() && startable < stopped {
            self.blockers.push(Blocker::PassedOver {
                nodes: stopped - startable,
            });
        }
        startable
    }

    /// The nodes that run or start.
    fn up(&self) -> i64 {
        self.metrics
            .running_nodes
            .saturating_add(self.metrics.restarting_nodes)
            .saturating_add(self.metrics.upgrading_nodes)
    }

    fn adds(&mut self, slots: i64) -> i64 {
        let mut obstacles = self.add_obstacles();
        if self.metrics.antnode_version.is_none() {
            obstacles.push(Blocker::NoBinary);
        }
        let paused = self.metrics.paused.all;
        if obstacles.is_empty() && paused > 0 {
            obstacles.push(Blocker::PausedWait { nodes: paused });
        }
        if !obstacles.is_empty() {
            self.blockers.extend(obstacles);
            return 0;
        }
        slots.min(self.policy.cap.saturating_sub(self.metrics.total_nodes))
    }

    fn room(&self) -> Cause {
        Cause::Room {
            nodes: self.metrics.total_nodes,
            cap: self.policy.cap,
        }
    }

    fn upgrade_obstacle(&self, wanted: i64) -> Option<Blocker> {
        let outdated = self
            .metrics
            .upgradable_nodes
            .unwrap_or(self.metrics.nodes_to_upgrade);
        if outdated <= 0 {
            None
        } else if !self.policy.upgrades {
            Some(Blocker::UpgradesOff { nodes: outdated })
        } else if self.features.remove {
            Some(Blocker::UpgradesWait { nodes: wanted })
        } else {
            match (&self.metrics.antnode_version, &self.metrics.queen_node_version) {
                (Some(binary), Some(first)) if binary.is_older_than(first) => Some(Blocker::BinaryOlder {
                    binary: binary.to_string(),
                    first: first.to_string(),
                }),
                _ => Some(Blocker::NoBinary),
            }
        }
    }

    /// The reasons why no node is started.
    fn growth_obstacles(&self) -> Vec<Blocker> {
        let mut blockers: Vec<Blocker> = limits::obstacles(self.policy, self.metrics).collect();
        let nodes = self.underway();
        if nodes != 0 {
            blockers.push(Blocker::Underway { nodes });
        }
        blockers
    }

    /// The further reasons why no node is added.
    fn add_obstacles(&self) -> Vec<Blocker> {
        let (total, running, cap) = (
            self.metrics.total_nodes,
            self.metrics.running_nodes,
            self.policy.cap,
        );
        if total >= cap {
            vec![Blocker::AtCap { nodes: total, cap }]
        } else if running >= cap {
            vec![Blocker::AtCap { nodes: running, cap }]
        } else {
            Vec::new()
        }
    }

    /// Nodes in transition, which block starts and adds. wnm never moves a node, so a MIGRATING node would block them
    /// forever, as it does in the peer.
    pub(super) fn underway(&self) -> i64 {
        if self.now.is_some() {
            operations(self.metrics)
        } else {
            underway(self.metrics)
        }
    }
}
