//! Where the machine's counters come from: `/proc`, or sysinfo.

use crate::colony::{Counters, Timestamp};
use crate::survey::SurveyError;

/// A source of the machine's counters. Both are compiled on every system, so that both are checked everywhere.
pub(super) trait CounterSource {
    /// The counters without their time, and the boot time.
    fn read(&self) -> Result<(Counters, Timestamp), SurveyError>;
}

pub(super) fn unreadable(what: &str, cause: &dyn std::fmt::Display) -> SurveyError {
    SurveyError::Instrument {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}
