//! Facts at rest in one SQLite file.
//!
//! One thread writes, in groups of requests that share a COMMIT; a few connections read.

mod append;
mod approvals;
pub(crate) mod backup;
mod check;
mod connection;
mod controls;
mod copier;
pub(crate) mod epoch;
mod erase;
mod evidence;
mod goals;
mod idempotency;
mod inbox;
mod installation;
mod journal;
pub(crate) mod moving;
mod outbox;
mod payloads;
mod readers;
mod schema;
mod space;
mod state;
mod table;
mod tenants;
mod toolsets;
mod wal;
mod writer;

use std::path::Path;
use std::sync::Arc;

use copier::{Copier, LOG_PAGES};
use moving::Seal;
use readers::{Readers, Reading};
use space::Space;
use state::State;
use writer::{Start, Writer, Writing};

use crate::error::{Error, Failure};
use crate::keys;
use crate::lock::Lock;
use crate::shared::Shared;
use crate::store::{Proof, StoreConfig};

pub use backup::{FileDigest, Manifest, Restored, back_up, restore};
pub use check::check_full;
pub use evidence::verify::{verifier_key, verify};

/// The name of the database in a data directory.
pub(crate) const DATABASE: &str = "omnihub.db";
/// The file without which no proof-only setting is taken.
const PROOF_MARKER: &str = "prove-run";

/// A store in a data directory. Clones are the same store; dropping the last one waits for the writer and lets the lock
/// go.
#[derive(Clone)]
pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    readers: Arc<Readers>,
    writer: Arc<Writer>,
    space: Space,
}

impl Sqlite {
    /// Opens a store, or founds it. Blocks for as long as the files take.
    pub(crate) fn open(config: StoreConfig) -> Result<Self, Error> {
        Self::open_with(config, |seal, dir| match seal {
            None => Ok(()),
            Some(seal) => Err(seal.moved(dir)),
        })
    }

    /// Opens a store to be moved: also one that was sealed for it, unless it has arrived.
    pub(crate) fn open_to_move(config: StoreConfig) -> Result<Self, Error> {
        Self::open_with(config, |seal, dir| match seal {
            Some(seal) if seal.arrived => Err(seal.moved(dir)),
            _ => Ok(()),
        })
    }

    /// Opens a store that a backup holds, of whatever that was taken: it is about to be put on hold.
    fn open_to_restore(config: StoreConfig) -> Result<Self, Error> {
        Self::open_with(config, |_, _| Ok(()))
    }

    fn open_with(
        config: StoreConfig,
        check: impl FnOnce(Option<Seal>, &Path) -> Result<(), Error>,
    ) -> Result<Self, Error> {
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
        check(moving::seal_of(&conn)?, &config.dir)?;
        for folder in ["keys", "checkpoints"] {
            keys::create_private_dir(&config.dir.join(folder))?;
        }
        let installation = installation::open(&conn, &config.dir)?;
        keys::sync_dir(&config.dir)?;
        check::quick(&conn, &config.dir)?;
        let state = State::read(&conn)?;
        let own = connection::open_writer(&path, durable)?;
        let copier = Copier::start(&mut conn, own, config.proof.log_pages.unwrap_or(LOG_PAGES))?;
        let space = Space::new(config.dir.clone(), config.reserve_mb);
        let gate = state.gate().clone();
        let shared = Arc::new(Shared::new(&config.dir, installation, gate));
        let readers = Arc::new(Readers::new(path, Arc::clone(&shared)));
        let sabotage = config.proof.sabotage_journal;
        let writer = Writer::start(Start {
            copier,
            conn,
            state,
            shared: Arc::clone(&shared),
            space: space.clone(),
            _lock: lock,
            sabotage,
        })?;
        Ok(Self {
            shared,
            readers,
            writer: Arc::new(writer),
            space,
        })
    }

    /// What readers and writer share with the rest of the store.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Whether free space has fallen below the reserve.
    pub(crate) fn space_is_low(&self) -> bool {
        self.space.is_low_now()
    }

    /// Runs some work in the writer's next group.
    async fn write<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    {
        self.writer.run(work).await
    }

    /// The same on a thread that may block, outside any runtime.
    fn write_blocking<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
        W: FnOnce(&mut Writing<'_>) -> Result<T, E> + Send + 'static,
    {
        self.writer.run_blocking(work)
    }

    /// Reads with one of the reading connections.
    async fn read<T, R>(&self, read: R) -> Result<T, Error>
    where
        T: Send + 'static,
        R: FnOnce(&Reading<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.readers.run(read).await
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
