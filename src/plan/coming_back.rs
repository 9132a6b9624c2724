//! The pace at which stopped nodes are started again.
//!
//! They ran before, so they come back as fast as the machine allows: in groups, each at most twice as large as the one
//! before, as long as the nodes of that group answered and no limit is near. Between the limits they come one by one.

use crate::colony::Metrics;

use super::blocker::Blocker;
use super::limits::{self, Features, LimitedQuantity};
use super::policy::Policy;
use super::reason::Quantity;

/// A group may raise no value above this part of its limit for stopping nodes.
const MARGIN: f64 = 0.9;

/// How many nodes may be started, and why no more.
#[derive(Default)]
pub(super) struct Pace {
    pub(super) most: i64,
    pub(super) blockers: Vec<Blocker>,
}

impl Pace {
    /// The pace for these figures. `startable` counts the nodes that no failure delays.
    pub(super) fn of(policy: &Policy, metrics: &Metrics, features: &Features, startable: i64) -> Pace {
        let mut pace = Pace::default();
        if let Some(until) = metrics.paused.until {
            pace.blockers.push(Blocker::PausedAgain {
                nodes: metrics.paused.waiting,
                until,
            });
        }
        if metrics.paused.lasting > 0 {
            pace.blockers.push(Blocker::CapProposal {
                stopped: metrics.paused.lasting,
                cap: metrics.total_nodes.saturating_sub(metrics.paused.lasting),
            });
        }
        if startable <= 0 {
            return pace;
        }
        if let Some(why) = held(policy, metrics, features, startable) {
            pace.blockers.push(why);
            return pace;
        }
        let has_room = features.has_resources();
        let paused = metrics.paused.startable;
        let fitting = if has_room || paused == 0 || fits(policy, metrics) {
            startable
        } else {
            pace.blockers.push(Blocker::PausedWait { nodes: paused });
            startable - paused
        };
        let group = if has_room { group(policy, metrics) } else { 1 };
        pace.most = match policy.quotas.restarts {
            Some(quota) => group_of_operator(policy, metrics, quota, has_room).min(fitting),
            None => group.min(fitting),
        };
        if pace.most > 0 && pace.most < fitting && policy.quotas.restarts.is_none() {
            pace.blockers.push(Blocker::Group {
                started: pace.most,
                left: fitting - pace.most,
            });
        }
        pace
    }
}

/// Why no node is started at all.
fn held(policy: &Policy, metrics: &Metrics, features: &Features, startable: i64) -> Option<Blocker> {
    // No value is below a limit of 0: with it an operator forbids all starts.
    let is_final =
        |why: &Blocker| matches!(why, Blocker::NotBelow { is, limit, .. } if is.is_nan() || *limit <= 0.0);
    let obstacle = limits::obstacles(policy, metrics).find(is_final);
    if obstacle.is_some() {
        return obstacle;
    }
    if features.has_pressure() {
        return Some(Blocker::StartsWait { nodes: startable });
    }
    let settling = limits::operations(metrics);
    if policy.delays.is_start_set && settling > 0 {
        return Some(Blocker::Underway { nodes: settling });
    }
    (metrics.unanswered_nodes > 0).then_some(Blocker::Unanswered {
        nodes: metrics.unanswered_nodes,
    })
}

/// The quota of an operator, as for new nodes; between the limits one node.
fn group_of_operator(policy: &Policy, metrics: &Metrics, quota: i64, has_room: bool) -> i64 {
    let all = policy.quotas.operations.max(quota);
    let free = all.saturating_sub(limits::operations(metrics));
    let slots = quota.saturating_sub(metrics.restarting_nodes).min(free).max(0);
    if has_room { slots } else { slots.min(1) }
}

/// Twice the last group, as far as no value would exceed its limit if that group alone had caused it.
fn group(policy: &Policy, metrics: &Metrics) -> i64 {
    let last = metrics.last_group.max(0) as f64;
    if last == 0.0 {
        return 1;
    }
    let growth = limits::all(policy, metrics)
        .filter(rises_with_starts)
        .map(|quantity| MARGIN * quantity.limits.remove / quantity.is.max(f64::EPSILON))
        .fold(2.0, f64::min);
    ((last * growth) as i64).max(1)
}

/// The values that a start raises at once.
fn rises_with_starts(quantity: &LimitedQuantity) -> bool {
    matches!(quantity.what, Quantity::Cpu | Quantity::Memory | Quantity::Load1)
}

