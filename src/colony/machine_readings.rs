//! Readings of the machine, and rates between two readings.

use super::{Timestamp, WaitShares, WaitTimes};

/// Counters that only grow while the machine is up. One that cannot be read is [`Counters::UNKNOWN`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// The time of the reading in milliseconds since 1970.
    pub at_ms: i64,
    /// CPU time of all CPUs together, in ticks.
    pub cpu_total: u64,
    /// The idle part of it, without waiting for I/O.
    pub cpu_idle: u64,
    /// The part of it that waited for I/O.
    pub cpu_iowait: u64,
    /// Bytes read from and written to all real disks.
    pub disk_read: u64,
    pub disk_written: u64,
    /// Bytes received and sent on all interfaces.
    pub net_received: u64,
    pub net_sent: u64,
    /// How long programs waited.
    pub waited: WaitTimes,
}

impl Counters {
    /// The value of a counter that cannot be read. No real counter gets so high.
    pub const UNKNOWN: u64 = u64::MAX;

    fn values(&self) -> [u64; 5] {
        [
            self.cpu_total,
            self.disk_read,
            self.disk_written,
            self.net_received,
            self.net_sent,
        ]
    }
}

/// The inodes of a filesystem; all 0 where it does not limit their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inodes {
    pub used: u64,
    /// Those that a user could still take.
    pub free: u64,
}

impl Inodes {
    /// Whether the filesystem has a limit and it is reached.
    #[must_use]
    pub fn are_exhausted(self) -> bool {
        self.used > 0 && self.free == 0
    }

    fn used_percent(self) -> f64 {
        percent(self.used, self.used.saturating_add(self.free))
    }
}

/// One reading of the machine. A load that is not known is NaN; memory of 0 bytes is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MachineReadings {
    pub counters: Counters,
    /// The boot time of the machine.
    pub boot: Timestamp,
    /// The number of CPUs that this process may use.
    pub cpus: u32,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes.
    pub memory_total: u64,
    /// Bytes that programs can still allocate.
    pub memory_available: u64,
    /// Bytes of the filesystem that holds `node_storage`.
    pub disk_total: u64,
    pub disk_used: u64,
    pub disk_free: u64,
    pub inodes: Inodes,
}

/// Rates between two readings of the counters. A rate that is not known is NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Percent of all CPUs together.
    pub used_cpu_percent: f64,
    pub idle_cpu_percent: f64,
    pub io_wait: f64,
    /// Bytes per second.
    pub disk_read: f64,
    pub disk_written: f64,
    pub net_received: f64,
    pub net_sent: f64,
    /// How much of the time programs waited.
    pub waits: WaitShares,
}

/// Readings closer than this in time give inaccurate rates.
const LEAST_MS: i64 = 5_000;
/// Readings farther apart than this give outdated rates.
const MOST_MS: i64 = 600_000;
/// The boot time is computed at each reading and varies when the clock is adjusted. No machine boots twice within this
/// many seconds.
const BOOT_SLACK_S: i64 = 5;

impl MachineReadings {
    /// The percentage of memory that programs can no longer allocate.
    #[must_use]
    pub fn used_mem_percent(&self) -> f64 {
        percent(
            self.memory_total.saturating_sub(self.memory_available),
            self.memory_total,
        )
    }

    /// Percent of the disk that is taken: of its bytes or of its inodes, whichever is more. What is kept for root counts
    /// for neither side, as in `df`.
    #[must_use]
    pub fn used_hd_percent(&self) -> f64 {
        self.used_bytes_percent().max(self.inodes.used_percent())
    }

    /// Whether the disk has a larger part of its inodes taken than of its bytes.
    #[must_use]
    pub fn is_disk_limited_by_inodes(&self) -> bool {
        self.inodes.used_percent() > self.used_bytes_percent()
    }

    fn used_bytes_percent(&self) -> f64 {
        percent(self.disk_used, self.disk_used.saturating_add(self.disk_free))
    }

    /// Keeps the `known` boot time if it is of the same boot, because the computed one varies.
    #[must_use]
    pub fn with_boot_steady(mut self, known: Option<Timestamp>) -> MachineReadings {
        if let Some(known) = known.filter(|known| self.boot.since(*known).abs() <= BOOT_SLACK_S) {
            self.boot = known;
        }
        self
    }
}

impl Rates {
    /// No rate is known.
    pub const UNKNOWN: Rates = Rates {
        used_cpu_percent: f64::NAN,
        idle_cpu_percent: f64::NAN,
        io_wait: f64::NAN,
        disk_read: f64::NAN,
        disk_written: f64::NAN,
        net_received: f64::NAN,
        net_sent: f64::NAN,
        waits: WaitShares {
            cpu_some: None,
            io_full: None,
            memory_full: None,
        },
    };

