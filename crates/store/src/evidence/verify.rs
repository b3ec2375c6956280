//! Verifying the evidence of a data directory, also while a server writes to it.
//!
//! Entries are read as they stand, sealed again, and held against their hashes, their order, the end of the chain and
//! the stored checkpoints. Nothing is locked for longer than one piece takes.

use std::fmt;
use std::path::Path;

use audit::{
    Checkpoint, CheckpointError, Expectations, Fault, Reason, Report, Since, Source, Verifier,
    VerifierKey,
};
use rusqlite::Connection;

use super::checkpoint::{file, stored};
use super::{CHAINS, Stored, stored_head};
use crate::error::{Damage, Error};
use crate::tenants::{Chain, Range, SERIAL_BITS, TENANTS};
use crate::{DATABASE, connection, installation, schema};

/// Stored checkpoints of a chain that it is held against: the newest, and others spread over its life.
const CHECKPOINTS_MAX: i64 = 1_000;
/// Rows read at once.
const PIECE_ROWS: i64 = 1_000;

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

/// Returns the public key that a data directory's checkpoints are signed by. Blocks.
///
/// # Errors
/// [`Error`] where the directory holds no store that can be read.
pub fn verifier_key(dir: &Path) -> Result<VerifierKey, Error> {
    let path = dir.join(DATABASE);
    let conn = connection::open_reader(&path)?;
    schema::check_version(&conn, &path)?;
    Ok(installation::public(&conn, dir)?.1)
}

/// Verifies the evidence of a data directory; a server may be writing to it. Blocks.
///
/// # Errors
/// [`Error`] where the directory holds no store that can be read; what is wrong with the evidence is in the answer.
pub fn verify(dir: &Path, options: &VerifyOptions) -> Result<Vec<Verified>, Error> {
    let path = dir.join(DATABASE);
    let conn = connection::open_reader(&path)?;
    schema::check_version(&conn, &path)?;
    let (installation, own_key) = installation::public(&conn, dir)?;
    let mut verified = Vec::new();
    if let Some(orphan) = orphans(&conn)?.into_iter().next() {
        return Err(orphan.into());
    }
    let mut unheld = file::damages(&conn, dir)?;
    for (number, chain) in chains(&conn)? {
        if options.chain.as_ref().is_some_and(|only| *only != chain) {
            continue;
        }
        let held = Held {
            number,
            chain: &chain,
            installation: &installation,
            own_key: &own_key,
            newest: file::read(dir, &chain)?,
        };
        unheld.retain(|(of, _)| *of != chain);
        let result = match held.verify(&conn, options) {
            Ok(result) => result,
            Err(Error::Damaged(damage)) => Err(Unproven::Damaged(damage)),
            Err(error) => return Err(error),
        };
        verified.push(Verified { chain, result });
    }
    // A chain that only a checkpoint's file speaks of.
    unheld.retain(|(of, _)| options.chain.as_ref().is_none_or(|only| only == of));
    verified.extend(unheld.into_iter().map(|(chain, damage)| Verified {
        chain,
        result: Err(Unproven::Damaged(damage)),
    }));
    Ok(verified)
}

/// Verifies a connection's evidence against itself alone.
pub(crate) fn damages(conn: &Connection, dir: &Path) -> Result<Vec<Damage>, Error> {
    let (installation, own_key) = installation::public(conn, dir)?;
    let mut damages = orphans(conn)?;
    damages.extend(
        file::damages(conn, dir)?
            .into_iter()
            .map(|(_, damage)| damage),
    );
    for (number, chain) in chains(conn)? {
        let held = Held {
            number,
            chain: &chain,
            installation: &installation,
            own_key: &own_key,
            newest: None,
        };
        match held.verify(conn, &VerifyOptions::default()) {
            Ok(Ok(_)) => {}
            Ok(Err(unproven)) => damages.push(Damage::row(
                "audit",
                format!("of {chain}"),
                unproven.to_string(),
            )),
            Err(Error::Damaged(damage)) => damages.push(damage),
            Err(error) => return Err(error),
        }
    }
    Ok(damages)
}

