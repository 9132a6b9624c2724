//! Decides which tasks are needed, how much of each, and why.
//!
//! The first match wins: a boot, dead nodes, the quota of all operations, pressure, shunned nodes, upgrades, starts
//! and adds, nothing. Without `now` every step decides as the peer does; with it, the rules apply that need the time
//! or differ from the peer.

use crate::colony::{Metrics, Timestamp};

use super::blocker::Blocker;
use super::limits::{self, Features, operations, underway, upgrades_wanted};
use super::policy::Policy;
use super::reason::{Cause, Position, Quota};
use super::task::Task;

/// The kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// An ordinary cycle.
    Ordinary,
    /// The run that creates the colony; `survey`: it found nodes, which have to be surveyed.
    #[allow(
        dead_code,
        reason = "only the comparison with the decisions of the Python wnm uses it"
    )]
    Init { survey: bool },
}

/// One piece of work, without its node.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkItem {
    pub task: Task,
    /// Its position among those of its task; none for tasks that are not counted.
    pub position: Option<Position>,
    pub causes: Vec<Cause>,
}

/// The needed work by task, and the reasons why no more is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub features: Features,
    /// At least one: an idle task if there is nothing to do.
    pub work: Vec<WorkItem>,
    pub blockers: Vec<Blocker>,
}

/// No colony is larger, so no plan has to be longer.
const LONGEST: i64 = 10_000;

/// Decides the work by task. `now` is absent only where a decision is compared with the peer.
#[must_use]
pub fn decide(policy: &Policy, metrics: &Metrics, trigger: Trigger, now: Option<Timestamp>) -> Decision {
    let features = Features::of(policy, metrics);
    let mut rules = RuleOrder {
        policy,
        metrics,
        features,
        now,
        blockers: Vec::new(),
    };
    let work = rules
        .booted(trigger)
        .or_else(|| rules.dead())
        .or_else(|| rules.full())
        .or_else(|| rules.pressed())
        .or_else(|| rules.shunned())
        .or_else(|| rules.outdated())
        .or_else(|| rules.growing())
        .unwrap_or_else(|| single(Task::Rest, Vec::new()));
    Decision {
        features,
        work,
        blockers: rules.blockers,
    }
}

/// Each step adds its work, or a blocker where it would have wanted some.
struct RuleOrder<'a> {
    policy: &'a Policy,
    metrics: &'a Metrics,
    features: Features,
    now: Option<Timestamp>,
    blockers: Vec<Blocker>,
}

