//! Where the machine's counters and levels come from: `/proc`, or sysinfo.

use super::memory::Memory;
use crate::colony::{Counters, Timestamp};
use crate::survey::SurveyError;

/// A source of the machine's counters. Both are compiled on every system, so that both are checked everywhere.
pub(super) trait CounterSource {
    /// The counters without their time, and the boot time.
    fn read(&self) -> Result<(Counters, Timestamp), SurveyError>;
    /// The levels of this moment.
    fn levels(&self) -> Levels;
}

/// Levels that need no second reading.
pub(super) struct Levels {
    /// Load averages of 1, 5 and 15 minutes; NaN if they are not known.
    pub(super) load: [f64; 3],
    pub(super) memory: Memory,
    /// CPUs that this process may use.
    pub(super) cpus: u32,
}

pub(super) fn unreadable(what: &str, cause: &dyn std::fmt::Display) -> SurveyError {
    SurveyError::Instrument {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}
