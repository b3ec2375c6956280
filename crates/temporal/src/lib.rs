//! The Temporal driver: goals driven by a workflow each, in whichever worker Temporal finds.
//!
//! The journal in the store is the truth. The workflow is a thin loop that says when the next stretch is due; the machine
//! decides inside the activity that appends, so it may change between releases without breaking open goals. Temporal is
//! told ids, and nothing of what goals are about.
//!
//! Law: everything generic of the SDK is compiled here. What this crate hands out is boxed, so that nobody who uses it
//! compiles the SDK's futures again, which takes minutes.
//!
//! Entry points: [`Temporal`], [`Config`].

mod activities;
mod attributes;
mod codec;
mod config;
mod connection;
mod error;
mod inspect;
mod starts;
mod worker;
mod workflow;

pub use config::{Certificate, Config, Tls};
pub use connection::Temporal;
pub use error::Error;
pub use inspect::{Workflow, replay};
pub use worker::Worker;
