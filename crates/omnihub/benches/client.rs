//! A client that costs little: one keep-alive connection, one request at a time.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection to the server.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    head: String,
}

impl Client {
    pub(crate) async fn connect(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "host: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        );
        Self {
            stream,
            buffer: Vec::with_capacity(16 * 1_024),
            head,
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        prefer: &str,
        body: &str,
    ) -> (u16, String) {
        let head = &self.head;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{head}{prefer}content-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        let (head_end, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            if let Some(end) = self
                .buffer
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length")
                        .then(|| value.trim().parse::<usize>().unwrap())
                });
                break (end + 4, length.expect("an answer with its length"));
            }
        };
        while self.buffer.len() < head_end + length {
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
        }
        let status = std::str::from_utf8(&self.buffer[9..12])
            .unwrap()
            .parse()
            .unwrap();
        (
            status,
            String::from_utf8(self.buffer[head_end..head_end + length].to_vec()).unwrap(),
        )
    }
}
