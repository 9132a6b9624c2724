//! Decides which tasks are needed, how much of each, and why.
//!
//! The first match wins: a boot, dead nodes, the quota of all operations, pressure, shunned nodes, upgrades, starts
//! and adds, nothing. Without `now` every step decides as the peer does; with it, the rules apply that need the time
//! or differ from the peer.

mod growth;

use crate::colony::{Metrics, Timestamp};

use super::blocker::Blocker;
use super::lasting_pressure::{LastingPressure, foreign_load};
use super::limits::{self, Features, operations, upgrades_wanted};
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
        .or_else(|| rules.work())
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
        let (busy, limit) = (self.busy(), self.policy.quotas.operations);
        if busy < limit {
            return None;
        }
        let starts = self.coming_back();
        if starts.is_some() {
            return starts;
        }
        self.blockers.push(self.slots_full());
        Some(single(Task::RestFull, Vec::new()))
    }

    fn slots_full(&self) -> Blocker {
        Blocker::SlotsFull {
            quota: Quota::Operations,
            busy: operations(self.metrics),
            limit: self.policy.quotas.operations,
        }
    }

    fn is_full(&self) -> bool {
        operations(self.metrics) >= self.policy.quotas.operations
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
        if causes.is_empty() {
            return None;
        }
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
        if waiting > 0 && (self.now.is_none() || self.policy.remove_for_upgrade) {
            causes.push(Cause::UpgradesWait { nodes: waiting });
            return self.remove(slots, &causes);
        }
        let foreign = foreign_load(self.metrics, &causes).filter(|_| self.now.is_some());
        let slots = match foreign {
            Some((0, why)) => {
                self.blockers.push(why);
                return None;
            }
            Some((most, _)) => slots.min(most),
            None => slots,
        };
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
        let most = (self.metrics.total_nodes / 10).max(1);
        if self.now.is_some() && self.metrics.shunned_nodes > most {
            self.blockers.push(Blocker::ShunnedAtOnce {
                nodes: self.metrics.shunned_nodes,
                most,
            });
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

    /// The operations that count against the quota of all kinds. Nodes that come back at the pace of the machine do not.
    fn busy(&self) -> i64 {
        let all = operations(self.metrics);
        match (self.now, self.policy.quotas.restarts) {
            (Some(_), None) => all.saturating_sub(self.metrics.restarting_nodes),
            _ => all,
        }
    }

    /// The free slots of a quota; a blocker if all are in use.
    fn slots(&mut self, quota: Quota, limit: i64, busy: i64) -> Option<i64> {
        let all = self.policy.quotas.operations.saturating_sub(self.busy());
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

    /// What requires that nodes are stopped or removed. With the time, only pressure that lasts does.
    fn pressures(&mut self) -> Vec<Cause> {
        let mut causes = if self.now.is_some() {
            let lasting = LastingPressure::of(self.policy, self.metrics);
            self.blockers.extend(lasting.brief);
            lasting.causes
        } else {
            limits::pressures(self.policy, self.metrics)
        };
        if self.is_over_cap() {
            causes.push(Cause::OverCap {
                nodes: self.metrics.total_nodes,
                cap: self.policy.cap,
            });
        }
        causes
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
