//! The time in which programs waited for a resource, as `/proc/pressure` counts it.

/// Microseconds since the boot in which some programs, or all of them, waited. A counter that cannot be read is
/// [`WaitTimes::UNKNOWN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimes {
    pub cpu_some: u64,
    pub io_full: u64,
    pub memory_full: u64,
}

/// Percent of the time between two readings in which programs waited. None: not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WaitShares {
    pub cpu_some: Option<f64>,
    pub io_full: Option<f64>,
    pub memory_full: Option<f64>,
}

impl WaitTimes {
    /// The value of a counter that cannot be read.
    pub const UNKNOWN: u64 = u64::MAX;
}

/// Nothing is known: the kernel need not count these times.
impl Default for WaitTimes {
    fn default() -> WaitTimes {
        WaitTimes {
            cpu_some: WaitTimes::UNKNOWN,
            io_full: WaitTimes::UNKNOWN,
            memory_full: WaitTimes::UNKNOWN,
        }
    }
}

impl WaitShares {
    /// The shares of the `seconds` between two readings. A counter that ran back is not known.
    #[must_use]
    pub fn between(before: &WaitTimes, after: &WaitTimes, seconds: f64) -> WaitShares {
        let share = |before: u64, after: u64| {
            let is_known = before != WaitTimes::UNKNOWN && after != WaitTimes::UNKNOWN && seconds > 0.0;
            let microseconds = after.checked_sub(before).filter(|_| is_known)?;
            Some((microseconds as f64 / seconds / 10_000.0).min(100.0))
        };
        WaitShares {
            cpu_some: share(before.cpu_some, after.cpu_some),
            io_full: share(before.io_full, after.io_full),
            memory_full: share(before.memory_full, after.memory_full),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_parts_of_the_time_and_unknown_where_a_counter_is() {
        let before = WaitTimes {
            cpu_some: 1_000_000,
            io_full: 9,
            ..WaitTimes::default()
        };
        let after = WaitTimes {
            cpu_some: 16_000_000,
            io_full: 8,
            memory_full: 5,
        };
        let shares = WaitShares::between(&before, &after, 60.0);
        assert_eq!(shares.cpu_some, Some(25.0));
        assert_eq!((shares.io_full, shares.memory_full), (None, None));
        assert_eq!(WaitShares::between(&before, &after, 0.0), WaitShares::default());
    }
}
