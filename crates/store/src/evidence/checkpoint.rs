//! Checkpoints: signed tree heads, in the database and as files beside it.
//!
//! The file holds the newest one and is replaced whole; whoever copies it elsewhere can prove a rewritten chain.

pub(crate) mod file;

use std::collections::BTreeMap;

use audit::ChainHead;

use super::Prepared;
use crate::chain::Chain;
use crate::error::Error;
use crate::installation::Installation;
use crate::store::{Store, either};

/// A chain's tree at one size, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Whose chain it is.
    pub chain: Chain,
    /// The number of entries.
    pub size: u64,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

/// The newest checkpoint of each chain that was signed and not yet handed out to be witnessed.
pub(crate) type Untold = BTreeMap<String, SignedCheckpoint>;

impl Store {
    /// Signs a chain as it is, in the database and in the folder `checkpoints`; the last one again where nothing was
    /// written since.
    ///
    /// # Errors
    /// [`Error`] where it could not be written.
    pub async fn checkpoint(&self, chain: &Chain) -> Result<SignedCheckpoint, Error> {
        let nothing = Prepared::new(chain.clone(), Vec::new())?;
        self.checkpoint_after(chain, nothing).await
    }

    /// The same after some evidence in the same transaction, so that the checkpoint covers exactly that.
    pub(super) async fn checkpoint_after(
        &self,
        chain: &Chain,
        evidence: Prepared,
    ) -> Result<SignedCheckpoint, Error> {
        let mut untold = self.checkpointing().await;
        let (signed, new) = either!(self, store => store.sign(chain, evidence).await?);
        let (store, checkpoint) = (self.clone(), signed.clone());
        let written =
            tokio::task::spawn_blocking(move || file::write(store.shared(), &checkpoint)).await;
        written.map_err(|_| Error::Closed)??;
        if new {
            untold.insert(chain.as_str().to_owned(), signed.clone());
        }
        Ok(signed)
    }

    /// Signs every chain that grew since its last checkpoint; returns the newest of each chain that was signed since the
    /// last call, also those that exports signed.
    ///
    /// # Errors
    /// [`Error`] where one could not be written.
    pub async fn checkpoint_due(&self) -> Result<Vec<SignedCheckpoint>, Error> {
        for chain in either!(self, store => store.chains_due().await?) {
            self.checkpoint(&chain).await?;
        }
        let untold = std::mem::take(&mut *self.checkpointing().await);
        Ok(untold.into_values().collect())
    }
}

/// Signs the end of a chain.
pub(crate) fn sign(
    installation: &Installation,
    chain: &Chain,
    head: &ChainHead,
) -> Result<String, Error> {
    let checkpoint = head.checkpoint(audit::origin(&installation.name, chain.as_str()));
    checkpoint
        .sign(&installation.signer)
        .map_err(|_| Error::Unwritable("a checkpoint"))
}
