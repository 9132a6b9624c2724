//! Chance that can be played again: a test that draws says its seed, and `WNM_SEED` repeats it.

/// What a test draws from.
pub struct Chance(u64);

impl Chance {
    /// One of its own, or that of `WNM_SEED`; says which.
    pub fn new() -> Chance {
        let given = std::env::var("WNM_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()) * 2_654_435_761 + 1);
        eprintln!("WNM_SEED={seed} repeats this");
        Chance(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// Whether it happens, as one time in so many.
    pub fn is_one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
