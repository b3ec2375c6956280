//! What crosses a process boundary: wire types, error codes, strict reading of JSON, and the client.
//!
//! Pure but for the client, which stands behind the feature `client`. A wire type is no journal type (DESIGN law 10):
//! fields are added, never repurposed. What is served where stands in `orchestrator::router` and in `openapi.json`.

pub mod approvals;
pub mod audit;
#[cfg(feature = "client")]
pub mod client;
pub mod code;
pub mod emergency;
pub mod events;
pub mod goals;
pub mod health;
pub mod list;
pub mod plans;
pub mod playbooks;
pub mod problem;
mod schema;
pub mod steps;
pub mod strict;
pub mod tools;
