//! Tests of the store from outside: one binary, a module for each subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "tests"
)]

mod appending;
mod approving;
mod backup;
mod child;
mod controlling;
mod crash;
mod damage;
mod disk;
mod evidence;
mod founding;
mod golden;
mod guarding;
mod hinting;
mod leading;
mod limiting;
mod listing;
mod load;
mod moving;
mod opening;
mod outages;
mod outbox;
mod place;
mod planning;
mod posting;
mod power;
mod proxy;
mod reaching;
mod replacing;
mod restoring;
mod sealing;
mod sharing;
mod tampering;
mod upgrading;
mod world;
