//! Idempotency keys in Postgres.

use domain::digest::Digest;
use domain::id::{Subject, TenantId};
use tokio_postgres::Row;

use super::Postgres;
use super::connection::As;
use crate::append::Prepared;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::idempotency::{Answer, RequestKey};

/// The answers that the keys of a tenant were given.
pub(super) const FIND: &str = "SELECT principal, route, name, digest, answer
    FROM unnest($2::text[], $3::text[], $4::text[]) AS asked(principal, route, name)
    JOIN omnihub.idempotency USING (principal, route, name) WHERE tenant = $1 AND name = ANY($4)";

/// Keys to be found, a list a column.
#[derive(Default)]
pub(super) struct Keys<'a> {
    pub(super) principals: Vec<&'a str>,
    pub(super) routes: Vec<&'a str>,
    pub(super) names: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    /// The keys of a group of requests.
    pub(super) fn of(group: &'a [Prepared]) -> Self {
        let mut keys = Self::default();
        for request in group {
            let new = request.append.created.as_ref();
            if let Some((key, _)) = new.and_then(|new| new.idempotency.as_ref()) {
                keys.push(key);
            }
        }
        keys
    }

    fn push(&mut self, key: &'a RequestKey) {
        self.principals.push(key.principal.as_str());
        self.routes.push(&key.route);
        self.names.push(&key.key);
    }
}

/// Reads an answer that [`FIND`] found.
pub(super) fn read(row: &Row) -> Result<(RequestKey, Answer), Error> {
    let damage = |what: &str| Damage::row("idempotency", "", format!("its {what} cannot be read"));
    let principal = Subject::try_from(row.try_get::<_, String>(0)?);
    let key = RequestKey {
        principal: principal.map_err(|_| damage("principal"))?,
        route: row.try_get(1)?,
        key: row.try_get(2)?,
    };
    let body: Vec<u8> = row.try_get(3)?;
    let body = body.try_into().map_err(|_| damage("digest"))?;
    let answer = Answer {
        body: Digest::from_bytes(body),
        answer: row.try_get(4)?,
    };
    Ok((key, answer))
}

impl Postgres {
    pub(crate) async fn answer(
        &self,
        tenant: &TenantId,
        key: &RequestKey,
    ) -> Result<Option<Answer>, Error> {
        let chain = Chain::Tenant(tenant.clone());
        let mut keys = Keys::default();
        keys.push(key);
        let rows = self
            .read_one(
                As::Chain(&chain),
                FIND,
                [
                    &tenant.as_str(),
                    &keys.principals,
                    &keys.routes,
                    &keys.names,
                ],
            )
            .await?;
        let found = rows.first().map(read).transpose()?;
        Ok(found.map(|(_, answer)| answer))
    }
}
