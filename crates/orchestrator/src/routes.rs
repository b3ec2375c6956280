//! Handlers, a file a noun: they take requests apart and put answers together; what is done stands beside them.

pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod emergency;
pub(crate) mod events;
pub(crate) mod goals;
pub(crate) mod health;
pub(crate) mod openapi;
pub(crate) mod plans;
pub(crate) mod playbooks;
pub(crate) mod steps;
pub(crate) mod tools;
