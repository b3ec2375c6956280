//! Facts at rest: every goal's journal, what follows from it, and the evidence, in one SQLite file or in Postgres.
//!
//! What a function answers is durable. Laws: every read and write names its tenant, but for the driver's queues; evidence
//! and the events that it describes share a transaction; nothing damaged is ever repaired by guessing.
//!
//! Entry points: [`Store::open`], [`Store::connect`], [`Store::append`], [`Store::load`], [`Store::post`].

mod append;
mod approvals;
mod chain;
mod controls;
mod ending;
mod erase;
mod error;
mod evidence;
mod fault;
mod figures;
mod gate;
mod goals;
mod hints;
mod idempotency;
mod inbox;
mod installation;
mod journal;
pub mod keys;
mod lead;
mod location;
mod lock;
mod moving;
mod numbers;
mod outbox;
mod page;
mod payloads;
mod postgres;
mod shared;
mod sqlite;
mod store;
mod tls;
mod toolsets;
mod watch;

pub use append::{Append, AppendError, Appended, GoalRow, NewGoal, OPEN_GOALS_MAX};
pub use approvals::{Approval, ApprovalFilter};
pub use chain::Chain;
pub use controls::SetControl;
pub use error::{Damage, Error};
pub use evidence::checkpoint::SignedCheckpoint;
pub use evidence::export::Export;
pub use evidence::list::EntryFilter;
pub use evidence::verify::{Unproven, Verified, VerifyOptions};
pub use figures::Figures;
pub use gate::{Control, Gate};
pub use goals::list::{EventPage, GoalFilter, ListedGoal};
pub use goals::{Loaded, OpenGoal, Standing};
pub use hints::{HintState, RedisConfig};
pub use idempotency::{Answer, RequestKey};
pub use inbox::{INBOX_MAX, PostError, Posted};
pub use lead::{Lead, Queued};
pub use location::Location;
pub use moving::{Moved, move_to_postgres};
pub use outbox::{DueNotice, Notice};
pub use page::{Listed, Page};
pub use postgres::{PostgresConfig, check_postgres, verifier_key_postgres, verify_postgres};
pub use sqlite::{
    FileDigest, Manifest, Restored, back_up, check_full, restore, verifier_key, verify,
};
pub use store::{Proof, RESERVE_MB_DEFAULT, Store, StoreConfig};
