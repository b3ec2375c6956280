//! The verifier: reads a chain line by line and names the first entry that is not what it was.
//!
//! It trusts nothing in the file but what it recomputes. Some faults show one line late, or only at the checkpoint (a
//! removed entry may turn out to be moved, a broken link to be a rewritten entry), so the verifier reads on in doubt and
//! then names the earlier index. It needs a hash per bit of the size, and 8 bytes for each recent entry.
//!
//! Whoever holds the store and the key can rewrite both; only a key and a checkpoint from outside tell (see [`Report`]).

mod doubt;
mod fault;
mod line;
mod report;

use std::collections::VecDeque;

use self::doubt::{Doubt, Tail};
pub use self::fault::{Fault, Reason};
use self::line::Line;
pub use self::report::{Expectations, Report, Since, Source};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::entry::Entry;
use crate::hash::Hash;

/// Recent entries whose hashes are remembered, to tell a repeated entry from a forged one: 8 MiB of them.
const RECENT_MAX: usize = 1 << 20;

/// Verifies one tenant's chain, line by line.
#[derive(Debug)]
pub struct Verifier {
    expectations: Expectations,
    tenant_id: Option<String>,
    tail: Tail,
    recent: VecDeque<u64>,
    recent_max: usize,
    /// Older checkpoints not reached yet, the largest first.
    ahead: Vec<Checkpoint>,
    /// The size of the largest older checkpoint that the tree had.
    proven: u64,
    doubt: Option<Doubt>,
    /// The export's own checkpoint, once read.
    closed: Option<Checkpoint>,
    key_name: Option<String>,
}

impl Verifier {
    /// Prepares a verification.
    ///
    /// # Errors
    /// [`CheckpointError`] when an older checkpoint is malformed or not signed by the key.
    pub fn new(expectations: Expectations) -> Result<Self, CheckpointError> {
        let mut ahead = Vec::new();
        let mut key_name = None;
        for since in &expectations.since {
            let (checkpoint, name) = expectations.open(&since.signed)?;
            ahead.push(checkpoint);
            key_name = Some(name);
        }
        ahead.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
        Ok(Self {
            tenant_id: expectations.tenant_id.clone(),
            tail: Tail::default(),
            recent: VecDeque::new(),
            recent_max: RECENT_MAX,
            ahead,
            proven: 0,
            doubt: None,
            closed: None,
            key_name,
            expectations,
        })
    }

    /// Takes the next line, an entry or at the end the checkpoint, with or without its newline.
    ///
    /// # Errors
    /// [`Fault`] names the first bad index; the verification is then over.
    pub fn feed(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.compare_older()?;
        if self.closed.is_some() {
            return Err(self.here(Reason::AfterCheckpoint));
        }
        match Line::read(line) {
            Ok(Line::Entry(entry)) => self.take(&entry),
            Ok(Line::Checkpoint(signed)) => self.close(&signed),
            Err(error) => Err(self.first(Reason::Unreadable(error))),
        }
    }

    /// Ends the verification after the last line.
    ///
    /// # Errors
    /// [`Fault`] where the end is missing, or a doubt has found no better explanation.
    pub fn finish(mut self) -> Result<Report, Fault> {
        if let Some(doubt) = &self.doubt {
            return Err(doubt.judge(&self.ahead));
        }
        self.compare_older()?;
        let entries = self.tail.size();
        if let Some(older) = self.ahead.last() {
            return Err(self.here(Reason::Cut { size: older.size }));
        }
        if self.closed.is_none() && self.expectations.checkpoint_required {
            return Err(self.here(Reason::MissingCheckpoint));
        }
        let signed = self.closed.is_some() || !self.expectations.since.is_empty();
        let signature_checked = signed && self.expectations.key.is_some();
        let since_from_outside = self
            .expectations
            .since
            .iter()
            .any(|since| since.source == Source::Outside);
        Ok(Report {
            entries,
            root: self.tail.root(),
            tenant_id: self.tenant_id,
            covered: self
                .closed
                .as_ref()
                .map_or(self.proven, |checkpoint| checkpoint.size),
            checkpoint: self.closed,
            key_name: self.key_name,
            signature_checked,
            key_from_outside: signature_checked && self.expectations.key_source == Source::Outside,
            since: (!self.expectations.since.is_empty()).then_some(self.proven),
            since_from_outside,
        })
    }

    fn take(&mut self, entry: &Entry) -> Result<(), Fault> {
        let hash = match entry.computed_hash() {
            Ok(hash) if hash == entry.integrity_hash => hash,
            Ok(computed) => {
                return Err(self.first(Reason::Edited {
                    says: entry.integrity_hash,
                    computed,
                }));
            }
            Err(error) => return Err(self.first(Reason::NotSealable(error))),
        };
        let tenant_id = self
            .tenant_id
            .get_or_insert_with(|| entry.tenant_id.clone());
        if *tenant_id != entry.tenant_id {
            let (expected, found) = (tenant_id.clone(), entry.tenant_id.clone());
            return Err(self.first(Reason::OtherTenant { expected, found }));
        }
        match &mut self.doubt {
            Some(doubt) => doubt.weigh(entry, &self.tail, &self.ahead),
            None => self.place(entry, hash),
        }
    }

