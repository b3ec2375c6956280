//! The append in Postgres: a group of requests of one tenant, each judged by itself, in one transaction.

use std::collections::HashMap;
use std::time::Instant;

use domain::digest::Digest;
use domain::id::{GoalId, Subject, TenantId};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::approvals::Closes;
use super::connection::{As, Connection};
use super::tenants::{self, Tenant};
use super::{Postgres, approvals, controls, goals, idempotency, lead, toolsets};
use crate::append::{AppendError, Appended, Prepared};
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::fault;
use crate::hints::Hint;
use crate::idempotency::{Answer, RequestKey};
use crate::outbox::{self, Notice};

mod rows;

use rows::Rows;

/// Locks the goals that a group writes to, so that no wish comes between.
const GOALS: &str = "SELECT id, goal, finished_at, sequence FROM omnihub.goals
    WHERE tenant = $1 AND goal = ANY($2) ORDER BY id FOR UPDATE";
/// The newest unread wish of each of them.
const UNREAD: &str =
    "SELECT id, (SELECT max(inbox.id) FROM omnihub.inbox WHERE inbox.goal = goals.id)
    FROM omnihub.goals WHERE tenant = $1 AND goal = ANY($2)";

/// What a group sees before it writes, all of it locked.
struct Seen {
    tenant: Tenant,
    goals: HashMap<GoalId, Standing>,
    /// The newest unread wish of each goal that has one.
    unread: HashMap<i64, i64>,
    answers: Vec<(RequestKey, Answer)>,
    /// The generation of the controls.
    gate: i64,
}

/// Where a goal stands.
#[derive(Clone, Copy)]
struct Standing {
    id: i64,
    finished_at: Option<i64>,
    sequence: i64,
}

impl Postgres {
    /// Writes a group; each request gets its own answer, in order. On an error nothing is known to be kept.
    pub(super) async fn write_group(
        &self,
        of: &TenantId,
        group: Vec<Prepared>,
    ) -> Result<Vec<Result<Appended, AppendError>>, Error> {
        let chain = Chain::Tenant(of.clone());
        let mut conn = self.connection().await?;
        fault::hit("begin");
        let seen = match see(&mut conn, &chain, &group).await? {
            Some(seen) => seen,
            None => {
                conn.roll_back().await?;
                tenants::create(&mut conn, &chain).await?;
                let seen = see(&mut conn, &chain, &group).await?;
                seen.ok_or_else(|| Damage::row("tenants", &chain, "it is missing"))?
            }
        };
        let now = Timestamp::now();
        let mut judge = Judge {
            seen,
            rows: Rows::default(),
            now,
        };
        let requests = group.len();
        let results: Vec<_> = group
            .into_iter()
            .map(|request| judge.judge(request))
            .collect();
        let Judge { seen, rows, .. } = judge;
        if results.iter().any(Result::is_ok) {
            self.keep(conn, of, (seen.tenant, &rows), requests).await?;
        } else {
            conn.roll_back().await?;
        }
        if results
            .iter()
            .any(|result| matches!(result, Err(AppendError::Gate)))
        {
            // Whoever looks again sees what made the difference. What was answered stands where they cannot be read; the
            // poll looks again.
            drop(controls::refresh(self).await);
        }
        Ok(results)
    }

    /// Writes and commits what was judged, and lets everybody see it.
    async fn keep(
        &self,
        conn: Connection,
        of: &TenantId,
        (mut tenant, rows): (Tenant, &Rows),
        requests: usize,
    ) -> Result<(), Error> {
        toolsets::store(self, &conn, &rows.toolsets).await?;
        let queued = rows.queued(self.inner.shared.queues());
        // Few groups change approvals but for closing those of goals that end.
        let closes = match approvals::closes(&rows.approvals) {
            Some(closes) => closes,
            None => {
                approvals::follow(&conn, (of.as_str(), &mut tenant), &rows.approvals).await?;
                Closes::default()
            }
        };
        let write = Rows::prepare(&conn).await?;
        let [save] = conn.prepare([tenants::SAVE]).await?;
        let lease = self.queue_lease();
        let queues = (&queued, lease);
        let (rows_queued, ()) = tokio::try_join!(
            biased;
            rows.write(&conn, &write, (of.as_str(), self.holder()), (queues, &closes)),
            tenant.save(&conn, &save)
        )?;
        let kept = lead::kept(&rows_queued, lease)?;
        fault::hit("commit");
        let start = Instant::now();
        // On its own, so that what was not there to be written is noticed before anything stays.
        conn.commit().await?;
        let shared = &self.inner.shared;
        shared.counters.count(requests, start.elapsed());
        toolsets::stored(self, &rows.toolsets);
        shared.watchers.tell(&rows.news);
        if rows.has_notices() {
            shared.notices.send_modify(|count| *count += 1);
        }
        if !queued.is_empty() {
            shared.queued(kept);
        }
        if let Some(hints) = self.hints() {
            let also = (!queued.is_empty(), rows.has_notices());
            hints.say(Hint::committed(&rows.news, also));
        }
        fault::hit("committed");
        Ok(())
    }
}