impl RuleOrder<'_> {
    fn booted(&self, trigger: Trigger) -> Option<Vec<WorkItem>> {
        let (at, last_stopped) = (self.metrics.system_start, self.policy.last_stopped_at);
        if at <= last_stopped {
            return None;
        }
        Some(match trigger {
            Trigger::Ordinary => single(Task::ResurveyRebooted, vec![Cause::Booted { at, last_stopped }]),
            Trigger::Init { survey: true } => single(Task::ResurveyInitialised, Vec::new()),
            Trigger::Init { survey: false } => single(Task::RestInitialised, Vec::new()),
        })
    }

    /// All dead nodes at once and without a quota: they have nothing left to lose.
    fn dead(&self) -> Option<Vec<WorkItem>> {
        (self.metrics.dead_nodes > 0).then(|| single(Task::RemoveDead, Vec::new()))
    }

    fn full(&mut self) -> Option<Vec<WorkItem>> {
        let (busy, limit) = (operations(self.metrics), self.policy.quotas.operations);
        if busy < limit {
            return None;
        }
        self.blockers.push(Blocker::SlotsFull {
            quota: Quota::Operations,
            busy,
            limit,
        });
        Some(single(Task::RestFull, Vec::new()))
    }

    /// A full disk and a lowered cap remove nodes permanently, and so do upgrades that pressure blocks. Any other
    /// pressure only stops nodes.
    fn pressed(&mut self) -> Option<Vec<WorkItem>> {
        if !self.features.remove {
            return None;
        }
        let removing = self.metrics.removing_nodes;
        let slots = self.slots(Quota::Removals, self.policy.quotas.removals, removing)?;
        let mut causes = self.pressures();
        if let Some(until) = self.watched_until() {
            self.blockers.push(Blocker::Watched { until });
            return None;
        }
        if self.features.remove_hd || self.is_over_cap() {
            return self.remove(slots, &causes);
        }
        if removing != 0 {
            self.blockers.push(Blocker::RemovalUnderway { nodes: removing });
            return None;
        }
        if let Some(until) = self.paced_until() {
            self.blockers.push(Blocker::Paced { until });
            return None;
        }
        let waiting = upgrades_wanted(self.policy, self.metrics);
        if waiting > 0 {
            causes.push(Cause::UpgradesWait { nodes: waiting });
            return self.remove(slots, &causes);
        }
        let stops = several(Task::Stop, self.metrics.running_nodes.min(slots), &causes);
        self.found(stops, Blocker::NothingToStop)
    }

    /// Stopped nodes first, because they earn nothing; running nodes for the slots that are left.
    fn remove(&mut self, slots: i64, causes: &[Cause]) -> Option<Vec<WorkItem>> {
        let stopped = self.metrics.stopped_nodes.min(slots);
        let running = self.metrics.running_nodes.min(slots.saturating_sub(stopped));
        let mut work = several(Task::RemoveStopped, stopped, causes);
        work.extend(several(Task::RemoveRunning, running, causes));
        self.found(work, Blocker::NothingToStop)
    }

    fn shunned(&mut self) -> Option<Vec<WorkItem>> {
        if self.metrics.shunned_nodes <= 0 {
            return None;
        }
        let busy = self.metrics.removing_nodes;
        let slots = self.slots(Quota::Removals, self.policy.quotas.removals, busy)?;
        Some(several(
            Task::RemoveShunned,
            self.metrics.shunned_nodes.min(slots),
            &[],
        ))
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

    fn growing(&mut self) -> Option<Vec<WorkItem>> {
        if self.now.is_none() && !self.features.add_new_node {
            self.blockers.extend(self.growth_obstacles());
            self.blockers.extend(self.add_obstacles());
            return None;
        }
        if self.now.is_some() && !(self.features.has_resources() && self.underway() == 0) {
            self.blockers.extend(self.growth_obstacles());
            return None;
        }
        let busy = self.metrics.restarting_nodes;
        let slots = self.slots(Quota::Starts, self.policy.quotas.starts, busy)?;
        let starts = self.starts(slots);
        let left = slots.saturating_sub(starts);
        let restarts = self.metrics.hung_nodes.min(left);
        let adds = self.adds(left.saturating_sub(restarts.max(0)));
        let room = Cause::Room {
            nodes: self.metrics.total_nodes,
            cap: self.policy.cap,
        };
        let mut work = several(Task::Start, starts, &[]);
        work.extend(several(Task::RestartHung, restarts, &[]));
        work.extend(several(Task::Add, adds, &[room]));
        (!work.is_empty()).then_some(work)
    }

    /// A start adds no node: only the running and starting nodes have to be below the cap, not all nodes.
    fn starts(&mut self, slots: i64) -> i64 {
        let stopped = self.metrics.stopped_nodes;
        let startable = self.metrics.startable_nodes.unwrap_or(stopped);
        if startable < stopped {
            self.blockers.push(Blocker::PassedOver {
                nodes: stopped - startable,
            });
        }
        if self.now.is_none() {
            return startable.min(slots);
        }
        let up = self
            .metrics
            .running_nodes
            .saturating_add(self.metrics.restarting_nodes);
        let room = self.policy.cap.saturating_sub(up).max(0);
        if startable > 0 && room == 0 {
            self.blockers.push(Blocker::RunningAtCap {
                nodes: up,
                cap: self.policy.cap,
            });
        }
        startable.min(slots).min(room)
    }

    fn adds(&mut self, slots: i64) -> i64 {
        if self.now.is_some() {
            let mut obstacles = self.add_obstacles();
            if self.metrics.antnode_version.is_none() {
                obstacles.push(Blocker::NoBinary);
            }
            if !obstacles.is_empty() {
                self.blockers.extend(obstacles);
                return 0;
            }
        }
        slots.min(self.policy.cap.saturating_sub(self.metrics.total_nodes))
    }

    /// The free slots of a quota; a blocker if all are in use.
    fn slots(&mut self, quota: Quota, limit: i64, busy: i64) -> Option<i64> {
        let all = self
            .policy
            .quotas
            .operations
            .saturating_sub(operations(self.metrics));
        let slots = limit.saturating_sub(busy).min(all);
        if slots > 0 {
            return Some(slots);
        }
        self.blockers.push(Blocker::SlotsFull { quota, busy, limit });
        None
    }

    fn found(&mut self, work: Vec<WorkItem>, otherwise: Blocker) -> Option<Vec<WorkItem>> {
        if work.is_empty() {
            self.blockers.push(otherwise);
            return None;
        }
        Some(work)
    }

    /// Nodes in transition, which block starts and adds. wnm never moves a node, so a MIGRATING node would block them
    /// forever, as it does in the peer.
    fn underway(&self) -> i64 {
        if self.now.is_some() {
            operations(self.metrics)
        } else {
            underway(self.metrics)
        }
    }

    fn is_over_cap(&self) -> bool {
        self.metrics.total_nodes > self.policy.cap
    }

    /// Until when no node is stopped, so that the effect of the last stop is measured first.
    fn paced_until(&self) -> Option<Timestamp> {
        self.lasting(self.policy.last_stopped_at, self.policy.delays.remove)
    }

    /// Until when pressure stops or removes no node: nodes that were taken over are observed as long as started
    /// nodes.
    fn watched_until(&self) -> Option<Timestamp> {
        self.lasting(self.policy.takeover?.at, self.policy.delays.start)
    }

    /// The end of a delay that has begun. A start in the future means that the clock was set back: then there is no
    /// delay.
    fn lasting(&self, at: Timestamp, delay: i64) -> Option<Timestamp> {
        let now = self.now?;
        let until = at.plus(delay);
        (at <= now && now < until).then_some(until)
    }

    fn pressures(&self) -> Vec<Cause> {
        let mut causes = limits::pressures(self.policy, self.metrics);
        if self.is_over_cap() {
            causes.push(Cause::OverCap {
                nodes: self.metrics.total_nodes,
                cap: self.policy.cap,
            });
        }
        causes
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
}

fn single(task: Task, causes: Vec<Cause>) -> Vec<WorkItem> {
    vec![WorkItem {
        task,
        position: None,
        causes,
    }]
}

/// `of` work items of one task; none if `of` is not positive.
fn several(task: Task, of: i64, causes: &[Cause]) -> Vec<WorkItem> {
    let of = of.min(LONGEST);
    (1..=of)
        .map(|nth| WorkItem {
            task,
            position: Some(Position { nth, of }),
            causes: causes.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
