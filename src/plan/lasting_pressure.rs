//! Which pressure lasts, so that nodes are stopped for it.
//!
//! A busy minute ends by itself, and a load average above its limit says little where nothing waits. Without the time,
//! as in the Python wnm, each value above its limit counts.

use crate::colony::Metrics;

use super::blocker::Blocker;
use super::limits::{LimitedQuantity, pressing};
use super::policy::Policy;
use super::reason::{Cause, Quantity};

/// Programs that wait so much of the time, in percent, for a CPU or for disks make a high load average matter.
const CALM_CPU: f64 = 20.0;
const CALM_IO: f64 = 5.0;

/// All programs wait for memory so much of the time, in percent, that there is no time to find out whether pressure
/// lasts.
const EMERGENCY_MEMORY: f64 = 5.0;

/// The nodes use so small a part of the CPU or memory in use that stopping them helps little.
const SMALL_PART: f64 = 1.0 / 3.0;

/// The pressure that lasts, and why other pressure does not count.
#[derive(Default)]
pub(super) struct LastingPressure {
    pub(super) causes: Vec<Cause>,
    pub(super) brief: Vec<Blocker>,
}

impl LastingPressure {
    pub(super) fn of(policy: &Policy, metrics: &Metrics) -> LastingPressure {
        let mut found = LastingPressure::default();
        let is_emergency = metrics
            .waits
            .memory_full
            .is_some_and(|share| share > EMERGENCY_MEMORY);
        for quantity in pressing(policy, metrics) {
            match brief(&quantity, policy, metrics).filter(|_| !is_emergency) {
                None => found.causes.push(quantity.cause()),
                Some(why) if found.brief.contains(&why) => {}
                Some(why) => found.brief.push(why),
            }
        }
        found
    }
}

/// Why a value above its limit does not count; None if it does.
fn brief(quantity: &LimitedQuantity, policy: &Policy, metrics: &Metrics) -> Option<Blocker> {
    let limit = quantity.limits.remove;
    let rates = metrics.sustained.as_ref();
    let mean = match quantity.what {
        Quantity::Memory | Quantity::Disk | Quantity::DiskInodes => return None,
        Quantity::Load1 | Quantity::Load5 | Quantity::Load15 => return brief_load(policy, metrics),
        Quantity::Cpu => rates?.used_cpu_percent,
        Quantity::DiskRead => rates?.disk_read,
        Quantity::DiskWrite => rates?.disk_written,
        Quantity::NetRead => rates?.net_received,
        Quantity::NetWrite => rates?.net_sent,
    };
    (mean <= limit).then_some(Blocker::Brief {
        what: quantity.what,
        is: quantity.is,
        mean,
        limit,
    })
}

fn brief_load(policy: &Policy, metrics: &Metrics) -> Option<Blocker> {
    let limit = policy.load.remove;
    let load = [
        metrics.load_average_1,
        metrics.load_average_5,
        metrics.load_average_15,
    ];
    if load.iter().any(|average| *average <= limit) {
        return Some(Blocker::BriefLoad { load, limit });
    }
    let (cpu_some, io_full) = (metrics.waits.cpu_some?, metrics.waits.io_full?);
    (cpu_some < CALM_CPU && io_full < CALM_IO).then_some(Blocker::LoadWithoutWaits {
        load: load[0],
        limit,
        cpu_some,
        io_full,
    })
}

