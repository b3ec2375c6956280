//! Damage inside the write-ahead log, which SQLite itself takes for the log's end.
//!
//! SQLite replays the log up to the first frame whose checksum is wrong and drops the rest in silence. After a power cut
//! that is right: the last commit may be torn. But a commit begins only after the one before it was synced, so whole
//! commits behind a bad frame prove that it was good once, and that answered writes would be lost.
//! (SQLite file format §4: the log's header, frames and checksums.)

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use crate::error::{Damage, Error};

/// Bytes of the log's header.
const HEADER_BYTES: usize = 32;
/// Bytes before each page.
const FRAME_BYTES: usize = 24;
/// The first four bytes, but for the last bit, which tells the byte order of checksums.
const MAGIC: u32 = 0x377f_0682;
/// Pages of any size that SQLite knows.
const PAGE_BYTES_MAX: u32 = 65_536;

/// A checksum of the log, which goes on from the frame before.
type Checksum = (u32, u32);

/// Makes sure that no whole commit lies behind a bad frame.
pub(crate) fn check(log: &Path) -> Result<(), Error> {
    let file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("open", log)(error)),
    };
    let lost = scan(BufReader::with_capacity(1 << 18, file)).map_err(Error::file("read", log))?;
    match lost {
        None => Ok(()),
        Some(frame) => {
            let reason = "it is damaged, and whole commits lie behind it";
            Err(Damage::row(&log.display().to_string(), format!("frame {frame}"), reason).into())
        }
    }
}

/// Returns the number of the first bad frame, from 1, where commits behind it prove that it was good.
fn scan(mut log: impl Read) -> std::io::Result<Option<u64>> {
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut log, &mut header)? {
        return Ok(None);
    }
    let order = word(&header, 0) & 1;
    let page_bytes = word(&header, 8);
    let whole =
        checksum((0, 0), header.get(..24).unwrap_or_default(), order) == stored(&header, 24);
    // Without a whole header no frame was ever synced: it is written with the first of them.
    if word(&header, 0) & !1 != MAGIC || page_bytes > PAGE_BYTES_MAX || !whole {
        return Ok(None);
    }
    let mut page = vec![0; page_bytes as usize];
    let mut frame = [0; FRAME_BYTES];
    let mut before = stored(&header, 24);
    let (mut number, mut bad, mut behind) = (0, None, 0);
    while fill(&mut log, &mut frame)? && fill(&mut log, &mut page)? {
        number += 1;
        let of_this_log = frame.get(8..16) == header.get(16..24);
        let commits = word(&frame, 4) != 0;
        let good = of_this_log && {
            let sum = checksum(before, frame.get(..8).unwrap_or_default(), order);
            checksum(sum, &page, order) == stored(&frame, 16)
        };
        before = stored(&frame, 16);
        match (good, bad) {
            (true, Some(_)) => behind += u32::from(commits),
            // A bad frame that says it commits stands for the commit that was synced before anything behind it.
            (false, None) => {
                bad = Some(number);
                behind += u32::from(of_this_log && commits);
            }
            _ => {}
        }
        if behind >= 2 {
            return Ok(bad);
        }
    }
    Ok(None)
}

/// Fills a buffer; `false`: the log ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn checksum(before: Checksum, bytes: &[u8], order: u32) -> Checksum {
    let (pairs, _) = bytes.as_chunks::<8>();
    pairs.iter().fold(before, |(first, second), pair| {
        let [a, b, c, d, e, f, g, h] = *pair;
        let read = if order == 1 {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        let first = first.wrapping_add(read([a, b, c, d])).wrapping_add(second);
        (
            first,
            second.wrapping_add(read([e, f, g, h])).wrapping_add(first),
        )
    })
}

fn stored(bytes: &[u8], at: usize) -> Checksum {
    (word(bytes, at), word(bytes, at + 4))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |word| u32::from_be_bytes(*word))
}