/// Locks and reads what a group is judged by; `None`: the tenant has no row yet.
async fn see(
    conn: &mut Connection,
    chain: &Chain,
    group: &[Prepared],
) -> Result<Option<Seen>, Error> {
    let setup = conn.transaction().await?;
    let [gate_lock, gate, lock, goals, unread, answers] = conn
        .prepare([
            controls::SHARE,
            controls::GENERATION,
            tenants::LOCK,
            GOALS,
            UNREAD,
            idempotency::FIND,
        ])
        .await?;
    let name = chain.as_str();
    let names: Vec<&str> = group
        .iter()
        .map(|request| request.append.goal.as_str())
        .collect();
    let keys = idempotency::Keys::of(group);
    // Each statement sees what was committed when it began: the locks come before what they guard.
    let (_, _, generation, tenant, goals, unread, answers) = tokio::try_join!(
        biased;
        conn.begin(&setup, As::Chain(chain)),
        conn.query(&gate_lock, []),
        conn.query(&gate, []),
        conn.query(&lock, [&name]),
        conn.query(&goals, [&name, &names]),
        conn.query(&unread, [&name, &names]),
        conn.query(
            &answers,
            [&name, &keys.principals, &keys.routes, &keys.names]
        )
    )?;
    let Some(tenant) = Tenant::read(&tenant)? else {
        return Ok(None);
    };
    Ok(Some(Seen {
        tenant,
        goals: goals.iter().map(standing).collect::<Result<_, _>>()?,
        unread: unread
            .iter()
            .filter_map(|row| unread_of(row).transpose())
            .collect::<Result<_, Error>>()?,
        answers: answers
            .iter()
            .map(idempotency::read)
            .collect::<Result<_, _>>()?,
        gate: controls::generation(&generation)?,
    }))
}

/// The newest unread wish of a goal that has one.
fn unread_of(row: &Row) -> Result<Option<(i64, i64)>, Error> {
    let newest: Option<i64> = row.try_get(1)?;
    let goal = row.try_get(0)?;
    Ok(newest.map(|newest| (goal, newest)))
}

fn standing(row: &Row) -> Result<(GoalId, Standing), Error> {
    let id = row.try_get(0)?;
    let standing = Standing {
        id,
        finished_at: row.try_get(2)?,
        sequence: row.try_get(3)?,
    };
    Ok((goals::name(id, row.try_get(1)?)?, standing))
}

/// Judges the requests of a group one after the other, and collects what is to be written.
struct Judge {
    seen: Seen,
    rows: Rows,
    now: Timestamp,
}

impl Judge {
    fn judge(&mut self, mut request: Prepared) -> Result<Appended, AppendError> {
        let created = request.append.created.take();
        let append = &request.append;
        if append.admits && i64::try_from(append.gate) != Ok(self.seen.gate) {
            return Err(AppendError::Gate);
        }
        match created {
            Some(new) => {
                let answer = new.idempotency;
                self.check_new(&request, answer.as_ref(), new.open_goals_max)?;
                let id = self.seen.tenant.last_goal + 1;
                self.take(request, id, Some((new.owner, answer)))
            }
            None => {
                let standing = self.seen.goals.get(&append.goal);
                let standing = *standing.ok_or(AppendError::NotFound)?;
                let sequence = u64::try_from(standing.sequence).unwrap_or(0);
                if sequence != append.expected {
                    return Err(AppendError::Conflict { sequence });
                }
                let read = i64::try_from(append.inbox_read).unwrap_or(i64::MAX);
                let unread = self.seen.unread.get(&standing.id).copied();
                if unread.is_some_and(|newest| newest > read) {
                    return Err(AppendError::Inbox);
                }
                let appended = self.take(request, standing.id, None)?;
                if unread.is_some() {
                    self.rows.heard(standing.id, read);
                }
                Ok(appended)
            }
        }
    }

