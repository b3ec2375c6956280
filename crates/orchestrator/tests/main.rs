//! The service as its callers see it: in process with a real store and engine, and over real sockets.
#![allow(
    clippy::too_many_lines,
    reason = "tables of cases and snapshots are read, not followed"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod approvals;
mod client;
mod contract;
mod course;
mod emergency;
mod events;
mod evidence;
mod goals;
mod harness;
mod health;
mod http;
mod idempotency;
mod plans;
mod refused;
mod settle;
mod tokens;
mod undo;
mod visibility;
mod wishes;
