//! The inbox: what people want of goals, durable before it is answered, until the machine has read it.

use domain::approval::{ApprovalStatus, Decision};
use domain::id::{GoalId, TenantId};
use rusqlite::Connection;
use saga::input::{Person, Wish};
use saga::{Input, Moment, Refusal};
use std::collections::HashMap;

use crate::error::{Damage, Error};
use crate::goals::{self, Loaded, Record, time};
use crate::store::Store;
use crate::table::{Table, blob, integer};
use crate::tenants;
use crate::writer::{Failure, Writing};
use crate::{approvals, fault};

/// The table of wishes.
pub(crate) const INBOX: Table = Table {
    name: "inbox",
    insert: "INSERT INTO inbox VALUES (?1, ?2, ?3, ?4, ?5)",
};

/// Wishes of one goal that may wait: a goal that reads none of them has a fault that more cannot mend.
pub const INBOX_MAX: usize = 100;

/// A wish that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// Its number in the inbox.
    pub id: u64,
    /// The goal's newest event when it was taken.
    pub sequence: u64,
}

/// Why a wish was not taken; nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum PostError<G> {
    /// There is no such goal in this tenant.
    #[error("there is no such goal")]
    NotFound,
    /// The caller's own condition did not hold.
    #[error("refused")]
    Guard(G),
    /// The machine refuses it.
    #[error(transparent)]
    Refused(Refusal),
    /// Too many wishes wait already.
    #[error("{INBOX_MAX} wishes wait for the goal already")]
    Full,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl<G: Send + 'static> Failure for PostError<G> {
    fn of_store(&self) -> Option<&Error> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl Store {
    /// Takes a wish into a goal's inbox, if the goal with all that waits in its inbox would grant it; durable when it
    /// returns. `guard` sees the goal first and may refuse for reasons of its own, such as who may wish.
    ///
    /// # Errors
    /// [`PostError`]; nothing was kept.
    ///
    /// # Cancel safety
    /// Once begun it is done, whether or not anybody waits for the answer.
    pub async fn post<G, F>(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        person: Person,
        guard: F,
    ) -> Result<Posted, PostError<G>>
    where
        G: Send + 'static,
        F: FnOnce(&Loaded) -> Result<(), G> + Send + 'static,
    {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.write(move |writing| {
            let record =
                goals::find_by_name(writing.conn, &tenant, &goal)?.ok_or(PostError::NotFound)?;
            let loaded = goals::load(writing.conn, writing.shared, &record)?;
            guard(&loaded).map_err(PostError::Guard)?;
            if loaded.inbox.len() >= INBOX_MAX {
                return Err(PostError::Full);
            }
            if let Some(refusal) = refusal(writing, &record, loaded, &person.wish) {
                return Err(PostError::Refused(refusal));
            }
            Ok(insert(writing, &record, &person)?)
        })
        .await
    }
}

impl Store {
    /// Reads the wishes that wait in a goal's inbox, in order, each with its number.
    ///
    /// # Errors
    /// [`Error::Damaged`] where a row is not what was written.
    pub async fn inbox(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
    ) -> Result<Vec<(u64, Person)>, Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.read(
            move |reading| match goals::find_by_name(reading.conn, &tenant, &goal)? {
                Some(record) => of(reading.conn, record.id),
                None => Ok(Vec::new()),
            },
        )
        .await
    }
}

impl Store {
    /// Takes out wishes that were read and change nothing, such as a pause of a goal that is paused.
    ///
    /// # Errors
    /// [`Error`] where they cannot be deleted; they are then read again.
    pub async fn forget_wishes(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        read: u64,
    ) -> Result<(), Error> {
        let (tenant, goal) = (tenant.clone(), goal.clone());
        self.write(move |writing| {
            let Some(record) = goals::find_by_name(writing.conn, &tenant, &goal)? else {
                return Ok(());
            };
            let read = i64::try_from(read).unwrap_or(i64::MAX);
            delete(writing.conn, record.id, read)?;
            writing.staged.read_up_to(record.id, read);
            Ok(())
        })
        .await
    }
}

/// Judges a wish as if everything that waits had been read.
fn refusal(writing: &Writing<'_>, record: &Record, loaded: Loaded, wish: &Wish) -> Option<Refusal> {
    let mut saga = loaded.saga;
    let since = time(record.created_at);
    let held = writing
        .staged
        .gate()
        .held_total(&record.tenant, &record.goal, since, writing.now);
    let now = Moment::held(writing.now, held);
    for (_, waiting) in loaded.inbox {
        for event in saga.decide(&Input::Person(waiting), now) {
            saga.apply(&event);
        }
    }
    saga.refusal(wish)
}

fn insert(writing: &mut Writing<'_>, record: &Record, person: &Person) -> Result<Posted, Error> {
    let conn = writing.conn;
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(seq) FROM sqlite_sequence WHERE name = 'inbox'")?
        .query_row([], |row| row.get(0))?;
    let id = last.unwrap_or(0) + 1;
    let body = serde_json::to_vec(person).map_err(|_| Error::Unwritable("a wish"))?;
    fault::hit("post.inbox");
    INBOX.insert(
        conn,
        &[
            integer(id),
            integer(record.id),
            integer(writing.now.as_microsecond()),
            blob(&body),
        ],
    )?;
    if let Wish::Decide {
        approval, decision, ..
    } = &person.wish
    {
        let status = match decision {
            Decision::Grant => ApprovalStatus::Granted,
            Decision::Refuse => ApprovalStatus::Refused,
        };
        fault::hit("post.approval");
        let decided = approvals::Decided {
            status,
            by: Some(&person.by),
            at: writing.now.as_microsecond(),
        };
        approvals::decide(conn, tenants::tenant_of(record.id), approval, &decided)?;
    }
    writing.staged.posted(record.id, id);
    Ok(Posted {
        id: u64::try_from(id).unwrap_or(0),
        sequence: record.sequence,
    })
}

/// Deletes the wishes of a goal that the machine has read.
pub(crate) fn delete(conn: &Connection, goal: i64, read: i64) -> Result<(), Error> {
    fault::hit("append.inbox");
    conn.prepare_cached("DELETE FROM inbox WHERE goal = ?1 AND id <= ?2")?
        .execute([goal, read])?;
    Ok(())
}

/// Reads the unread wishes of a goal, in order.
pub(crate) fn of(conn: &Connection, goal: i64) -> Result<Vec<(u64, Person)>, Error> {
    let mut statement = conn.prepare_cached("SELECT * FROM inbox WHERE goal = ?1 ORDER BY id")?;
    let mut rows = statement.query([goal])?;
    let mut wishes = Vec::new();
    while let Some(row) = rows.next()? {
        INBOX.check(row)?;
        let id: i64 = row.get(0)?;
        let person = serde_json::from_slice(row.get_ref(3)?.as_blob().unwrap_or_default());
        let person = person.map_err(|error| Damage::row(INBOX.name, id, error.to_string()))?;
        wishes.push((u64::try_from(id).unwrap_or(0), person));
    }
    Ok(wishes)
}

/// Reads which wishes of which goals are unread.
pub(crate) fn unread(conn: &Connection) -> Result<HashMap<i64, Vec<i64>>, Error> {
    let mut statement = conn.prepare("SELECT goal, id FROM inbox ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut unread: HashMap<i64, Vec<i64>> = HashMap::new();
    while let Some(row) = rows.next()? {
        unread.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(unread)
}