    fn check_new(
        &self,
        request: &Prepared,
        answer: Option<&(RequestKey, Answer)>,
        open_goals_max: u64,
    ) -> Result<(), AppendError> {
        if request.append.expected != 0 {
            return Err(AppendError::Conflict { sequence: 0 });
        }
        if let Some((key, answer)) = answer {
            let mut kept = self.seen.answers.iter();
            if let Some((_, kept)) = kept.find(|(known, _)| known == key) {
                return Err(match kept.body == answer.body {
                    true => AppendError::Replay(kept.answer.clone()),
                    false => AppendError::KeyReused,
                });
            }
        }
        if self.seen.goals.contains_key(&request.append.goal) {
            return Err(AppendError::AlreadyStarted(request.append.goal.clone()));
        }
        let open = u64::try_from(self.seen.tenant.open_goals).unwrap_or(0);
        if open >= open_goals_max {
            return Err(AppendError::TooManyOpen(open));
        }
        Ok(())
    }

    /// Takes a request in, with its evidence; where that cannot be sealed nothing of it is taken.
    fn take(
        &mut self,
        request: Prepared,
        id: i64,
        created: Option<(Subject, Option<(RequestKey, Answer)>)>,
    ) -> Result<Appended, AppendError> {
        let notices = request.append.notices.iter().map(encode_notice);
        let notices: Vec<_> = notices.collect::<Result<_, _>>()?;
        let mut head = self.seen.tenant.head.clone();
        let Prepared {
            append,
            events,
            bodies,
            evidence,
            toolset,
            approvals,
            count,
            first_at,
            at,
            ..
        } = request;
        let sealed = match evidence.is_empty() {
            true => None,
            false => Some(evidence.seal(&mut head, self.now)?),
        };
        let tenant = &mut self.seen.tenant;
        tenant.head = head;
        let before = self.seen.goals.get(&append.goal).copied();
        let finished_at = append
            .row
            .status
            .is_end()
            .then(|| before.and_then(|goal| goal.finished_at).unwrap_or(at));
        let was_open = before.is_some_and(|goal| goal.finished_at.is_none());
        tenant.open_goals += i64::from(finished_at.is_none()) - i64::from(was_open);
        let sequence = append.expected + count;
        let numbered = |sequence: u64| i64::try_from(sequence).unwrap_or(i64::MAX);
        if let Some((owner, answer)) = created {
            tenant.last_goal = id;
            self.rows
                .create(id, (&append.goal, owner.as_str()), first_at);
            if let Some((key, answer)) = answer {
                self.rows.answer(id, &key, &answer);
                self.seen.answers.push((key, answer));
            }
        }
        self.rows.stand(
            id,
            &append.row,
            (at, finished_at),
            (numbered(sequence), append.starts),
        );
        let first = numbered(append.expected + 1);
        self.rows.append((id, first), events, bodies, self.now);
        if let Some(sealed) = sealed {
            self.rows.seal(tenant.rows().at(sealed.first), sealed);
        }
        self.rows.toolsets.extend(toolset);
        self.rows
            .approvals
            .extend(approvals.into_iter().map(|change| (id, change)));
        self.rows.notify(notices);
        let standing = Standing {
            id,
            finished_at,
            sequence: numbered(sequence),
        };
        self.seen.goals.insert(append.goal.clone(), standing);
        if append.wakes {
            self.rows.wakes.push(append.goal.clone());
        }
        self.rows.news.push((append.tenant, append.goal, sequence));
        Ok(Appended {
            sequence,
            at: self.now,
        })
    }
}

fn encode_notice(notice: &Notice) -> Result<(String, Vec<u8>), Error> {
    Ok((notice.kind.clone(), outbox::encode(notice)?))
}

/// Sets of tools that are to be stored.
pub(super) type Toolsets = Vec<(Digest, std::sync::Arc<domain::tool::Toolset>)>;
