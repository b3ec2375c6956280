//! Verifying evidence, also while a server writes to it.
//!
//! Entries are read as they stand, sealed again, and held against their hashes, their order, the end of the chain and
//! the stored checkpoints. Nothing is locked for longer than one piece takes.

use std::fmt;

use audit::{
    Checkpoint, CheckpointError, Expectations, Fault, Reason, Report, Since, Source, Verifier,
    VerifierKey,
};

use super::Stored;
use crate::chain::Chain;
use crate::error::{Damage, Error};

/// Stored checkpoints of a chain that it is held against: the newest, and others spread over its life.
pub(crate) const CHECKPOINTS_MAX: i64 = 1_000;
/// Rows read at once.
pub(crate) const PIECE_ROWS: i64 = 1_000;

/// What the evidence is verified against, beside itself.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The only chain to be verified; `None`: all.
    pub chain: Option<Chain>,
    /// The public key as somebody outside knows it; `None`: the store's own word is taken.
    pub key: Option<VerifierKey>,
    /// Signed checkpoints that were kept outside; each counts for the chain it names.
    pub since: Vec<String>,
}

/// What was found of one chain.
#[derive(Debug)]
pub struct Verified {
    /// Whose chain it is.
    pub chain: Chain,
    /// What was proved, or the first bad place.
    pub result: Result<Report, Unproven>,
}

/// Why a chain is not proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unproven {
    /// An entry, or the end, is not what it was.
    Fault(Fault),
    /// A row that says what the chain is held against is not what was written.
    Damaged(Damage),
    /// A checkpoint that it is held against is not signed as it has to be.
    Checkpoint(CheckpointError),
    /// A key was given, and nothing of the chain is signed.
    Unsigned,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Damaged(damage) => damage.fmt(f),
            Self::Checkpoint(error) => write!(f, "checkpoint: {error}"),
            Self::Unsigned => f.write_str(
                "nothing of it is signed, so the key proves nothing; a server signs each chain that grew every 30 s",
            ),
        }
    }
}

/// A chain, and who signs for it.
pub(crate) struct Held<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) installation: &'a str,
    pub(crate) own_key: &'a VerifierKey,
    /// The checkpoint in the chain's file, read before the database.
    pub(crate) newest: Option<String>,
}

impl<'a> Held<'a> {
    /// Begins to verify a chain of so many entries, against the checkpoints that the store has of it.
    pub(crate) fn walk(
        &self,
        size: u64,
        notes: Vec<String>,
        options: &VerifyOptions,
    ) -> Result<Walk<'a>, Unproven> {
        let verifier = Verifier::new(self.expectations(notes, options));
        Ok(Walk {
            chain: self.chain,
            verifier: verifier.map_err(Unproven::Checkpoint)?,
            key_given: options.key.is_some(),
            next: 0,
            size,
        })
    }

    fn expectations(&self, notes: Vec<String>, options: &VerifyOptions) -> Expectations {
        let origin = audit::origin(self.installation, self.chain.as_str());
        let own = notes
            .into_iter()
            .chain(self.newest.clone())
            .map(|signed| Since {
                signed,
                source: Source::Store,
            });
        let outside = options.since.iter().filter(|signed| {
            Checkpoint::read_unverified(signed)
                .is_ok_and(|(checkpoint, _)| checkpoint.origin == origin)
        });
        let outside = outside.map(|signed| Since {
            signed: signed.clone(),
            source: Source::Outside,
        });
        Expectations {
            tenant_id: Some(self.chain.as_str().to_owned()),
            key: Some(options.key.as_ref().unwrap_or(self.own_key).clone()),
            key_source: if options.key.is_some() {
                Source::Outside
            } else {
                Source::Store
            },
            since: own.chain(outside).collect(),
            origin: Some(origin),
            checkpoint_required: false,
        }
    }
}

/// A chain on its way to be verified.
pub(crate) struct Walk<'a> {
    chain: &'a Chain,
    verifier: Verifier,
    key_given: bool,
    /// The index to go on from.
    pub(crate) next: u64,
    /// The number of entries.
    pub(crate) size: u64,
}

impl Walk<'_> {
    /// Feeds the row that begins at an index.
    pub(crate) fn feed(
        &mut self,
        first: u64,
        row: Result<Stored, Error>,
    ) -> Result<Result<(), Fault>, Error> {
        let mut result = Ok(());
        match row {
            Ok(stored) => {
                self.next = stored.end();
                stored.lines(self.chain, |_, line| {
                    if result.is_ok() {
                        result = self.verifier.feed(line.as_bytes());
                    }
                })?;
            }
            // What cannot be read is no entry, and the verifier knows which one it should have been.
            Err(Error::Damaged(damage)) => {
                self.next = first + 1;
                result = self.verifier.feed(damage.to_string().as_bytes());
            }
            Err(error) => return Err(error),
        }
        Ok(result)
    }

    /// Says what was proved, or why nothing was.
    pub(crate) fn finish(self) -> Result<Report, Unproven> {
        match self.verifier.finish() {
            Ok(report) if report.entries < self.size => Err(Unproven::Fault(Fault {
                index: report.entries,
                reason: Reason::Cut { size: self.size },
            })),
            Ok(report) if self.key_given && !report.signature_checked => Err(Unproven::Unsigned),
            Ok(report) => Ok(report),
            Err(fault) => Err(Unproven::Fault(fault)),
        }
    }
}