/// Whether one more node of the present size leaves every value below its limit for stopping nodes. A node that pressure
/// stopped would be stopped again otherwise.
fn fits(policy: &Policy, metrics: &Metrics) -> bool {
    let Some(own) = metrics.own.filter(|_| metrics.running_nodes > 0) else {
        return false;
    };
    let nodes = metrics.running_nodes as f64;
    let fits = |is: f64, own: f64, limit: f64| is + 2.0 * own / nodes < limit * MARGIN.max(0.95);
    fits(metrics.used_cpu_percent, own.cpu, policy.cpu.remove)
        && fits(metrics.used_mem_percent, own.memory, policy.memory.remove)
        && metrics.load_average_1 < policy.load.remove * MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colony::{NodeState::*, OwnUse, PausedNodes};
    use crate::plan::fixtures::{metrics, nodes, policy};
    use crate::plan::policy::{Delays, Quotas};

    /// Without quotas of the operator.
    fn free_policy() -> Policy {
        Policy {
            quotas: Quotas {
                restarts: None,
                ..policy().quotas
            },
            delays: Delays {
                is_start_set: false,
                ..policy().delays
            },
            ..policy()
        }
    }

    fn calm() -> Metrics {
        metrics(&nodes(&[Running, Stopped]))
    }

    fn most(metrics: &Metrics, startable: i64) -> i64 {
        let policy = free_policy();
        Pace::of(&policy, metrics, &Features::of(&policy, metrics), startable).most
    }

    #[test]
    fn groups_double_and_fall_back_to_one() {
        for (last, next) in [(0, 1), (1, 2), (2, 4), (50, 100)] {
            let grown = Metrics {
                last_group: last,
                ..calm()
            };
            assert_eq!(most(&grown, 1000), next);
            let between = Metrics {
                used_cpu_percent: 60.0,
                ..grown.clone()
            };
            assert_eq!(most(&between, 1000), 1, "between the limits one by one");
        }
        let grown = Metrics {
            last_group: 50,
            ..calm()
        };
        assert_eq!(most(&grown, 30), 30);
    }

    #[test]
    fn group_is_smaller_if_twice_the_last_could_exceed_a_limit() {
        let warm = Metrics {
            last_group: 10,
            used_cpu_percent: 45.0,
            ..calm()
        };
        // 0.9 * 70 / 45 = 1.4
        assert_eq!(most(&warm, 1000), 14);
    }

    #[test]
    fn nothing_is_started_before_the_last_group_answers_or_above_a_limit() {
        let waiting = Metrics {
            last_group: 4,
            unanswered_nodes: 1,
            ..calm()
        };
        let hot = Metrics {
            used_cpu_percent: 71.0,
            ..calm()
        };
        let unknown = Metrics {
            used_mem_percent: f64::NAN,
            ..calm()
        };
        for metrics in [waiting, hot, unknown] {
            assert_eq!(most(&metrics, 5), 0);
        }
    }

    #[test]
    fn quota_of_the_operator_bounds_starts_and_so_does_his_delay() {
        let settling = Metrics {
            restarting_nodes: 2,
            last_group: 2,
            ..calm()
        };
        let ask = |policy: &Policy| Pace::of(policy, &settling, &Features::of(policy, &settling), 9).most;
        assert_eq!(ask(&free_policy()), 4);
        let bounded = Policy {
            delays: free_policy().delays,
            ..policy()
        };
        assert_eq!(ask(&bounded), 3, "5 less those that settle");
        let delayed = Policy {
            quotas: free_policy().quotas,
            ..policy()
        };
        assert_eq!(ask(&delayed), 0);
    }

    #[test]
    fn node_that_a_limit_stopped_comes_back_between_the_limits_only_if_it_fits() {
        let between = |cpu, own| Metrics {
            used_cpu_percent: cpu,
            paused: PausedNodes {
                all: 1,
                startable: 1,
                ..PausedNodes::default()
            },
            own,
            ..calm()
        };
        let own = |cpu| Some(OwnUse { cpu, memory: 0.1 });
        assert_eq!(most(&between(60.0, own(2.0)), 1), 1);
        assert_eq!(most(&between(60.0, own(5.0)), 1), 0);
        assert_eq!(most(&between(60.0, None), 1), 0);
        assert_eq!(most(&between(60.0, None), 2), 1, "the other one crashed");
        assert_eq!(most(&between(30.0, None), 1), 1);
    }
}
