//! Time as a goal sees it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// When something happens: the wall clock, and how long emergency holds have kept the goal still so far.
///
/// The goal's own clock is the difference. It stands still during a hold, so that nothing runs out while nobody may act.
/// (Pauses are events of the goal; the machine takes them off itself.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The wall clock, in whole microseconds.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// Microseconds that holds have covered the goal since its acceptance.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: i64,
}

impl Moment {
    /// A moment of a goal that was never held. Parts of a microsecond are cut off.
    pub fn at(wall: Timestamp) -> Self {
        Self::held(wall, SignedDuration::ZERO)
    }

    /// A moment of a goal that holds have kept still for `held`.
    pub fn held(wall: Timestamp, held: SignedDuration) -> Self {
        let at = Timestamp::from_microsecond(wall.as_microsecond()).unwrap_or(wall);
        Self {
            at,
            held: i64::try_from(held.as_micros()).unwrap_or(i64::MAX),
        }
    }

    /// The wall clock without the holds.
    pub fn clock(self) -> Timestamp {
        later(
            self.at,
            SignedDuration::from_micros(self.held.saturating_neg()),
        )
    }
}

/// A time so much later, or the end of time.
pub(crate) fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(held: &i64) -> bool {
    *held == 0
}
