//! The time, and waiting.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::colony::Timestamp;
use crate::signals;

/// The time, and waiting.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits for `pause`, or until a signal asks the run to end.
    fn sleep(&self, pause: Duration);
    /// A number nobody can foresee, for drawing wallets.
    fn chance(&self) -> u64;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

/// How long a wait may go on after a signal came.
const TICK: Duration = Duration::from_millis(20);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !signals::asked_to_end() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    fn chance(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds each RandomState from the system's own source of chance.
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u128(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos(),
        );
        hasher.finish()
    }
}
