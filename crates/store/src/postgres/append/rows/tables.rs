//! The tables that a group writes, each a list a column.

use tokio_postgres::Statement;

use crate::error::Error;
use crate::journal::FORM;
use crate::postgres::connection::Connection;

pub(super) const CREATE: &str = "INSERT INTO omnihub.goals
    SELECT id, $1, goal, owner, created_at, '', NULL, created_at, NULL, NULL, 0, NULL, NULL
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[]) AS new(id, goal, owner, created_at)";
pub(super) const STAND: &str = "UPDATE omnihub.goals SET status = now.status, reason = now.reason, updated_at = now.updated_at,
    finished_at = now.finished_at, wake_at = now.wake_at, sequence = now.sequence,
    driver = CASE WHEN now.starts THEN $10 ELSE driver END
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::boolean[])
        AS now(id, status, reason, updated_at, finished_at, wake_at, sequence, starts)
    WHERE goals.id = now.id AND goals.id = ANY($2) AND goals.tenant = $1";
pub(super) const JOURNAL: &str = "INSERT INTO omnihub.journal
    SELECT goal, first_sequence, $1, payloads, $5, $6, events
    FROM unnest($2::bigint[], $3::bigint[], $4::boolean[], $7::bytea[]) AS new(goal, first_sequence, payloads, events)";
pub(super) const PAYLOADS: &str = "INSERT INTO omnihub.payloads
    SELECT goal, first_sequence, $1, bodies
    FROM unnest($2::bigint[], $3::bigint[], $4::bytea[]) AS new(goal, first_sequence, bodies)";
pub(super) const IDEMPOTENCY: &str = "INSERT INTO omnihub.idempotency
    SELECT $1, principal, route, name, digest, answer, goal
    FROM unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::bigint[])
        AS new(principal, route, name, digest, answer, goal)";

#[derive(Default)]
pub(super) struct Created {
    pub(super) ids: Vec<i64>,
    pub(super) goals: Vec<String>,
    pub(super) owners: Vec<String>,
    pub(super) created_at: Vec<i64>,
}

impl Created {
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statement: &Statement,
        tenant: &str,
    ) -> Result<u64, Error> {
        when(!self.ids.is_empty(), async {
            conn.execute(
                statement,
                [
                    &tenant,
                    &self.ids,
                    &self.goals,
                    &self.owners,
                    &self.created_at,
                ],
            )
            .await
        })
        .await
    }
}

#[derive(Default)]
pub(super) struct Standing {
    pub(super) ids: Vec<i64>,
    pub(super) statuses: Vec<&'static str>,
    pub(super) reasons: Vec<Option<String>>,
    pub(super) updated_at: Vec<i64>,
    pub(super) finished_at: Vec<Option<i64>>,
    pub(super) wake_at: Vec<Option<i64>>,
    pub(super) sequences: Vec<i64>,
    pub(super) starts: Vec<bool>,
}

impl Standing {
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statement: &Statement,
        (tenant, holder): (&str, &str),
    ) -> Result<u64, Error> {
        let written = conn.execute(
            statement,
            [
                &tenant,
                &self.ids,
                &self.statuses,
                &self.reasons,
                &self.updated_at,
                &self.finished_at,
                &self.wake_at,
                &self.sequences,
                &self.starts,
                &holder,
            ],
        );
        match written.await? {
            written if written == self.ids.len() as u64 => Ok(written),
            written => Err(Error::Lost(format!(
                "{written} goals of {} were there to be written",
                self.ids.len()
            ))),
        }
    }
}

#[derive(Default)]
pub(super) struct Journal {
    pub(super) goals: Vec<i64>,
    pub(super) firsts: Vec<i64>,
    pub(super) payloads: Vec<bool>,
    pub(super) events: Vec<Vec<u8>>,
}

impl Journal {
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statement: &Statement,
        (tenant, written_at): (&str, i64),
    ) -> Result<u64, Error> {
        conn.execute(
            statement,
            [
                &tenant,
                &self.goals,
                &self.firsts,
                &self.payloads,
                &written_at,
                &FORM,
                &self.events,
            ],
        )
        .await
    }
}

#[derive(Default)]
pub(super) struct Payloads {
    pub(super) goals: Vec<i64>,
    pub(super) firsts: Vec<i64>,
    pub(super) bodies: Vec<Vec<u8>>,
}

impl Payloads {
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statement: &Statement,
        tenant: &str,
    ) -> Result<u64, Error> {
        when(!self.goals.is_empty(), async {
            conn.execute(
                statement,
                [&tenant, &self.goals, &self.firsts, &self.bodies],
            )
            .await
        })
        .await
    }
}

#[derive(Default)]
pub(super) struct Answers {
    pub(super) principals: Vec<String>,
    pub(super) routes: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) digests: Vec<Vec<u8>>,
    pub(super) answers: Vec<Vec<u8>>,
    pub(super) goals: Vec<i64>,
}

impl Answers {
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statement: &Statement,
        tenant: &str,
    ) -> Result<u64, Error> {
        when(!self.goals.is_empty(), async {
            conn.execute(
                statement,
                [
                    &tenant,
                    &self.principals,
                    &self.routes,
                    &self.names,
                    &self.digests,
                    &self.answers,
                    &self.goals,
                ],
            )
            .await
        })
        .await
    }
}

/// Runs a statement only where it has something to write.
pub(super) async fn when<T: Default>(
    needed: bool,
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match needed {
        true => statement.await,
        false => Ok(T::default()),
    }
}
