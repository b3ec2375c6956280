//! The rows that a group writes, a list a column, so that each table is one statement.

mod tables;

use std::collections::HashSet;

use domain::id::{GoalId, TenantId};
use jiff::Timestamp;
use tokio_postgres::{Row, Statement};

use self::tables::{
    Answers, CREATE, Created, IDEMPOTENCY, JOURNAL, Journal, PAYLOADS, Payloads, STAND, Standing,
    when,
};
use super::Toolsets;
use crate::append::GoalRow;
use crate::approvals::follow::Change;
use crate::error::Error;
use crate::evidence::Sealed;
use crate::fault;
use crate::idempotency::{Answer, RequestKey};
use crate::postgres::approvals::{CLOSE, Closes};
use crate::postgres::connection::Connection;
use crate::postgres::evidence;
use crate::postgres::lead::QUEUE;
use crate::shared::Queues;

const HEARD: &str =
    "DELETE FROM omnihub.inbox USING unnest($1::bigint[], $2::bigint[]) AS heard(goal, id)
    WHERE inbox.goal = heard.goal AND inbox.goal = ANY($1) AND inbox.id <= heard.id";
const OUTBOX: &str = "INSERT INTO omnihub.outbox (tenant, kind, body, at, attempts, due_at)
    SELECT $1, kind, body, $4, 0, $4 FROM unnest($2::text[], $3::bytea[]) AS new(kind, body)";

/// The rows of one group.
#[derive(Default)]
pub(super) struct Rows {
    created: Created,
    standing: Standing,
    journal: Journal,
    payloads: Payloads,
    heard: (Vec<i64>, Vec<i64>),
    audit: evidence::Rows,
    outbox: (Vec<String>, Vec<Vec<u8>>),
    answers: Answers,
    written_at: i64,
    /// Sets that goals pin.
    pub(super) toolsets: Toolsets,
    /// How the approvals of goals change.
    pub(super) approvals: Vec<(i64, Change)>,
    /// What watchers are told.
    pub(super) news: Vec<(TenantId, GoalId, u64)>,
    /// Goals that whoever drives has to look at again.
    pub(super) wakes: Vec<GoalId>,
}

/// The goals that whoever drives is to be told of, and whether each was accepted before.
#[derive(Default)]
pub(super) struct Queued<'a> {
    goals: Vec<&'a str>,
    accepted: Vec<bool>,
}

impl Rows {
    /// A new goal, which [`Rows::stand`] then moves to where it stands.
    pub(super) fn create(&mut self, id: i64, (goal, owner): (&GoalId, &str), created_at: i64) {
        self.created.ids.push(id);
        self.created.goals.push(goal.as_str().to_owned());
        self.created.owners.push(owner.to_owned());
        self.created.created_at.push(created_at);
    }

    /// Where a goal stands now. `starts`: this process begins effects of it.
    pub(super) fn stand(
        &mut self,
        id: i64,
        row: &GoalRow,
        (at, finished_at): (i64, Option<i64>),
        (sequence, starts): (i64, bool),
    ) {
        let standing = &mut self.standing;
        standing.ids.push(id);
        standing.statuses.push(row.status.as_str());
        standing.reasons.push(row.reason.clone());
        standing.updated_at.push(at);
        standing.finished_at.push(finished_at);
        let wake_at = row.wake_at.map(|wake| wake.as_microsecond());
        standing.wake_at.push(wake_at);
        standing.sequences.push(sequence);
        standing.starts.push(starts);
    }

    /// The events of one append, and the values that they name.
    pub(super) fn append(
        &mut self,
        (goal, first): (i64, i64),
        events: Vec<u8>,
        bodies: Option<Vec<u8>>,
        now: Timestamp,
    ) {
        self.written_at = now.as_microsecond();
        self.journal.goals.push(goal);
        self.journal.firsts.push(first);
        self.journal.payloads.push(bodies.is_some());
        self.journal.events.push(events);
        if let Some(bodies) = bodies {
            self.payloads.goals.push(goal);
            self.payloads.firsts.push(first);
            self.payloads.bodies.push(bodies);
        }
    }

