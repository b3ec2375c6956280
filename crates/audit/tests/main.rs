//! Tests of the evidence through its public surface: golden files, published vectors, properties, and a tamper sweep.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod checkpoint;
mod entry;
mod fixture;
mod tamper;
mod tree;
mod verify;
