//! The servers as tests, proofs and benchmarks meet them: started, killed, started again, and run beside a command.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod command;
mod leftovers;
mod postgres;
mod redis;
mod talk;
mod temporal;
