//! What things are, and what is allowed: the words of OmniHub as types.
//!
//! Pure: no clock, randomness, I/O or async. Parsing happens at the border into these types; whoever holds one may
//! trust it. How a goal advances is not here but in `saga`.

pub mod approval;
pub mod digest;
pub mod effect;
pub mod emergency;
pub mod goal;
pub mod id;
pub mod outcome;
pub mod plan;
pub mod playbook;
pub mod policy;
pub mod principal;
pub mod schema;
pub mod suggest;
pub mod tool;
