//! Whether the database holds what the files of checkpoints speak of.

use std::path::Path;

use rusqlite::Connection;

use super::find;
use crate::chain::Chain;
use crate::error::{Damage, Error};
use crate::evidence::checkpoint::file;
use crate::numbers::Range;
use crate::sqlite::tenants;

/// Names the files that speak of what the database does not hold. The files have to be read before the database.
pub(crate) fn damages(conn: &Connection, dir: &Path) -> Result<Vec<(Chain, Damage)>, Error> {
    let mut damages = Vec::new();
    for chain in file::chains(dir)? {
        let Some(note) = file::read(dir, &chain)? else {
            continue;
        };
        if let Err(reason) = hold(conn, &chain, &note)? {
            let damage = file::damage(&chain, reason);
            damages.push((chain, damage));
        }
    }
    Ok(damages)
}

fn hold(conn: &Connection, chain: &Chain, note: &str) -> Result<Result<(), String>, Error> {
    let size = match file::size(note) {
        Ok(size) => size,
        Err(reason) => return Ok(Err(reason.to_owned())),
    };
    let held = match tenants::number(conn, chain.as_str())? {
        Some(number) => find(conn, Range::of(number).at(size)),
        None => Ok(None),
    };
    match held {
        Err(Error::Damaged(damage)) => Ok(Err(damage.to_string())),
        held => Ok(file::hold(note, size, held?.as_deref())),
    }
}
