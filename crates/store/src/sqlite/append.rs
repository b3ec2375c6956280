//! The append in SQLite: one request in the writer's group.

use domain::id::Subject;

use super::goals::{self, Record};
use super::journal::NewRow;
use super::writer::Writing;
use super::{Sqlite, approvals, evidence, idempotency, inbox, journal, outbox, payloads, toolsets};
use crate::append::{AppendError, Appended, Prepared};
use crate::error::Error;
use crate::fault;

impl Sqlite {
    pub(crate) async fn append(&self, prepared: Prepared) -> Result<Appended, AppendError> {
        self.write(move |writing| prepared.write(writing)).await
    }
}

impl Prepared {
    fn write(self, writing: &mut Writing<'_>) -> Result<Appended, AppendError> {
        if self.append.admits && writing.space_is_low {
            return Err(AppendError::NoSpace);
        }
        if self.append.admits && self.append.gate != writing.staged.gate().generation() {
            return Err(AppendError::Gate);
        }
        match self.append.created {
            Some(_) => self.create(writing),
            None => self.advance(writing),
        }
    }

    fn advance(self, writing: &mut Writing<'_>) -> Result<Appended, AppendError> {
        let number = writing.staged.tenant(writing.conn, &self.chain)?.number;
        let name = (&self.append.tenant, &self.append.goal);
        let record = writing.staged.goal(writing.conn, number, name)?;
        let mut record = record.ok_or(AppendError::NotFound)?;
        if record.sequence != self.append.expected {
            return Err(AppendError::Conflict {
                sequence: record.sequence,
            });
        }
        let read = i64::try_from(self.append.inbox_read).unwrap_or(i64::MAX);
        let unread = writing.staged.unread(record.id);
        if unread.last().is_some_and(|newest| *newest > read) {
            return Err(AppendError::Inbox);
        }
        if !unread.is_empty() {
            inbox::delete(writing.conn, record.id, read)?;
            writing.staged.read_up_to(record.id, read);
        }
        let row = writing.staged.take_journal_row();
        self.insert(writing, (row, record.id), Some(record.last_journal))?;
        let was_open = record.finished_at.is_none();
        self.stand(&mut record, row);
        fault::hit("append.goal");
        record.update(writing.conn, was_open && record.finished_at.is_none())?;
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        match (was_open, record.finished_at.is_none()) {
            (true, false) => tenant.open_goals = tenant.open_goals.saturating_sub(1),
            (false, true) => tenant.open_goals += 1,
            _ => {}
        }
        self.finish(writing, record)
    }

    fn create(mut self, writing: &mut Writing<'_>) -> Result<Appended, AppendError> {
        let Some(new) = self.append.created.take() else {
            return Err(AppendError::NotFound);
        };
        if self.append.expected != 0 {
            return Err(AppendError::Conflict { sequence: 0 });
        }
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        let (number, id, open_goals) = (tenant.number, tenant.last_goal + 1, tenant.open_goals);
        if let Some((key, answer)) = &new.idempotency
            && let Some(kept) = idempotency::find(writing.conn, number, key)?
        {
            return Err(match kept.body == answer.body {
                true => AppendError::Replay(kept.answer),
                false => AppendError::KeyReused,
            });
        }
        if goals::find(writing.conn, number, &self.append.tenant, &self.append.goal)?.is_some() {
            return Err(AppendError::AlreadyStarted(self.append.goal));
        }
        if open_goals >= new.open_goals_max {
            return Err(AppendError::TooManyOpen(open_goals));
        }
        let row = writing.staged.take_journal_row();
        self.insert(writing, (row, id), None)?;
        let mut record = self.record(id, row, new.owner);
        self.stand(&mut record, row);
        fault::hit("append.goal");
        record.insert(writing.conn)?;
        if let Some((key, answer)) = &new.idempotency {
            idempotency::insert(writing.conn, (row, number, id), key, answer)?;
        }
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        tenant.last_goal = id;
        tenant.open_goals += u64::from(record.finished_at.is_none());
        self.finish(writing, record)
    }

    /// The row of a new goal, before its first events.
    fn record(&self, id: i64, journal: i64, owner: Subject) -> Record {
        let created_at = self.first_at;
        Record {
            id,
            tenant: self.append.tenant.clone(),
            goal: self.append.goal.clone(),
            owner,
            created_at,
            first_journal: journal,
            status: self.append.row.status,
            reason: None,
            updated_at: created_at,
            finished_at: None,
            wake_at: None,
            sequence: 0,
            last_journal: journal,
            erased_at: None,
        }
    }

    /// Writes the events and what lies beside them.
    fn insert(
        &self,
        writing: &mut Writing<'_>,
        (row, goal): (i64, i64),
        previous: Option<i64>,
    ) -> Result<(), Error> {
        if let Some((digest, tools)) = &self.toolset {
            toolsets::store(writing.conn, &mut writing.staged, *digest, tools)?;
        }
        fault::hit("append.journal");
        let new = NewRow {
            id: row,
            goal,
            previous,
            first_sequence: i64::try_from(self.append.expected)
                .unwrap_or(i64::MAX)
                .saturating_add(1),
            has_payloads: self.bodies.is_some(),
            written_at: writing.now.as_microsecond(),
            events: &self.events,
        };
        journal::insert(writing.conn, &new)?;
        if let Some(bodies) = &self.bodies {
            fault::hit("append.payloads");
            payloads::insert(writing.conn, row, bodies)?;
        }
        Ok(())
    }

    /// Moves a goal's row to where it stands after the events.
    fn stand(&self, record: &mut Record, journal: i64) {
        record.status = self.append.row.status;
        record.reason.clone_from(&self.append.row.reason);
        record.wake_at = self.append.row.wake_at.map(|wake| wake.as_microsecond());
        record.updated_at = self.at;
        record.finished_at = record
            .status
            .is_end()
            .then(|| record.finished_at.unwrap_or(self.at));
        record.sequence = self.append.expected + self.count;
        record.last_journal = journal;
    }

    /// Writes what is told to others: approvals, notices, evidence.
    fn finish(self, writing: &mut Writing<'_>, record: Record) -> Result<Appended, AppendError> {
        let tenant = writing.staged.tenant(writing.conn, &self.chain)?;
        let number = tenant.number;
        approvals::follow(writing.conn, tenant, record.id, &self.approvals)?;
        outbox::insert(writing, number, &self.append.notices)?;
        evidence::write(writing, self.evidence)?;
        let appended = Appended {
            sequence: record.sequence,
            at: writing.now,
        };
        writing
            .staged
            .advanced(record.tenant.clone(), record.goal.clone(), record.sequence);
        writing.staged.wrote_goal(record);
        Ok(appended)
    }
}
