//! The tools against the real thing: HTTP and SMTP servers on loopback, real SQLite files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod email;
mod fetch;
mod guard;
mod notify;
mod receiver;
mod records;
mod smtp;
mod tls;
mod together;
mod webhook;
mod world;
