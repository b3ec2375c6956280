//! The store: how it is opened, and how work reaches the writer and the readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::digest::{GoalKey, InstallationSecret};
use domain::id::{GoalId, TenantId};
use tokio::sync::watch;

use crate::copier::{Copier, LOG_PAGES};
use crate::error::Error;
use crate::evidence::checkpoint::Untold;
use crate::installation::Installation;
use crate::lock::Lock;
use crate::readers::{Readers, Reading};
use crate::shared::Shared;
use crate::space::Space;
use crate::state::State;
use crate::writer::{Failure, Start, Writer, Writing};
use crate::{DATABASE, check, connection, goals, keys, schema};

/// Free space below which nothing new begins, in MiB (CONTRACT §6).
pub const RESERVE_MB_DEFAULT: u64 = 64;

/// The file without which no proof-only setting is taken.
const PROOF_MARKER: &str = "prove-run";

/// How a store is opened.
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

/// Facts at rest. Clones are the same store; dropping the last one waits for the writer and lets the lock go.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    writer: Arc<Writer>,
    /// One checkpoint at a time, so that its file never goes back; those that nobody outside was told of yet.
    untold: Arc<tokio::sync::Mutex<Untold>>,
}

impl Store {
    /// Opens a store, or founds it. Blocks for as long as the files take.
    ///
    /// # Errors
    /// [`Error`]: in use, newer, foreign, damaged (naming where), or not readable; nothing was changed then.
    pub fn open(config: StoreConfig) -> Result<Self, Error> {
        keys::create_dir(&config.dir)?;
        let lock = Lock::take(&config.dir)?;
        config.check_proof()?;
        let path = config.dir.join(DATABASE);
        connection::check(&path)?;
        // SQLite gives the files beside the database the database's permissions.
        keys::create_file(&path)?;
        for beside in ["db-wal", "db-shm"].map(|extension| path.with_extension(extension)) {
            if beside.exists() {
                keys::make_private(&beside, 0o600)?;
            }
        }
        let durable = !config.proof.no_sync;
        let mut conn = connection::open_writer(&path, durable)?;
        schema::migrate(&conn, &path)?;
        for folder in ["keys", "checkpoints"] {
            keys::create_private_dir(&config.dir.join(folder))?;
        }
        let installation = Installation::open(&conn, &config.dir)?;
        keys::sync_dir(&config.dir)?;
        check::quick(&conn, &config.dir)?;
        let state = State::read(&conn)?;
        let own = connection::open_writer(&path, durable)?;
        let copier = Copier::start(&mut conn, own, config.proof.log_pages.unwrap_or(LOG_PAGES))?;
        let space = Space::new(config.dir.clone(), config.reserve_mb);
        let gate = state.gate().clone();
        let shared = Arc::new(Shared::new(&config.dir, space.clone(), installation, gate));
        let readers = Arc::new(Readers::new(path, Arc::clone(&shared)));
        let sabotage = config.proof.sabotage_journal;
        let writer = Writer::start(Start {
            copier,
            conn,
            state,
            shared: Arc::clone(&shared),
            space,
            _lock: lock,
            sabotage,
        })?;
        Ok(Self {
            shared,
            readers,
            writer: Arc::new(writer),
            untold: Arc::default(),
        })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The installation's id.
    pub fn installation(&self) -> &str {
        &self.shared.installation.name
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
        let receiver = self.shared.watchers.watch(tenant, goal);
        let (of_tenant, of_goal) = (tenant.clone(), goal.clone());
        let found = self
            .read(move |reading| goals::find_by_name(reading.conn, &of_tenant, &of_goal))
            .await?;
        self.shared
            .watchers
            .tell_read(tenant, goal, found.map_or(0, |record| record.sequence));
        Ok(receiver)
    }

    /// Runs some work in the writer's next group.
    pub(crate) async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// The same on a thread that may block, outside any runtime.
    pub(crate) fn write_blocking<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    {
        self.writer.run_blocking(work)
    }

    /// Reads with one of the reading connections.
    pub(crate) async fn read<T, R>(&self, read: R) -> Result<T, Error>
    where
        T: Send + 'static,
        R: FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.readers.run(read).await
    }

    /// What readers and writer share.
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

impl StoreConfig {
    fn check_proof(&self) -> Result<(), Error> {
        let setting = match self.proof {
            Proof {
                sabotage_journal: true,
                ..
            } => "sabotage_journal",
            Proof { no_sync: true, .. } => "no_sync",
            Proof {
                log_pages: Some(_), ..
            } => "log_pages",
            Proof {
                log_pages: None, ..
            } => return Ok(()),
        };
        let marker = self.dir.join(PROOF_MARKER);
        if marker.is_file() {
            Ok(())
        } else {
            Err(Error::ProofOnly { setting, marker })
        }
    }
}
