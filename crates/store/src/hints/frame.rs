//! A bound on what Redis sends: the library reads a frame whole before anybody can look at it, and whoever may publish could
//! send one of half a gigabyte to every process.
//!
//! The frames of RESP3 are followed by their lengths alone, and what is in them is nobody's business here.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest frame that is read, in bytes: twice the longest message that is taken, so that its channel and all lengths fit.
const FRAME_BYTES_MAX: usize = 1 << 17;
/// Bytes of the shortest value within a frame.
const VALUE_BYTES_MIN: usize = 3;

/// A connection that fails when a frame is longer, or is said to be, before the rest of it is read.
pub(super) struct Bounded<S> {
    stream: S,
    frame: Frame,
    overlong: Arc<AtomicBool>,
}

impl<S> Bounded<S> {
    /// Bounds what is read of a connection, and tells whoever has the other end of `overlong` why it failed.
    pub(super) fn new(stream: S, overlong: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            frame: Frame::default(),
            overlong,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(ctx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        Poll::Ready(match this.frame.follow(read) {
            Some(()) => Ok(()),
            None => {
                this.overlong.store(true, Ordering::Relaxed);
                Err(io::Error::other("a frame is too long"))
            }
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(ctx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(ctx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(ctx)
    }
}

/// How far a frame has come.
struct Frame {
    /// Its bytes so far.
    bytes: usize,
    /// Values that are still to come, those within others included.
    values: usize,
    /// Bytes of a text that are still to come, with the end of its line.
    text: usize,
    line: Line,
}

/// A line, which says what a value is, and how long.
struct Line {
    /// What begins it; `None`: nothing has.
    kind: Option<u8>,
    /// The number behind that; `None`: it is none, such as where there is no value.
    number: Option<usize>,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            bytes: 0,
            values: 1,
            text: 0,
            line: Line::default(),
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Self {
            kind: None,
            number: Some(0),
        }
    }
}

impl Line {
    fn take(&mut self, byte: u8) {
        if self.kind.is_none() {
            self.kind = Some(byte);
        } else if byte != b'\r' {
            let digit = char::from(byte).to_digit(10).map(|digit| digit as usize);
            let number = self.number.zip(digit);
            self.number =
                number.map(|(number, digit)| number.saturating_mul(10).saturating_add(digit));
        }
    }
}

impl Frame {
    /// Follows what was read; `None`: the frame is too long.
    fn follow(&mut self, mut read: &[u8]) -> Option<()> {
        while let Some((byte, rest)) = read.split_first() {
            if self.text > 0 {
                let passed = self.text.min(read.len());
                read = read.get(passed..).unwrap_or_default();
                self.bytes += passed;
                self.text -= passed;
                if self.text == 0 {
                    self.end();
                }
                continue;
            }
            read = rest;
            self.bytes += 1;
            match byte {
                b'\n' => self.read_line(),
                _ => self.line.take(*byte),
            }
            if self.bytes.saturating_add(self.to_come()) > FRAME_BYTES_MAX {
                return None;
            }
        }
        Some(())
    }

    /// Bytes that are at least to come.
    fn to_come(&self) -> usize {
        let others = self.values.saturating_sub(1);
        others
            .saturating_mul(VALUE_BYTES_MIN)
            .saturating_add(self.text)
    }

    /// Reads what a line says is to come.
    fn read_line(&mut self) {
        let Line { kind, number } = std::mem::take(&mut self.line);
        match (kind, number) {
            (Some(b'$' | b'!' | b'='), Some(bytes)) => {
                self.text = bytes.saturating_add(b"\r\n".len());
            }
            (Some(b'*' | b'>' | b'~'), Some(values)) => {
                self.values = self.values.saturating_add(values);
                self.end();
            }
            (Some(b'%'), Some(pairs)) => {
                self.values = self.values.saturating_add(pairs.saturating_mul(2));
                self.end();
            }
            // What is said about the value that follows.
            (Some(b'|'), Some(pairs)) => {
                self.values = self.values.saturating_add(pairs.saturating_mul(2));
            }
            _ => self.end(),
        }
    }

    /// Notes that a value has ended, and the frame with the last one.
    fn end(&mut self) {
        self.values = self.values.saturating_sub(1);
        if self.values == 0 {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FRAME_BYTES_MAX, Frame};

    /// Whether all is let through, in pieces of whatever size.
    fn passes(read: &[u8]) -> bool {
        let passed = [1, 2, 7, read.len()].map(|size| {
            let mut frame = Frame::default();
            read.chunks(size).all(|piece| frame.follow(piece).is_some())
        });
        assert!(
            passed.iter().all(|passes| *passes == passed[0]),
            "{passed:?}"
        );
        passed[0]
    }

    #[test]
    fn frames_pass_however_many_there_are() {
        let text = format!("${0}\r\n{1}\r\n", 60_000, "\r\n$9".repeat(15_000));
        for frame in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":7\r\n",
            "_\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "*-1\r\n",
            "*0\r\n",
            "%1\r\n$5\r\nproto\r\n:3\r\n",
            "|1\r\n+a\r\n+b\r\n*2\r\n:1\r\n~1\r\n#t\r\n",
            &text,
            &format!(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n{text}"),
        ] {
            let enough = 3 * FRAME_BYTES_MAX / frame.len();
            assert!(passes(frame.repeat(enough).as_bytes()), "{frame:.40}");
        }
    }

    #[test]
    fn what_is_too_long_is_told_by_its_first_bytes() {
        for frame in [
            "$131072\r\n",
            "$99999999999999999999999\r\n",
            "*50000\r\n",
            "%25000\r\n",
            "|25000\r\n",
            ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$536870912\r\n",
            // Each is short enough, and all together are not.
            &"*1000\r\n".repeat(50),
            &format!("*3\r\n{}", "$60000\r\n".to_owned() + &"x".repeat(60_002)).repeat(3),
            &"+".repeat(FRAME_BYTES_MAX + 1),
        ] {
            assert!(!passes(frame.as_bytes()), "{frame:.40}");
        }
    }
}
