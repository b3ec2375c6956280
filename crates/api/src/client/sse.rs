//! Reading a stream of server-sent events: bytes in, data out.

use super::ClientError;

/// Longest line that is read; an event's data is one line of at most a goal's largest payloads.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What has arrived of a stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    /// Takes what has arrived.
    ///
    /// # Errors
    /// A line is longer than any event of ours.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        if self.bytes.len() + chunk.len() > LINE_BYTES_MAX {
            return Err(ClientError::Unexpected("an event is too long".into()));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// The data of the next event; `None`: it has not arrived whole. Comments and other fields are passed over.
    pub(super) fn data(&mut self) -> Option<Vec<u8>> {
        loop {
            let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
            let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
            while line
                .last()
                .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
            {
                line.pop();
            }
            if let Some(data) = line.strip_prefix(b"data:") {
                return Some(data.strip_prefix(b" ").unwrap_or(data).to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_found_however_the_bytes_are_cut() {
        let stream =
            b": hello\n\nid: 1\nevent: a\ndata: {\"x\":1}\n\nid:2\r\ndata:{}\r\n\r\n: bye\n\n";
        for cut in 1..stream.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for chunk in stream.chunks(cut) {
                lines.push(chunk).unwrap();
                found.extend(std::iter::from_fn(|| lines.data()));
            }
            assert_eq!(
                found,
                [b"{\"x\":1}".to_vec(), b"{}".to_vec()],
                "cut at {cut}"
            );
        }
    }
}
