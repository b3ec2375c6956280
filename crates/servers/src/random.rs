//! Seeded draws: the same seed plans the same kills.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014); not for secrets.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

/// A stream of seeded draws.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 to below `end`; 0 where `end` is 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = self.0;
        let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let value = value ^ (value >> 31);
        // The bias of a remainder of 64 bits does not show at these sizes.
        value.checked_rem(end).unwrap_or(0)
    }

    /// One of several; `None`: there is none.
    pub(crate) fn one_of<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(things.len()).unwrap_or(u64::MAX);
        things.get(usize::try_from(self.below(count)).ok()?)
    }

    /// A time from `least` to below `end`.
    pub(crate) fn time(&mut self, least: Duration, end: Duration) -> Duration {
        let span = u64::try_from(end.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.below(span))
    }
}

/// A seed that nobody gave.
pub(crate) fn any_seed() -> u64 {
    // The standard library seeds each of these anew.
    RandomState::new().build_hasher().finish()
}
