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
    /// A random number, to choose wallets.
    fn chance(&self) -> u64;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

/// Interval of checks for a signal.
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
        // The standard library seeds each RandomState with random numbers of the system.
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

#[cfg(test)]
mod tests {
    use super::{Clock, RealClock};
    use crate::colony::{Wallet, Wallets};

    #[test]
    fn chance_draws_each_wallet_as_often_as_its_weight_says() {
        let weights = [10_u32, 20, 30, 40];
        let named = |n: u32| Wallet(format!("0x{n:040}"));
        let wallets = Wallets(weights.iter().map(|n| (named(*n), u128::from(*n))).collect());
        let mut counts = [0_u32; 4];
        for _ in 0..100_000 {
            let drawn = wallets.draw(RealClock.chance());
            counts[weights.iter().position(|n| named(*n) == *drawn).unwrap()] += 1;
        }
        let misfit = |(count, weight): (u32, u32)| {
            let expected = f64::from(weight) * 1000.0;
            (f64::from(count) - expected).powi(2) / expected
        };
        let far: f64 = counts.into_iter().zip(weights).map(misfit).sum();
        // A fair draw goes beyond this once in a thousand million times.
        assert!(far < 45.0, "{counts:?}: {far}");
    }
}
