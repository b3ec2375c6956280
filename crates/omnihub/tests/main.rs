//! The binary as people and programs meet it: command lines, exit codes, real servers as child processes, and a database,
//! settings and playbooks that are somebody else's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod backup;
mod command_line;
mod demo;
mod evidence;
mod goals;
mod logs;
mod notices;
mod postgres;
mod prove;
mod readme;
mod receiver;
mod redis;
mod settings;
mod shop;
mod starting;
mod stopping;
#[cfg(feature = "temporal")]
mod temporal;
mod world;
