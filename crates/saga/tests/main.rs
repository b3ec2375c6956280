//! The state machine judged from outside: every cell of situation × input as data, each fault at each place, and
//! seeded lives of whole goals against a small world and a model of a few lines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod behaviour;
mod design;
mod faults;
mod golden;
mod judge;
mod scene;
mod simulation;
mod text;
mod transitions;
mod world;
