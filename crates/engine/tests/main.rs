//! The embedded driver on a real store, with tools that do as each test says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod controls;
mod crash;
mod lead;
mod life;
mod place;
mod room;
mod world;
