//! Seeded randomness: the same seed plans the same goals, scripts the same answers and draws the same moments.
//!
//! SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014); not for secrets.

use std::time::Duration;

/// What is added at each draw.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of seeded draws.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed and of what it is for: streams for different things do not run in step.
    pub(crate) fn new(seed: u64, of: &[u64]) -> Self {
        let start = of.iter().fold(mixed(seed), |state, part| {
            mixed(state ^ mixed(part.wrapping_add(GAMMA)))
        });
        Self(start)
    }

    /// The next draw.
    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mixed(self.0)
    }

    /// A number from 0 to below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The bias of a remainder of 64 bits does not show at these sizes.
        self.draw().checked_rem(end).unwrap_or(0)
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// A time from `least` to below `end`.
    pub(crate) fn time(&mut self, least: Duration, end: Duration) -> Duration {
        let span = u64::try_from(end.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.below(span))
    }
}

fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_another_does_not() {
        let draws = |seed, of: &[u64]| {
            let mut random = Random::new(seed, of);
            [random.draw(), random.draw(), random.draw()]
        };
        assert_eq!(draws(7, &[1]), draws(7, &[1]));
        assert_ne!(draws(7, &[1]), draws(8, &[1]));
        assert_ne!(draws(7, &[1]), draws(7, &[2]));
        assert_ne!(draws(7, &[1, 2]), draws(7, &[2, 1]));
    }

    #[test]
    fn draws_spread_over_their_range() {
        let mut random = Random::new(1, &[]);
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[usize::try_from(random.below(10)).unwrap()] += 1;
        }
        assert!(
            seen.iter().all(|count| (800..1_200).contains(count)),
            "{seen:?}"
        );
        let time = random.time(Duration::from_millis(5), Duration::from_millis(6));
        assert!((Duration::from_millis(5)..Duration::from_millis(6)).contains(&time));
        assert_eq!(random.below(0), 0);
    }
}