    /// The rates since a survey that read `last` on a machine booted at `boot`.
    ///
    /// None unless `now` is of the same boot, 5 s to 10 min later, no counter decreased, and none became known.
    #[must_use]
    pub fn since(last: &Counters, boot: Timestamp, now: &MachineReadings) -> Option<Rates> {
        let apart = now.counters.at_ms.saturating_sub(last.at_ms);
        let same_boot = now.boot.since(boot).abs() <= BOOT_SLACK_S;
        let mut pairs = last.values().into_iter().zip(now.counters.values());
        let is_news = pairs.any(|(last, now)| last == Counters::UNKNOWN && now != Counters::UNKNOWN);
        if same_boot && !is_news && (LEAST_MS..=MOST_MS).contains(&apart) {
            Rates::between(last, &now.counters)
        } else {
            None
        }
    }

    /// The rates at `now` without waiting: those since the last survey, or those of the last survey if it was only a
    /// moment ago. None if a second reading is needed.
    #[must_use]
    pub fn known_at(last: &MachineReadings, rates: &Rates, now: &MachineReadings) -> Option<Rates> {
        let apart = now.counters.at_ms.saturating_sub(last.counters.at_ms);
        let same_boot = now.boot.since(last.boot).abs() <= BOOT_SLACK_S;
        let is_fresh = same_boot && (0..LEAST_MS).contains(&apart) && !rates.used_cpu_percent.is_nan();
        match is_fresh {
            true => Some(*rates),
            false => Rates::since(&last.counters, last.boot, now),
        }
    }

    /// The rates over a quarter of an hour, from the readings then. None if the machine was booted since then.
    #[must_use]
    pub fn sustained(then: &MachineReadings, now: &MachineReadings) -> Option<Rates> {
        let same_boot = now.boot.since(then.boot).abs() <= BOOT_SLACK_S;
        same_boot
            .then(|| Rates::between(&then.counters, &now.counters))
            .flatten()
    }

