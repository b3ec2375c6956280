//! Two HTTP servers on loopback: a proper one, and one that answers whatever bytes a test gives it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as a server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A server; it ends with this value.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// A proper server, which answers each request by a function.
    pub(crate) async fn start(
        answer: impl Fn(&Seen) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request| {
            let (record, answer) = (Arc::clone(&record), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let body =
                    String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
                let seen = Seen {
                    method: head.method.to_string(),
                    uri: head.uri.to_string(),
                    headers: head.headers,
                    body,
                };
                record.lock().unwrap().push(seen.clone());
                answer(&seen)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            seen,
            serving,
        }
    }

    /// Serves the scripts, one per connection, in order; further connections are closed at once.
    pub(crate) async fn scripted(scripts: Vec<Script>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut scripts = scripts.into_iter();
            let mut open = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let record = Arc::clone(&record);
                if let Some(script) = scripts.next() {
                    open.spawn(play(stream, script, record));
                }
            }
        });
        Self {
            address,
            seen,
            serving,
        }
    }

    /// The requests that have arrived.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// What happens on one connection: for each request the bytes that answer it, and then the end.
#[derive(Clone)]
pub(crate) struct Script {
    answers: Vec<&'static [u8]>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// The connection is closed.
    Close,
    /// One more request is read, then the connection is closed.
    CloseAfterRequest,
    /// Nothing more ever comes.
    Silence,
}

/// A connection that answers like this and then ends like that.
pub(crate) fn script(answers: &[&'static [u8]], end: End) -> Script {
    Script {
        answers: answers.to_vec(),
        end,
    }
}

pub(crate) async fn play(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    for answer in script.answers {
        let Some(request) = read_request(&mut stream).await else {
            return;
        };
        seen.lock().unwrap().push(request);
        stream.write_all(answer).await.unwrap();
        stream.flush().await.unwrap();
    }
    if script.end != End::Close {
        if let Some(request) = read_request(&mut stream).await {
            seen.lock().unwrap().push(request);
        }
        if script.end == End::Silence {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        match bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(at) => break at,
            None if stream.read_buf(&mut bytes).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap().split(' ');
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    let headers: HeaderMap = headers
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let body = String::from_utf8(bytes[head_end + 4..].to_vec()).unwrap();
    let mut word = || request.next().unwrap().to_owned();
    Some(Seen {
        method: word(),
        uri: word(),
        headers,
        body,
    })
}