/// Every chain of a store, with the number of its tenant.
pub(crate) fn chains(conn: &Connection) -> Result<Vec<(i64, Chain)>, Error> {
    let mut statement = conn.prepare("SELECT * FROM tenants ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut chains = Vec::new();
    while let Some(row) = rows.next()? {
        TENANTS.check(row)?;
        let number = row.get(0)?;
        let chain = Chain::parse(&row.get::<_, String>(1)?);
        chains.push((
            number,
            chain.ok_or_else(|| Damage::row(TENANTS.name, number, "its name cannot be read"))?,
        ));
    }
    Ok(chains)
}

/// Names the tables that hold rows of a tenant that the store does not have.
fn orphans(conn: &Connection) -> Result<Vec<Damage>, Error> {
    let known: Vec<i64> = chains(conn)?
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    let mut damages = Vec::new();
    for (table, key, shift) in [
        ("goals", "id", SERIAL_BITS),
        ("audit", "id", SERIAL_BITS),
        ("checkpoints", "id", SERIAL_BITS),
        ("chains", "tenant", 0),
    ] {
        let sql = format!("SELECT min({key}) FROM {table} WHERE {key} >= ?1");
        let mut statement = conn.prepare(&sql)?;
        let mut next = 0;
        // From tenant to tenant, whatever their rows.
        while let Some(row) =
            statement.query_row([next << shift], |row| row.get::<_, Option<i64>>(0))?
        {
            let number = row >> shift;
            if !known.contains(&number) {
                damages.push(Damage::row(
                    table,
                    row,
                    "it is of a tenant that the store does not have",
                ));
            }
            next = number + 1;
        }
    }
    Ok(damages)
}

/// Whether there are entries past the end of their chain.
fn beyond(conn: &Connection, tenant: i64, size: u64) -> Result<bool, Error> {
    let rows = Range::of(tenant);
    let sql = "SELECT 1 FROM audit WHERE id >= ?1 AND id <= ?2";
    Ok(conn.prepare(sql)?.exists([rows.at(size), rows.last])?)
}

/// A chain, and who signs for it.
struct Held<'a> {
    number: i64,
    chain: &'a Chain,
    installation: &'a str,
    own_key: &'a VerifierKey,
    /// The checkpoint in the chain's file, read before the database.
    newest: Option<String>,
}

impl Held<'_> {
    fn verify(
        &self,
        conn: &Connection,
        options: &VerifyOptions,
    ) -> Result<Result<Report, Unproven>, Error> {
        // Of one moment, so that a server that writes meanwhile makes no difference.
        let moment = conn.unchecked_transaction()?;
        let size = stored_head(conn, self.number)?.map_or(0, |head| head.next_index());
        let expectations = self.expectations(conn, options)?;
        if beyond(conn, self.number, size)? {
            let reason = "it ends before the entries do";
            return Ok(Err(Unproven::Damaged(Damage::row(
                CHAINS.name,
                self.number,
                reason,
            ))));
        }
        moment.commit()?;
        let mut verifier = match Verifier::new(expectations) {
            Ok(verifier) => verifier,
            Err(error) => return Ok(Err(Unproven::Checkpoint(error))),
        };
        let mut next = 0;
        while next < size {
            match self.piece(conn, &mut verifier, (next, size))? {
                Ok(reached) => next = reached,
                Err(fault) => return Ok(Err(Unproven::Fault(fault))),
            }
        }
        Ok(match verifier.finish() {
            Ok(report) if report.entries < size => Err(Unproven::Fault(Fault {
                index: report.entries,
                reason: Reason::Cut { size },
            })),
            Ok(report) if options.key.is_some() && !report.signature_checked => {
                Err(Unproven::Unsigned)
            }
            Ok(report) => Ok(report),
            Err(fault) => Err(Unproven::Fault(fault)),
        })
    }

    fn expectations(
        &self,
        conn: &Connection,
        options: &VerifyOptions,
    ) -> Result<Expectations, Error> {
        let origin = audit::origin(self.installation, self.chain.as_str());
        let notes = stored(conn, self.number, CHECKPOINTS_MAX)?;
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
        Ok(Expectations {
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
        })
    }

    /// Feeds some rows to the verifier; returns the index to go on from.
    fn piece(
        &self,
        conn: &Connection,
        verifier: &mut Verifier,
        (next, size): (u64, u64),
    ) -> Result<Result<u64, Fault>, Error> {
        let rows = Range::of(self.number);
        let sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3";
        let mut statement = conn.prepare_cached(sql)?;
        let mut found = statement.query((rows.at(next), rows.at(size), PIECE_ROWS))?;
        let mut reached = size;
        let mut taken = 0;
        while let Some(row) = found.next()? {
            let id: i64 = row.get(0)?;
            taken += 1;
            let mut result = Ok(());
            match Stored::read(row) {
                Ok(stored) => {
                    reached = stored.end();
                    stored.lines(self.chain, |_, line| {
                        if result.is_ok() {
                            result = verifier.feed(line.as_bytes());
                        }
                    })?;
                }
                // What cannot be read is no entry, and the verifier knows which one it should have been.
                Err(Error::Damaged(damage)) => {
                    reached = crate::tenants::serial(id) + 1;
                    result = verifier.feed(damage.to_string().as_bytes());
                }
                Err(error) => return Err(error),
            }
            if let Err(fault) = result {
                return Ok(Err(fault));
            }
        }
        Ok(Ok(if taken < PIECE_ROWS { size } else { reached }))
    }
}
