//! Readings of the machine, and rates between two readings.

use super::Timestamp;

/// Counters that only grow while the machine is up.
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
}

/// One reading of the machine.
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
}

/// Rates between two readings of the counters.
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

    /// The used percentage of the disk, as in `df`: space reserved for root counts neither as used nor as free.
    #[must_use]
    pub fn used_hd_percent(&self) -> f64 {
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
    /// The rates since a survey that read `last` on a machine booted at `boot`.
    ///
    /// None unless `now` is of the same boot, 5 s to 10 min later, and no counter decreased.
    #[must_use]
    pub fn since(last: &Counters, boot: Timestamp, now: &MachineReadings) -> Option<Rates> {
        let apart = now.counters.at_ms.saturating_sub(last.at_ms);
        let same_boot = now.boot.since(boot).abs() <= BOOT_SLACK_S;
        if same_boot && (LEAST_MS..=MOST_MS).contains(&apart) {
            Rates::between(last, &now.counters)
        } else {
            None
        }
    }

    /// The rates between two readings of one boot, at any distance in time.
    ///
    /// None if no time passed or a counter decreased, as when an interface was removed or the machine booted. On Linux the
    /// idle times can decrease a little, which counts as no idle time.
    #[must_use]
    pub fn between(before: &Counters, after: &Counters) -> Option<Rates> {
        let seconds = after.at_ms.saturating_sub(before.at_ms) as f64 / 1000.0;
        let ticks = after.cpu_total.checked_sub(before.cpu_total)?;
        if seconds <= 0.0 || ticks == 0 {
            return None;
        }
        let each_second = |before: u64, after: u64| Some(after.checked_sub(before)? as f64 / seconds);
        let idle = percent(after.cpu_idle.saturating_sub(before.cpu_idle), ticks).min(100.0);
        let io_wait = percent(after.cpu_iowait.saturating_sub(before.cpu_iowait), ticks).min(100.0);
        Some(Rates {
            used_cpu_percent: 100.0 - idle,
            idle_cpu_percent: idle,
            io_wait,
            disk_read: each_second(before.disk_read, after.disk_read)?,
            disk_written: each_second(before.disk_written, after.disk_written)?,
            net_received: each_second(before.net_received, after.net_received)?,
            net_sent: each_second(before.net_sent, after.net_sent)?,
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
    fn percentages_are_of_the_space_for_users() {
        let now = instruments(counters(0), 7);
        assert_eq!(now.used_mem_percent(), 75.0);
        assert!((now.used_hd_percent() - 100.0 / 3.0).abs() < 1e-9);
    }
}
