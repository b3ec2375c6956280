//! Restoring: a store made from a backup, which knows nothing of what came after it.
//!
//! Effects that began after the backup are in the world and not in the store. So a restored store holds every tenant,
//! durably and before anything can run; a person looks at what happened since and lifts the hold. What the journal says
//! was begun and not ended is then treated as after any crash.

use std::path::Path;

use audit::{Action, Draft};
use domain::id::Subject;

use super::{Folder, copy_folders};
use crate::chain::Chain;
use crate::error::Error;
use crate::keys::sync_dir;
use crate::sqlite::backup::manifest::Manifest;
use crate::sqlite::check::check_full;
use crate::sqlite::evidence::{verify, write_drafts};
use crate::sqlite::writer::Writing;
use crate::sqlite::{DATABASE, Sqlite, controls, epoch};
use crate::store::StoreConfig;

/// A store that was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What it was restored from.
    pub manifest: Manifest,
    /// The epoch that began.
    pub epoch: u64,
    /// Tenants that are held.
    pub tenants: u64,
}

/// Makes a data directory from a backup. Every tenant in it is on hold, under a new epoch, and evidence says so. Blocks for
/// as long as the files take.
///
/// # Errors
/// [`Error::Exists`] where the data directory holds anything; [`Error::Backup`] where a file of the backup is not what
/// was written, [`Error::Damaged`] where the store in it is not. Nothing is left behind then.
pub fn restore(backup: &Path, dir: &Path, by: &Subject) -> Result<Restored, Error> {
    let manifest = Manifest::read(backup)?;
    let draft = Folder::begin(dir)?;
    let path = draft.path();
    copy_folders(backup, path)?;
    let copied = std::fs::copy(backup.join(DATABASE), path.join(DATABASE));
    copied.map_err(Error::file("copy", backup.join(DATABASE)))?;
    super::restrict(&path.join(DATABASE))?;
    sync_dir(path)?;
    if let Some(damage) = check_full(path)?.into_iter().next() {
        return Err(damage.into());
    }
    let store = Sqlite::open_to_restore(StoreConfig::new(path))?;
    let (by, of) = (by.clone(), manifest.clone());
    let begun = store.write_blocking(move |writing| begin(writing, &by, &of));
    let (epoch, tenants) = begun?;
    drop(store);
    draft.keep()?;
    Ok(Restored {
        manifest,
        epoch,
        tenants,
    })
}

/// Begins the new epoch with every tenant held, in one transaction.
fn begin(
    writing: &mut Writing<'_>,
    by: &Subject,
    manifest: &Manifest,
) -> Result<(u64, u64), Error> {
    let cause = format!("restored from the backup of {}", manifest.taken_at);
    let number = epoch::begin(writing.conn, writing.now.as_microsecond(), &cause)?;
    let number = u64::try_from(number).unwrap_or(0);
    let draft = || {
        Draft::new(
            Action::STORE_RESTORED,
            by.as_str(),
            "store",
            manifest.installation.as_str(),
        )
        .with("epoch", number)
        .with("backup_taken_at", manifest.taken_at.to_string())
    };
    write_drafts(writing, Chain::Installation, vec![draft()])?;
    let mut tenants = Vec::new();
    for (_, chain) in verify::chains(writing.conn)? {
        if let Chain::Tenant(tenant) = &chain {
            tenants.push(tenant.clone());
            write_drafts(writing, chain, vec![draft()])?;
        }
    }
    let held = tenants.len() as u64;
    controls::hold(writing, tenants, &cause, by)?;
    Ok((number, held))
}
