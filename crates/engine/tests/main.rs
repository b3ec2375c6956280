//! Either driver on real stores and a real Temporal server, with tools that do as each test says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod ahead;
mod away;
mod cluster;
mod controls;
mod crash;
mod door;
mod histories;
mod lead;
mod life;
mod network;
mod place;
#[path = "../../store/tests/proxy.rs"]
#[allow(dead_code, unreachable_pub, reason = "the store's tests use the rest")]
mod proxy;
mod reaching;
mod room;
mod same;
mod shown;
mod workers;
mod workflow;
mod world;