    /// The wishes of a goal up to one were read.
    pub(super) fn heard(&mut self, goal: i64, read: i64) {
        self.heard.0.push(goal);
        self.heard.1.push(read);
    }

    /// The answer that a request key gets from now on.
    pub(super) fn answer(&mut self, goal: i64, key: &RequestKey, answer: &Answer) {
        let answers = &mut self.answers;
        answers.principals.push(key.principal.as_str().to_owned());
        answers.routes.push(key.route.clone());
        answers.names.push(key.key.clone());
        answers.digests.push(answer.body.as_bytes().to_vec());
        answers.answers.push(answer.answer.clone());
        answers.goals.push(goal);
    }

    /// Evidence.
    pub(super) fn seal(&mut self, id: i64, sealed: Sealed) {
        self.audit.push(id, sealed);
    }

    /// What people outside are to be told: kinds, and what there is to say.
    pub(super) fn notify(&mut self, notices: Vec<(String, Vec<u8>)>) {
        self.outbox.extend(notices);
    }

    /// The goals that whoever drives is to be told of.
    pub(super) fn queued(&self, queues: Queues) -> Queued<'_> {
        let new = self.created.goals.iter().map(|goal| (goal.as_str(), false));
        let wakes = self.wakes.iter().map(|goal| (goal.as_str(), true));
        let (goals, accepted) = match queues {
            Queues::Nothing => return Queued::default(),
            Queues::Accepted => new.chain(wakes).unzip(),
            Queues::Everything => {
                let new: HashSet<&str> = new.map(|(goal, _)| goal).collect();
                let all = self.news.iter().map(|(_, goal, _)| goal.as_str());
                all.map(|goal| (goal, !new.contains(goal))).unzip()
            }
        };
        Queued { goals, accepted }
    }

    /// Whether anybody outside is to be told.
    pub(super) fn has_notices(&self) -> bool {
        !self.outbox.0.is_empty()
    }

    /// Prepares what [`Rows::write`] takes.
    pub(super) async fn prepare(conn: &Connection) -> Result<[Statement; 10], Error> {
        conn.prepare([
            CREATE,
            STAND,
            JOURNAL,
            PAYLOADS,
            HEARD,
            evidence::INSERT,
            OUTBOX,
            IDEMPOTENCY,
            QUEUE,
            CLOSE,
        ])
        .await
    }

    /// Writes everything but the sets of tools, in one round trip, and returns the queue's rows. `queued`: the goals that
    /// whoever drives is to be told of, and for how many seconds others are not; `closes`: the goals whose approvals are
    /// closed, and when; `holder`: who writes.
    pub(super) async fn write(
        &self,
        conn: &Connection,
        statements: &[Statement; 10],
        (tenant, holder): (&str, &str),
        ((queued, lease), closes): ((&Queued<'_>, Option<f64>), &Closes),
    ) -> Result<Vec<Row>, Error> {
        let [
            create,
            stand,
            journal,
            payloads,
            heard,
            audit,
            outbox,
            answers,
            queue,
            close,
        ] = statements;
        fault::hit("append.journal");
        let (_, _, _, _, _, _, _, _, rows, _) = tokio::try_join!(
            biased;
            self.created.write(conn, create, tenant),
            self.standing.write(conn, stand, (tenant, holder)),
            self.journal.write(conn, journal, (tenant, self.written_at)),
            self.payloads.write(conn, payloads, tenant),
            when(!self.heard.0.is_empty(), async {
                conn.execute(heard, [&self.heard.0, &self.heard.1]).await
            }),
            self.audit.write(conn, audit, tenant),
            when(self.has_notices(), async {
                let (kinds, bodies) = &self.outbox;
                conn.execute(outbox, [&tenant, kinds, bodies, &self.written_at])
                    .await
            }),
            self.answers.write(conn, answers, tenant),
            when(!queued.is_empty(), async {
                let Queued { goals, accepted } = queued;
                conn.query(queue, [&tenant, goals, accepted, &lease]).await
            }),
            when(!closes.0.is_empty(), async {
                let (goals, ends) = closes;
                conn.execute(close, [&tenant, goals, ends]).await
            }),
        )?;
        Ok(rows)
    }
}

impl Queued<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.goals.is_empty()
    }
}