    fn place(&mut self, entry: &Entry, hash: Hash) -> Result<(), Fault> {
        let index = self.tail.size();
        if entry.index < index {
            return Err(self.seen_before(entry.index, hash));
        }
        if entry.index > index {
            self.doubt = Some(Doubt::Missing {
                index,
                found: entry.index,
            });
            return Ok(());
        }
        if entry.previous_hash == self.tail.last() {
            self.tail.push(hash);
            if self.recent.len() == self.recent_max {
                self.recent.pop_front();
            }
            self.recent.push_back(hash.fingerprint());
            return Ok(());
        }
        if index == 0 || entry.previous_hash.is_none() {
            return Err(self.here(Reason::Unlinked));
        }
        let mut other = self.tail.clone();
        other.relink(entry.previous_hash);
        other.push(hash);
        self.doubt = Some(Doubt::Unlinked { index, other });
        Ok(())
    }

    /// Explains an entry whose index has passed.
    fn seen_before(&self, found: u64, hash: Hash) -> Fault {
        let back = usize::try_from(self.tail.size() - found).unwrap_or(usize::MAX);
        let seen = self
            .recent
            .len()
            .checked_sub(back)
            .and_then(|at| self.recent.get(at));
        match seen {
            Some(seen) if *seen == hash.fingerprint() => self.here(Reason::Repeated { found }),
            // Of two neighbours with one index, nobody can say here which is the forged one.
            Some(_) if back == 1 => Fault {
                index: found,
                reason: Reason::Added { found },
            },
            Some(_) => self.here(Reason::Added { found }),
            None => self.here(Reason::OutOfPlace { found }),
        }
    }

    /// Compares the tree with the older checkpoints of exactly its size.
    fn compare_older(&mut self) -> Result<(), Fault> {
        if self.doubt.is_some() {
            return Ok(());
        }
        let size = self.tail.size();
        while let Some(older) = self.ahead.pop_if(|older| older.size == size) {
            if let Some(reason) = self.expectations.other_origin(&older) {
                return Err(self.here(reason));
            }
            if older.root != self.tail.root() {
                return Err(self.rewritten());
            }
            self.proven = size;
        }
        Ok(())
    }

    fn close(&mut self, signed: &str) -> Result<(), Fault> {
        let opened = self.expectations.open(signed);
        if let Some(doubt) = &self.doubt {
            self.ahead
                .extend(opened.ok().map(|(checkpoint, _)| checkpoint));
            return Err(doubt.judge(&self.ahead));
        }
        let (checkpoint, key_name) =
            opened.map_err(|error| self.here(Reason::BadCheckpoint(error)))?;
        if let Some(reason) = self.expectations.other_origin(&checkpoint) {
            return Err(self.here(reason));
        }
        let (size, entries) = (checkpoint.size, self.tail.size());
        if size > entries {
            return Err(self.here(Reason::Cut { size }));
        }
        if size < entries {
            return Err(Fault {
                index: size,
                reason: Reason::BeyondCheckpoint { size },
            });
        }
        if checkpoint.root != self.tail.root() {
            return Err(self.rewritten());
        }
        self.key_name = Some(key_name);
        self.closed = Some(checkpoint);
        Ok(())
    }

    /// Names the last entry: its hash stands on all before it, so it certainly is not the one that was signed.
    fn rewritten(&self) -> Fault {
        let size = self.tail.size();
        Fault {
            index: size.saturating_sub(1),
            reason: Reason::RewrittenTail {
                from: self.proven,
                size,
            },
        }
    }

    /// A fault of the line just read, unless a doubt stands before it.
    fn first(&self, reason: Reason) -> Fault {
        match &self.doubt {
            Some(doubt) => doubt.judge(&self.ahead),
            None => self.here(reason),
        }
    }

    fn here(&self, reason: Reason) -> Fault {
        Fault {
            index: self.tail.size(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::chain::ChainHead;
    use crate::draft::{Action, Draft};
    use crate::entry::{Retention, Stamp};

    #[test]
    fn what_is_long_past_is_named_without_being_remembered() {
        let mut head = ChainHead::default();
        let mut lines = Vec::new();
        for index in 0..10 {
            let draft = Draft::new(Action::GOAL_ENDED, "u-1", "goal", format!("g-{index}"));
            let (id, timestamp) = (format!("e-{index}"), Timestamp::UNIX_EPOCH);
            let retention = &Retention::default();
            let stamp = Stamp {
                tenant_id: "acme",
                id,
                timestamp,
                retention,
            };
            lines.push(head.seal(draft, stamp).unwrap().into_json());
        }
        let repeat = |index: usize| {
            let mut verifier = Verifier::new(Expectations::default()).unwrap();
            verifier.recent_max = 4;
            lines
                .iter()
                .for_each(|line| verifier.feed(line.as_bytes()).unwrap());
            verifier.feed(lines[index].as_bytes()).unwrap_err()
        };

        assert_eq!(
            repeat(6),
            Fault {
                index: 10,
                reason: Reason::Repeated { found: 6 }
            }
        );
        assert_eq!(
            repeat(5),
            Fault {
                index: 10,
                reason: Reason::OutOfPlace { found: 5 }
            }
        );
    }
}