    /// The rates between two readings of one boot, at any distance in time.
    ///
    /// None if no time passed or a counter decreased, as when an interface was removed or the machine booted. On Linux the
    /// time of waiting for I/O can decrease a little, which counts as no waiting.
    #[must_use]
    pub fn between(before: &Counters, after: &Counters) -> Option<Rates> {
        let seconds = after.at_ms.saturating_sub(before.at_ms) as f64 / 1000.0;
        if seconds <= 0.0 {
            return None;
        }
        let passed = |before: u64, after: u64| match (before, after) {
            (Counters::UNKNOWN, _) | (_, Counters::UNKNOWN) => Some(f64::NAN),
            _ => Some(after.checked_sub(before)? as f64),
        };
        let each_second = |before: u64, after: u64| Some(passed(before, after)? / seconds);
        let ticks = passed(before.cpu_total, after.cpu_total)?;
        if ticks == 0.0 {
            return None;
        }
        let (idle, io_wait) = if ticks.is_nan() {
            (f64::NAN, f64::NAN)
        } else {
            let idle = after.cpu_idle.checked_sub(before.cpu_idle)?;
            let io_wait = after.cpu_iowait.saturating_sub(before.cpu_iowait);
            let share = |part: u64| (part as f64 / ticks * 100.0).min(100.0);
            (share(idle), share(io_wait))
        };
        Some(Rates {
            used_cpu_percent: 100.0 - idle,
            idle_cpu_percent: idle,
            io_wait,
            disk_read: each_second(before.disk_read, after.disk_read)?,
            disk_written: each_second(before.disk_written, after.disk_written)?,
            net_received: each_second(before.net_received, after.net_received)?,
            net_sent: each_second(before.net_sent, after.net_sent)?,
            waits: WaitShares::between(&before.waited, &after.waited, seconds),
        })
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64 * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(at_ms: i64) -> Counters {
        Counters {
            at_ms,
            cpu_total: 1_000,
            cpu_idle: 500,
            cpu_iowait: 100,
            disk_read: 10,
            disk_written: 20,
            net_received: 30,
            net_sent: 40,
            waited: WaitTimes::default(),
        }
    }

    /// A minute after `counters(0)`: 200 ticks more, half of them idle, a tenth waiting.
    fn minute_later() -> Counters {
        Counters {
            at_ms: 60_000,
            cpu_total: 1_200,
            cpu_idle: 600,
            cpu_iowait: 120,
            disk_read: 10 + 600,
            disk_written: 20 + 1_200,
            net_received: 30 + 60,
            net_sent: 40,
            waited: WaitTimes::default(),
        }
    }

    fn instruments(counters: Counters, boot: i64) -> MachineReadings {
        MachineReadings {
            counters,
            boot: Timestamp(boot),
            cpus: 2,
            load: [0.0; 3],
            memory_total: 1_000,
            memory_available: 250,
            disk_total: 1_000,
            disk_used: 300,
            disk_free: 600,
            inodes: Inodes::default(),
        }
    }

    #[test]
    fn computes_rates_over_a_minute() {
        let now = instruments(minute_later(), 7);
        let rates = Rates::since(&counters(0), Timestamp(7), &now).unwrap();
        assert_eq!(rates.idle_cpu_percent, 50.0);
        assert_eq!(rates.used_cpu_percent, 50.0);
        assert_eq!(rates.io_wait, 10.0);
        assert_eq!(rates.disk_read, 10.0);
        assert_eq!(rates.disk_written, 20.0);
        assert_eq!(rates.net_received, 1.0);
        assert_eq!(rates.net_sent, 0.0);
    }

    #[test]
    fn keeps_the_known_boot_time_of_the_same_boot() {
        let boot = |known| instruments(minute_later(), 1000).with_boot_steady(known).boot;
        assert_eq!(boot(None), Timestamp(1000));
        assert_eq!(boot(Some(Timestamp(995))), Timestamp(995));
        assert_eq!(boot(Some(Timestamp(994))), Timestamp(1000), "of another boot");
    }

    #[test]
    fn rates_need_five_seconds_to_ten_minutes_of_one_boot() {
        let rates = |apart_ms: i64, boot: i64| {
            let now = instruments(minute_later(), boot);
            let last = counters(60_000 - apart_ms);
            Rates::since(&last, Timestamp(7), &now).is_some()
        };
        assert!(rates(5_000, 7));
        assert!(rates(600_000, 7));
        assert!(rates(60_000, 9), "the clock was set by two seconds");
        assert!(!rates(4_999, 7));
        assert!(!rates(600_001, 7));
        assert!(!rates(-60_000, 7));
        assert!(!rates(60_000, 50));
    }

    #[test]
    fn decreasing_counters_give_no_rates() {
        let fields: [fn(&mut Counters) -> &mut u64; 5] = [
            |c| &mut c.cpu_total,
            |c| &mut c.disk_read,
            |c| &mut c.disk_written,
            |c| &mut c.net_received,
            |c| &mut c.net_sent,
        ];
        for field in fields {
            let mut after = minute_later();
            *field(&mut after) = 0;
            assert_eq!(Rates::between(&counters(0), &after), None);
        }
        assert_eq!(
            Rates::between(&counters(0), &counters(60_000)),
            None,
            "no tick passed"
        );
        assert_eq!(
            Rates::between(
                &counters(0),
                &Counters {
                    at_ms: 0,
                    ..minute_later()
                }
            ),
            None
        );
    }

    #[test]
    fn idle_times_can_decrease_a_little() {
        let after = Counters {
            cpu_iowait: 99,
            cpu_idle: 2_000,
            ..minute_later()
        };
        let rates = Rates::between(&counters(0), &after).unwrap();
        assert_eq!(rates.io_wait, 0.0);
        assert_eq!(rates.used_cpu_percent, 0.0);
    }

    #[test]
    fn given_a_counter_that_is_not_known_when_rates_are_computed_then_only_its_own_rate_is_not_known() {
        let after = Counters {
            cpu_total: Counters::UNKNOWN,
            net_sent: Counters::UNKNOWN,
            ..minute_later()
        };
        let rates = Rates::between(&counters(0), &after).unwrap();
        assert!(rates.used_cpu_percent.is_nan() && rates.idle_cpu_percent.is_nan() && rates.io_wait.is_nan());
        assert!(rates.net_sent.is_nan());
        assert_eq!((rates.disk_read, rates.net_received), (10.0, 1.0));
    }

    #[test]
    fn given_a_counter_that_became_known_when_rates_are_computed_then_they_are_measured_anew() {
        let last = Counters {
            cpu_total: Counters::UNKNOWN,
            ..counters(0)
        };
        let since = |now| Rates::since(&last, Timestamp(7), &instruments(now, 7));
        assert!(since(minute_later()).is_none());
        let still_unknown = Counters {
            cpu_total: Counters::UNKNOWN,
            ..minute_later()
        };
        assert!(since(still_unknown).is_some());
    }

    #[test]
    fn given_idle_time_that_ran_back_when_rates_are_computed_then_none_is_known() {
        let after = Counters {
            cpu_idle: 499,
            ..minute_later()
        };
        assert_eq!(Rates::between(&counters(0), &after), None);
    }

    #[test]
    fn given_few_free_inodes_when_the_disk_is_measured_then_the_fuller_of_inodes_and_bytes_counts() {
        let with = |used, free| MachineReadings {
            inodes: Inodes { used, free },
            ..instruments(counters(0), 7)
        };
        assert_eq!(with(12, 0).used_hd_percent(), 100.0);
        assert!(with(12, 0).is_disk_limited_by_inodes() && with(12, 0).inodes.are_exhausted());
        for enough in [with(1, 99), with(0, 0)] {
            assert!((enough.used_hd_percent() - 100.0 / 3.0).abs() < 1e-9);
            assert!(!enough.is_disk_limited_by_inodes() && !enough.inodes.are_exhausted());
        }
    }

    #[test]
    fn percentages_are_of_the_space_for_users() {
        let now = instruments(counters(0), 7);
        assert_eq!(now.used_mem_percent(), 75.0);
        assert!((now.used_hd_percent() - 100.0 / 3.0).abs() < 1e-9);
    }
}
