//! Idempotency keys: the answer of each accepted request, kept in the accepting transaction as long as its goal.

use domain::digest::Digest;
use domain::id::{Subject, TenantId};

use crate::error::Error;
use crate::store::{Store, either};

/// Which request a key belongs to, within its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Who sent it.
    pub principal: Subject,
    /// Where to, such as `POST /api/v1/goals`.
    pub route: String,
    /// The header `Idempotency-Key`.
    pub key: String,
}

/// An answer that is kept, or to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The keyed digest of the request's canonical body.
    pub body: Digest,
    /// What was answered.
    pub answer: Vec<u8>,
}

impl Store {
    /// Reads the answer that a request key was given; `None`: none yet.
    ///
    /// # Errors
    /// [`Error::Damaged`] where its row is not what was written.
    pub async fn answer(
        &self,
        tenant: &TenantId,
        key: &RequestKey,
    ) -> Result<Option<Answer>, Error> {
        either!(self, store => store.answer(tenant, key).await)
    }
}
