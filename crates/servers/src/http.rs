//! One question to the HTTP API of a server, to learn whether it is ready; no client for anything else.

use std::io::{Error, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// How long one answer may take; whoever asks asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks, such as `GET /path`, and returns the status and the body of the answer.
pub(crate) fn ask(port: u16, request: &str, body: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let length = body.len();
    // Of HTTP/1.0, so that the answer comes whole and ends with the connection.
    write!(
        stream,
        "{request} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| Error::other("it does not answer in HTTP"))?;
    Ok((status, body.to_owned()))
}
