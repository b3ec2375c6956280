//! Facts at rest: every goal's journal, what follows from it, and the evidence, in one SQLite file.
//!
//! One thread writes, in groups of requests that share a COMMIT; a few connections read. What a function answers is
//! durable. Laws: every read and write names its tenant, but for the driver's queues; evidence and the events that it
//! describes share a transaction; nothing damaged is ever repaired by guessing.
//!
//! Entry points: [`Store::open`], [`Store::append`], [`Store::load`], [`Store::post`].

mod append;
mod approvals;
mod backup;
mod check;
mod connection;
mod controls;
mod copier;
mod epoch;
mod erase;
mod error;
mod evidence;
mod fault;
mod figures;
mod gate;
mod goals;
mod idempotency;
mod inbox;
mod installation;
mod journal;
pub mod keys;
mod lock;
mod outbox;
mod page;
mod payloads;
mod readers;
mod schema;
mod shared;
mod space;
mod state;
mod store;
mod table;
mod tenants;
mod toolsets;
mod wal;
mod watch;
mod writer;

pub use append::{Append, AppendError, Appended, GoalRow, NewGoal, OPEN_GOALS_MAX};
pub use approvals::{Approval, ApprovalFilter};
pub use backup::{FileDigest, Manifest, Restored, back_up, restore};
pub use check::check_full;
pub use controls::SetControl;
pub use error::{Damage, Error};
pub use evidence::checkpoint::SignedCheckpoint;
pub use evidence::export::Export;
pub use evidence::list::EntryFilter;
pub use evidence::verify::{Unproven, Verified, VerifyOptions, verifier_key, verify};
pub use figures::Figures;
pub use gate::{Control, Gate};
pub use goals::list::{EventPage, GoalFilter, ListedGoal};
pub use goals::{Loaded, OpenGoal};
pub use idempotency::{Answer, RequestKey};
pub use inbox::{INBOX_MAX, PostError, Posted};
pub use outbox::{DueNotice, Notice};
pub use page::{Listed, Page};
pub use store::{Proof, RESERVE_MB_DEFAULT, Store, StoreConfig};
pub use tenants::Chain;

/// The name of the database in a data directory.
pub(crate) const DATABASE: &str = "omnihub.db";
