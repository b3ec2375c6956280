//! Finds requests that state their length in two ways, on the raw bytes of an HTTP/1 connection.
//!
//! hyper takes `Transfer-Encoding` and drops `Content-Length` before anybody can see that both were there (RFC 9112 §6.3
//! allows that and calls it an attack). This reads heads only as far as needed to find the next one: names, and one
//! number. Where it could lose its place it stops, after the first chunked body, which is its connection's last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
/// What an HTTP/2 connection begins with; its frames carry their own lengths.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n";
/// Bytes kept of a line: the longest name looked for, its colon, and a length with spaces around it.
const LINE_BYTES_KEPT: usize = 128;

/// Whether a connection has carried an ambiguous request.
#[derive(Debug, Clone, Default)]
pub(super) struct Suspicion(Arc<AtomicBool>);

impl Suspicion {
    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Where in the connection's bytes we are.
#[derive(Debug)]
pub(super) struct Framing {
    suspicion: Suspicion,
    place: Place,
    line: Vec<u8>,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a request's head.
    Head,
    /// In a body with so many bytes to go.
    Body(u64),
    /// Nothing more is watched.
    Off,
}

#[derive(Debug, Default)]
struct Head {
    /// Whether its request line has been read.
    begun: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    pub(super) fn new(suspicion: Suspicion) -> Self {
        Self {
            suspicion,
            place: Place::Head,
            line: Vec::with_capacity(LINE_BYTES_KEPT),
            head: Head::default(),
        }
    }

    /// Takes the bytes that came next.
    pub(super) fn watch(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.place {
                Place::Off => return,
                Place::Body(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(taken..).unwrap_or_default();
                    let left = left - taken as u64;
                    self.place = if left == 0 {
                        Place::Head
                    } else {
                        Place::Body(left)
                    };
                }
                Place::Head => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let line = end.map_or(bytes, |end| bytes.get(..end).unwrap_or_default());
                    let room = LINE_BYTES_KEPT - self.line.len();
                    self.line
                        .extend_from_slice(line.get(..room).unwrap_or(line));
                    bytes = end.and_then(|end| bytes.get(end + 1..)).unwrap_or_default();
                    if end.is_some() {
                        self.line_ends();
                    }
                }
            }
        }
    }

    fn line_ends(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\r").unwrap_or(&line);
        if text.is_empty() && self.head.begun {
            self.head_ends();
        } else if !self.head.begun {
            // Empty lines before a request line are passed over (RFC 9112 §2.2).
            self.head.begun = !text.is_empty();
            if HTTP2.strip_suffix(b"\r\n") == Some(text) {
                self.place = Place::Off;
            }
        } else if let Some(colon) = text.iter().position(|byte| *byte == b':') {
            let (name, value) = text.split_at(colon);
            self.header(name, value.get(1..).unwrap_or_default());
        }
        self.line = line;
        self.line.clear();
    }

    fn header(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(TRANSFER_ENCODING) {
            self.head.chunked = true;
        } else if name.eq_ignore_ascii_case(CONTENT_LENGTH) {
            // What hyper cannot read as a number it refuses, and closes the connection.
            let number = std::str::from_utf8(value.trim_ascii())
                .ok()
                .and_then(|text| text.parse().ok());
            self.head.length = Some(number.unwrap_or(0));
        }
    }

    fn head_ends(&mut self) {
        let head = std::mem::take(&mut self.head);
        if head.chunked && head.length.is_some() {
            self.suspicion.0.store(true, Ordering::Release);
        }
        self.place = match head.length {
            _ if head.chunked => Place::Off,
            Some(length) if length > 0 => Place::Body(length),
            Some(_) | None => Place::Head,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a connection with these bytes is suspected, however they are cut.
    fn check(bytes: &str) -> bool {
        let verdict = |size: usize| {
            let suspicion = Suspicion::default();
            let mut framing = Framing::new(suspicion.clone());
            bytes
                .as_bytes()
                .chunks(size)
                .for_each(|chunk| framing.watch(chunk));
            suspicion.is_raised()
        };
        let whole = verdict(bytes.len());
        for size in 1..40 {
            assert_eq!(verdict(size), whole, "cut at {size}");
        }
        whole
    }

    #[test]
    fn both_headers_in_one_head_are_found_in_any_order_and_spelling() {
        assert!(check(
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        ));
        assert!(check(
            "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\nHost: a\r\nCONTENT-LENGTH:0\r\n\r\n"
        ));
        assert!(check(
            "\r\n\r\nPOST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 1\n\n"
        ));
        let long = "x".repeat(5_000);
        assert!(check(&format!(
            "POST /{long} HTTP/1.1\r\nA: {long}\r\nTransfer-Encoding: {long}\r\nContent-Length: 1\r\n\r\n"
        )));
    }

    #[test]
    fn a_later_request_is_found_behind_a_body_that_looks_like_a_head() {
        let body = "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n";
        let first = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert!(!check(&first));
        assert!(!check(&format!(
            "{first}GET / HTTP/1.1\r\nHost: a\r\n\r\n{first}"
        )));
        assert!(check(&format!("{first}{body}")));
    }

    #[test]
    fn one_of_them_alone_is_fine() {
        assert!(!check(
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
        ));
        assert!(!check(
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        ));
        assert!(!check(
            "GET / HTTP/1.1\r\nX: Content-Length: 3\r\nTransfer-Encoding-X: y\r\n\r\n"
        ));
        assert!(!check(
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ncontent-length: 1\r\ntransfer-encoding: x\r\n\r\n"
        ));
    }
}
