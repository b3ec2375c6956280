//! The outbox: what people outside are to be told, written with what they are told of and sent later.

use domain::id::TenantId;
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Damage, Error};
use crate::store::{Store, either};

/// Something that people outside are to be told; ids and codes, no payloads.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What it is about, such as `approval.asked`.
    pub kind: String,
    /// What there is to say.
    pub data: Value,
}

/// A notice that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct DueNotice {
    /// Its number.
    pub id: u64,
    /// Whose it is.
    pub tenant: TenantId,
    /// What there is to say.
    pub notice: Notice,
    /// When it was written.
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
}

impl Store {
    /// Lists notices of all tenants that are due, oldest first, for whoever sends them.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn due_notices(&self, now: Timestamp, limit: u32) -> Result<Vec<DueNotice>, Error> {
        either!(self, store => store.due_notices(now, limit).await)
    }

    /// When the earliest notice is due; `None`: there is none.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn next_notice(&self) -> Result<Option<Timestamp>, Error> {
        either!(self, store => store.next_notice().await)
    }

    /// Takes a notice out of the outbox: it was sent, or nobody will try again.
    ///
    /// # Errors
    /// [`Error`] where it could not be written.
    pub async fn notice_done(&self, tenant: &TenantId, id: u64) -> Result<(), Error> {
        either!(self, store => store.notice_done(tenant, id).await)
    }

    /// Puts off a notice that could not be sent.
    ///
    /// # Errors
    /// [`Error`] where it could not be written.
    pub async fn notice_later(
        &self,
        tenant: &TenantId,
        id: u64,
        due: Timestamp,
    ) -> Result<(), Error> {
        either!(self, store => store.notice_later(tenant, id, due).await)
    }

    /// Changes whenever notices are written.
    pub fn watch_notices(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared().notices.subscribe()
    }
}

/// Writes what a notice says as it is stored.
pub(crate) fn encode(notice: &Notice) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(&notice.data).map_err(|_| Error::Unwritable("a notice"))
}

/// Reads what a notice says as it is stored in the row of that number.
pub(crate) fn decode(id: i64, kind: String, body: &[u8]) -> Result<Notice, Error> {
    let data = serde_json::from_slice(body);
    let data = data.map_err(|error| Damage::row("outbox", id, error.to_string()))?;
    Ok(Notice { kind, data })
}
