//! Where the machine's counters come from: `/proc`, or sysinfo.

use crate::colony::{Counters, Timestamp};
use crate::survey::SurveyError;

/// Where the machine's counters are read. Both kinds are built everywhere, so that each is checked everywhere.
pub(super) trait CounterSource {
    /// The counters but for their moment, and when the machine was booted.
    fn read(&self) -> Result<(Counters, Timestamp), SurveyError>;
}

pub(super) fn unreadable(what: &str, cause: &dyn std::fmt::Display) -> SurveyError {
    SurveyError::Instrument {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}
