//! The store: facts at rest in SQLite or in Postgres, behind one interface.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::digest::{GoalKey, InstallationSecret};
use domain::id::{GoalId, TenantId};
use tokio::sync::watch;

use crate::error::Error;
use crate::evidence::checkpoint::Untold;
use crate::postgres::{Postgres, PostgresConfig};
use crate::shared::Shared;
use crate::sqlite::Sqlite;

/// Free space below which nothing new begins, in MiB (CONTRACT §6).
pub const RESERVE_MB_DEFAULT: u64 = 64;

/// How a store on SQLite is opened.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The data directory; it is made where it is missing.
    pub dir: PathBuf,
    /// Free space below which nothing new begins, in MiB.
    pub reserve_mb: u64,
    /// Guarantees to be broken on purpose; none but in proofs.
    pub proof: Proof,
}

/// Guarantees to be broken on purpose, to prove that their proofs notice. Refused unless the data directory holds the
/// file `prove-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proof {
    /// Answers before the COMMIT.
    pub sabotage_journal: bool,
    /// Commits without syncing (`synchronous=OFF`).
    pub no_sync: bool,
    /// Copies the log into the database after so many pages, for proofs that are to meet it soon.
    pub log_pages: Option<u32>,
}

impl StoreConfig {
    /// Opens a data directory as it is meant to be.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            reserve_mb: RESERVE_MB_DEFAULT,
            proof: Proof::default(),
        }
    }
}

/// Facts at rest. Clones are the same store; dropping the last one ends what it runs and lets its locks go.
#[derive(Clone)]
pub struct Store {
    pub(crate) kind: Kind,
    shared: Arc<Shared>,
    /// One checkpoint at a time, so that its file never goes back; those that nobody outside was told of yet.
    untold: Arc<tokio::sync::Mutex<Untold>>,
}

/// Where the facts are.
#[derive(Clone)]
pub(crate) enum Kind {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// Calls the same method of whichever store it is.
macro_rules! either {
    ($store:expr, $inner:ident => $call:expr) => {
        match &$store.kind {
            $crate::store::Kind::Sqlite($inner) => $call,
            $crate::store::Kind::Postgres($inner) => $call,
        }
    };
}
pub(crate) use either;

impl Store {
    /// Opens a store on SQLite, or founds it. Blocks for as long as the files take.
    ///
    /// # Errors
    /// [`Error`]: in use, newer, foreign, damaged (naming where), or not readable; nothing was changed then.
    pub fn open(config: StoreConfig) -> Result<Self, Error> {
        let sqlite = Sqlite::open(config)?;
        let shared = sqlite.shared();
        Ok(Self::of(Kind::Sqlite(sqlite), shared))
    }

    /// Opens a store on Postgres, or founds it.
    ///
    /// # Errors
    /// [`Error`]: not reachable, a privilege missing, newer, changed, or of other keys; nothing was changed then.
    pub async fn connect(config: PostgresConfig) -> Result<Self, Error> {
        let postgres = Postgres::connect(config).await?;
        let shared = postgres.shared();
        Ok(Self::of(Kind::Postgres(postgres), shared))
    }

    pub(crate) fn of(kind: Kind, shared: Arc<Shared>) -> Self {
        Self {
            kind,
            shared,
            untold: Arc::default(),
        }
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The installation's id.
    pub fn installation(&self) -> &str {
        &self.shared.installation.name
    }

    /// Which of its lives the store is in: 1 until it is restored from a backup.
    pub fn epoch(&self) -> u64 {
        u64::try_from(self.shared.installation.epoch).unwrap_or(0)
    }

    /// The secret from which all keyed digests of the installation are made.
    pub fn secret(&self) -> &InstallationSecret {
        &self.shared.installation.secret
    }

    /// The key of one goal's digests.
    pub fn goal_key(&self, tenant: &TenantId, goal: &GoalId) -> GoalKey {
        self.shared.installation.secret.goal_key(tenant, goal)
    }

    /// The public key of whoever signs this installation's checkpoints.
    pub fn verifier_key(&self) -> &audit::VerifierKey {
        self.shared.installation.signer.verifier_key()
    }

    /// Whether too little space is free for anything new.
    pub fn space_is_low(&self) -> bool {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.space_is_low(),
            // The space is the server's; it says so itself where it has none.
            Kind::Postgres(_) => false,
        }
    }

    /// Watches a goal without a look at it: the receiver holds 0 until a sequence is known.
    pub fn subscribe(&self, tenant: &TenantId, goal: &GoalId) -> watch::Receiver<u64> {
        self.shared.watchers.watch(tenant, goal)
    }

    /// Watches a goal: the receiver holds the sequence of its newest committed event, 0 while there is no such goal.
    ///
    /// # Errors
    /// [`Error::Damaged`] where the goal's row is not what was written.
    pub async fn watch(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<watch::Receiver<u64>, Error> {
        // Watched before it is read, so that nothing committed in between is missed.
        let receiver = self.subscribe(tenant, goal);
        let newest = either!(self, store => store.sequence(tenant, goal).await?);
        self.shared.watchers.tell_read(tenant, goal, newest);
        Ok(receiver)
    }

    /// What all parts of the store share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits until no other checkpoint is under way.
    pub(crate) async fn checkpointing(&self) -> tokio::sync::MutexGuard<'_, Untold> {
        self.untold.lock().await
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dir", &self.shared.dir)
            .finish_non_exhaustive()
    }
}
