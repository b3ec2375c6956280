//! Runs sagas durably: the runner, and the embedded driver.
//!
//! The runner is the only caller of the machine: load, decide, append, then hand out what is owed. The driver chooses
//! when a goal is run; it never chooses what happens to it.
//!
//! Entry points: [`Engine`], [`Performer`].

mod accept;
mod config;
mod driver;
mod error;
mod floor;
mod notice;
mod performer;
mod runner;

pub use accept::{AcceptError, Accepted, NewGoal};
pub use config::EngineConfig;
pub use driver::{Engine, Health};
pub use error::Error;
pub use performer::Performer;
