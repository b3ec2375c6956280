//! Runs sagas durably: the runner, the embedded driver, and the port by which others drive.
//!
//! The runner is the only caller of the machine: load, decide, append, then hand out what is owed. The driver chooses
//! when a goal is run; it never chooses what happens to it.
//!
//! Entry points: [`Engine`], [`Performer`], [`Port`].

mod accept;
mod config;
mod driver;
mod error;
mod floor;
mod notice;
mod performer;
mod port;
mod runner;

pub use accept::{AcceptError, Accepted, NewGoal};
pub use config::EngineConfig;
pub use driver::{Engine, Health, Next, Stretched};
pub use error::Error;
pub use performer::Performer;
pub use port::{NotTold, Port, Told};
