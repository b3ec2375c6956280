//! Payloads: the values that events name, beside the journal and erasable without it (DESIGN law 15).
//!
//! One row holds the values of one journal row in the order of its events: four bytes of length, most significant first,
//! then the value as JSON. No checksum is needed, since each value is told by the digest that names it.

use saga::{Event, Payload};

use crate::error::{Damage, Error};

/// The table's name.
pub(crate) const TABLE: &str = "payloads";
/// The length that says that there is no value.
const ABSENT: u32 = u32::MAX;

/// Takes the values out of events, as one row; `None`: they have none.
pub(crate) fn encode(events: &mut [Event]) -> Result<Option<Vec<u8>>, Error> {
    let mut bodies = Vec::new();
    for payload in events
        .iter_mut()
        .flat_map(|event| event.kind.payloads_mut())
    {
        let body = payload.bytes();
        let size = match &body {
            Some(body) => {
                u32::try_from(body.len()).map_err(|_| Error::Unwritable("a payload past 4 GiB"))?
            }
            None => ABSENT,
        };
        bodies.extend_from_slice(&size.to_be_bytes());
        bodies.extend_from_slice(&body.unwrap_or_default());
    }
    Ok((!bodies.is_empty()).then_some(bodies))
}

/// The values of one journal row, as they are handed out one by one.
pub(crate) struct Bodies {
    row: String,
    /// `None`: the row was erased.
    bytes: Option<Vec<u8>>,
    position: usize,
}

impl Bodies {
    /// The values of the journal row of that number; `None`: they were erased.
    pub(crate) fn new(row: impl ToString, bytes: Option<Vec<u8>>) -> Self {
        Self {
            row: row.to_string(),
            bytes,
            position: 0,
        }
    }

    /// The row.
    pub(crate) fn row(&self) -> &str {
        &self.row
    }

    /// Whether the row was erased.
    pub(crate) fn erased(&self) -> bool {
        self.bytes.is_none()
    }

    /// Hands out the next value; `None`: there is none to be had.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        let Some(bytes) = &self.bytes else {
            return Ok(None);
        };
        let rest = bytes.get(self.position..).unwrap_or_default();
        let (size, rest) = rest
            .split_first_chunk::<4>()
            .ok_or_else(|| damage(&self.row, "it is cut short"))?;
        self.position += size.len();
        let size = u32::from_be_bytes(*size);
        if size == ABSENT {
            return Ok(None);
        }
        let body = rest
            .get(..size as usize)
            .ok_or_else(|| damage(&self.row, "it is cut short"))?;
        self.position += body.len();
        Ok(Some(body))
    }

    /// Puts the next value back into the payload that names it.
    pub(crate) fn restore(
        &mut self,
        key: &domain::digest::GoalKey,
        payload: &mut Payload,
    ) -> Result<(), Error> {
        let Some(body) = self.next()? else {
            return Ok(());
        };
        let restored = payload.restore(key, body);
        let restored = restored.map_err(|error| error.to_string());
        Ok(restored.map_err(|reason| damage(&self.row, reason))?)
    }

    /// Makes sure that nothing is left over.
    pub(crate) fn end(&self) -> Result<(), Error> {
        match &self.bytes {
            Some(bytes) if bytes.len() != self.position => {
                Err(damage(&self.row, "it is too long").into())
            }
            _ => Ok(()),
        }
    }
}

fn damage(row: &str, reason: impl Into<String>) -> Damage {
    Damage::row(TABLE, row, reason)
}
