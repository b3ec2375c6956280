//! A small travel desk that shows the whole of OmniHub in one command: three goals, live, then the proof.
//!
//! It does what anyone else would do: a server of its own (a child process of this very binary on free ports), reached
//! over HTTP with tokens; a database, playbooks and two services beside it. It fails if anything is not as promised.

pub(crate) mod desk;
pub(crate) mod server;
pub(crate) mod services;
pub(crate) mod story;
pub(crate) mod verdict;
