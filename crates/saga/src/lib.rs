//! How one goal advances: the state machine.
//!
//! `decide` turns an input into events, `apply` turns events into state, `pending` says what the world owes the goal.
//! Pure: time, ids and jitter are inputs; only events change state; recovery is `apply` from the first event on.
//!
//! Entry points: [`Saga`], [`Input`], [`Event`].

pub mod effect;
pub mod event;
pub mod evidence;
pub mod input;
pub mod machine;
pub mod moment;
pub mod payload;
mod retry;
pub mod step;
mod unwind;

pub use effect::Effect;
pub use event::{Event, EventKind};
pub use input::{Input, Refusal};
pub use machine::Saga;
pub use moment::Moment;
pub use payload::{Payload, PinnedTools};
