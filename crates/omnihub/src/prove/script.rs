//! What the receiver does with one arrival, drawn from the seed: as good and as bad as the servers of this world.

use std::time::Duration;

use super::effect::EffectId;
use super::random::Random;

/// What the seed keeps apart: whether an effect is refused for good, and each of its arrivals.
const FATE: u64 = 1;
const ARRIVAL: u64 = 2;

/// How many effects in a hundred are refused for good, so that their goal is undone.
const REFUSED_PERCENT: u64 = 6;
/// How many compensations in a hundred are refused until somebody repairs them, so that their goal is stuck.
const UNDO_REFUSED_PERCENT: u64 = 5;
/// Longest time that an arrival takes: long enough for kills to fall into.
const DELAY_MAX: Duration = Duration::from_millis(300);
/// Shortest time of one that is delayed.
const DELAY_MIN: Duration = Duration::from_millis(5);

/// What is done with one arrival, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    /// Wait before anything.
    pub(crate) before: Duration,
    /// Whether the change is applied.
    pub(crate) apply: bool,
    /// Wait between the change and the end.
    pub(crate) after: Duration,
    /// How it ends.
    pub(crate) end: Ending,
}

/// How an arrival ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an answer of this status.
    Answer(u16),
    /// The connection is cut without one.
    Cut,
}

/// What a script depends on beside the seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arriving {
    /// What arrives.
    pub(crate) effect: EffectId,
    /// How often it has arrived, this time included.
    pub(crate) nth: u32,
    /// Whether its change was applied before: a receiver that knows the key does not refuse it then.
    pub(crate) applied: bool,
    /// Whether whoever runs the receiver has repaired it: it does all that it is asked, at once.
    pub(crate) repaired: bool,
}

/// The script of an arrival.
pub(crate) fn script(seed: u64, arriving: Arriving) -> Script {
    let at_once = Script {
        before: Duration::ZERO,
        apply: true,
        after: Duration::ZERO,
        end: Ending::Answer(200),
    };
    if arriving.repaired {
        return at_once;
    }
    let [goal, step, item, way] = arriving.effect.numbers();
    let refused = if arriving.effect.undo {
        UNDO_REFUSED_PERCENT
    } else {
        REFUSED_PERCENT
    };
    let mut random = Random::new(seed, &[ARRIVAL, goal, step, item, way, arriving.nth.into()]);
    if !arriving.applied && Random::new(seed, &[FATE, goal, step, item, way]).percent(refused) {
        let before = random.time(Duration::ZERO, DELAY_MIN * 4);
        return Script {
            before,
            apply: false,
            end: Ending::Answer(410),
            ..at_once
        };
    }
    match random.below(100) {
        0..30 => at_once,
        30..60 => Script {
            after: random.time(DELAY_MIN, DELAY_MAX),
            ..at_once
        },
        60..80 => Script {
            before: random.time(DELAY_MIN, DELAY_MAX),
            ..at_once
        },
        80..84 => Script {
            end: Ending::Answer(503),
            ..at_once
        },
        84..88 => Script {
            after: random.time(Duration::ZERO, DELAY_MIN),
            end: Ending::Cut,
            ..at_once
        },
        88..90 => Script {
            apply: false,
            end: Ending::Answer(503),
            ..at_once
        },
        90..92 => Script {
            apply: false,
            end: Ending::Cut,
            ..at_once
        },
        _ => Script {
            apply: false,
            end: Ending::Answer(429),
            ..at_once
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arriving(step: u32, nth: u32) -> Arriving {
        let effect = EffectId {
            goal: 1,
            step,
            item: 0,
            undo: false,
        };
        Arriving {
            effect,
            nth,
            applied: false,
            repaired: false,
        }
    }

    #[test]
    fn every_behaviour_comes_up_and_the_seed_decides() {
        let scripts: Vec<_> = (0..2_000)
            .map(|step| script(3, arriving(step, 1)))
            .collect();
        for (apply, end) in [
            (true, Ending::Answer(200)),
            (true, Ending::Answer(503)),
            (true, Ending::Cut),
            (false, Ending::Answer(503)),
            (false, Ending::Cut),
            (false, Ending::Answer(429)),
            (false, Ending::Answer(410)),
        ] {
            assert!(
                scripts
                    .iter()
                    .any(|script| script.apply == apply && script.end == end),
                "{apply} {end:?}"
            );
        }
        assert!(
            scripts
                .iter()
                .any(|script| script.before > DELAY_MIN && script.apply)
        );
        assert!(
            scripts
                .iter()
                .any(|script| script.after > DELAY_MIN && script.apply)
        );
        let again: Vec<_> = (0..2_000)
            .map(|step| script(3, arriving(step, 1)))
            .collect();
        assert_eq!(scripts, again);
    }

    #[test]
    fn what_is_refused_for_good_stays_refused_unless_it_was_applied_or_repaired() {
        let refused = |arriving| script(3, arriving).end == Ending::Answer(410);
        let step = (0..2_000).find(|step| refused(arriving(*step, 1))).unwrap();
        assert!((2..9).all(|nth| refused(arriving(step, nth))));
        assert!(!refused(Arriving {
            applied: true,
            ..arriving(step, 2)
        }));
        assert!(!refused(Arriving {
            repaired: true,
            ..arriving(step, 2)
        }));
    }
}