/// How many nodes may be stopped although other programs cause the pressure: up to half of those that ran, but one in any
/// case. None if the
/// nodes themselves cause it, or that is not known.
pub(super) fn foreign_load(metrics: &Metrics, causes: &[Cause]) -> Option<(i64, Blocker)> {
    let own = metrics.own?;
    let (cpu, memory) = (metrics.used_cpu_percent, metrics.used_mem_percent);
    let is_foreign = |cause: &Cause| match cause {
        Cause::Above { what, .. } => match what {
            Quantity::Memory => own.memory < memory * SMALL_PART,
            Quantity::Cpu | Quantity::Load1 | Quantity::Load5 | Quantity::Load15 => {
                own.cpu < cpu * SMALL_PART
            }
            _ => false,
        },
        _ => false,
    };
    let stopped = metrics.paused.all;
    if !causes.iter().all(is_foreign) {
        return None;
    }
    let nodes = stopped.saturating_add(metrics.running_nodes);
    let blocker = Blocker::ForeignLoad {
        own,
        cpu,
        memory,
        stopped,
        nodes,
    };
    let most = if stopped == 0 {
        (nodes / 2).max(1)
    } else {
        nodes / 2
    };
    Some((most.saturating_sub(stopped).max(0), blocker))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colony::{NodeState::*, OwnUse, PausedNodes, Rates, WaitShares};
    use crate::plan::fixtures::{metrics, nodes, policy};

    fn hot() -> Metrics {
        Metrics {
            used_cpu_percent: 85.0,
            ..metrics(&nodes(&[Running; 4]))
        }
    }

    fn causes(metrics: &Metrics) -> usize {
        LastingPressure::of(&policy(), metrics).causes.len()
    }

    #[test]
    fn cpu_must_be_above_its_limit_in_the_mean_as_well() {
        let mean = |cpu| Metrics {
            sustained: Some(Rates {
                used_cpu_percent: cpu,
                ..Rates::UNKNOWN
            }),
            ..hot()
        };
        assert_eq!(causes(&hot()), 1, "without a mean the value counts");
        assert_eq!(causes(&mean(70.1)), 1);
        assert_eq!(causes(&mean(70.0)), 0);
        assert_eq!(causes(&mean(f64::NAN)), 1);
        let emergency = Metrics {
            waits: WaitShares {
                memory_full: Some(5.1),
                ..WaitShares::default()
            },
            ..mean(60.0)
        };
        assert_eq!(causes(&emergency), 1);
    }

    #[test]
    fn load_counts_only_if_all_averages_are_high_and_something_waits() {
        let loaded = |load: [f64; 3], waits| Metrics {
            load_average_1: load[0],
            load_average_5: load[1],
            load_average_15: load[2],
            used_cpu_percent: 20.0,
            waits,
            ..hot()
        };
        let waits = |cpu, io| WaitShares {
            cpu_some: Some(cpu),
            io_full: Some(io),
            memory_full: Some(0.0),
        };
        let unknown = WaitShares::default();
        assert_eq!(causes(&loaded([9.0, 8.0, 7.0], unknown)), 3);
        assert_eq!(causes(&loaded([1.0, 8.0, 7.0], unknown)), 0);
        assert_eq!(causes(&loaded([9.0, 8.0, 1.0], unknown)), 0);
        assert_eq!(causes(&loaded([9.0, 8.0, 7.0], waits(19.9, 4.9))), 0);
        assert_eq!(causes(&loaded([9.0, 8.0, 7.0], waits(20.0, 0.0))), 3);
        assert_eq!(causes(&loaded([9.0, 8.0, 7.0], waits(0.0, 5.0))), 3);
    }

    #[test]
    fn at_most_half_of_the_nodes_are_stopped_for_other_programs() {
        let most = |running, stopped, own| {
            let metrics = Metrics {
                running_nodes: running,
                paused: PausedNodes {
                    all: stopped,
                    ..PausedNodes::default()
                },
                own: Some(OwnUse {
                    cpu: own,
                    memory: 1.0,
                }),
                ..hot()
            };
            let causes = LastingPressure::of(&policy(), &metrics).causes;
            foreign_load(&metrics, &causes).map(|(most, _)| most)
        };
        assert_eq!(most(8, 0, 10.0), Some(4));
        assert_eq!(most(6, 2, 10.0), Some(2));
        assert_eq!(most(4, 4, 10.0), Some(0));
        assert_eq!(most(1, 0, 10.0), Some(1), "one in any case");
        assert_eq!(most(8, 0, 30.0), None, "the nodes themselves use a third");
    }
}
