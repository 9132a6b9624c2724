//! The time, and waiting.

use std::time::Duration;

use crate::colony::Timestamp;

/// The time, and waiting.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits for `pause`, or until a signal asks the run to end.
    fn sleep(&self, pause: Duration);
}
