//! The receiver: a small HTTP server on two ports of loopback, one declared to honour `Idempotency-Key`, one not.
//!
//! Law: an arrival is in the books before its key, its body or anything else of it is looked at. When the child is killed
//! its requests are dropped where they stand, so a change may have been applied or not: only the books know.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::books::{Books, End, Port};
use super::effect::EffectId;
use super::script::{Arriving, Ending, script};

/// A request that is no effect; its answer says that every connection before it was seen.
const FENCE: &[u8] = b"GET /fence HTTP/1.1\r\nhost: receiver\r\nconnection: close\r\n\r\n";

/// The receiver, running until it is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Where it honours keys.
    pub(crate) declared: SocketAddr,
    /// Where it does not.
    pub(crate) undeclared: SocketAddr,
    /// What it has written down.
    pub(crate) books: Books,
    connections: Arc<Mutex<Connections>>,
    /// Aborted when it is dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: BTreeSet<u64>,
    /// Those with a smaller number belong to processes that are dead.
    dead_before: u64,
}

/// The receiver cuts the connection instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the receiver cuts the connection")]
struct Cut;

#[derive(Clone)]
struct Desk {
    seed: u64,
    port: Port,
    books: Books,
    connections: Arc<Mutex<Connections>>,
}

impl Receiver {
    /// Starts it on two free ports.
    ///
    /// # Errors
    /// The system gives no port.
    pub(crate) async fn start(seed: u64) -> Result<Self> {
        let (books, connections, mut tasks) = (Books::default(), Arc::default(), JoinSet::new());
        let mut addresses = Vec::new();
        for port in [Port::Declared, Port::Undeclared] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .context("the receiver gets no port")?;
            addresses.push(listener.local_addr()?);
            let desk = Desk {
                seed,
                port,
                books: books.clone(),
                connections: Arc::clone(&connections),
            };
            tasks.spawn(desk.listen(listener));
        }
        let [declared, undeclared] =
            <[SocketAddr; 2]>::try_from(addresses).unwrap_or([([0; 4], 0).into(); 2]);
        Ok(Self {
            declared,
            undeclared,
            books,
            connections,
            _tasks: tasks,
        })
    }

    /// Called when a process is dead: every connection it made counts as a dead one's from now on.
    ///
    /// # Errors
    /// A port does not answer.
    pub(crate) async fn fence(&self) -> Result<()> {
        for address in [self.declared, self.undeclared] {
            // Connections are accepted in the order in which they were made.
            let mut stream = TcpStream::connect(address)
                .await
                .context("the receiver does not answer")?;
            stream.write_all(FENCE).await?;
            stream.read_to_end(&mut Vec::new()).await?;
        }
        let mut connections = lock(&self.connections);
        connections.dead_before = connections.next;
        Ok(())
    }

    /// Whether nothing can still happen on account of a process that is dead.
    pub(crate) fn past_is_over(&self) -> bool {
        let connections = lock(&self.connections);
        connections
            .open
            .first()
            .is_none_or(|first| *first >= connections.dead_before)
    }
}

impl Desk {
    async fn listen(self, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            // Both arms are cancel safe. An accept that fails has left a connection that is gone already.
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        open.spawn(self.clone().serve(stream, self.enter()));
                    }
                }
                Some(ended) = open.join_next() => drop(ended),
            }
        }
    }

    fn enter(&self) -> Entry {
        let mut connections = lock(&self.connections);
        let number = connections.next;
        connections.next += 1;
        connections.open.insert(number);
        Entry {
            number,
            connections: Arc::clone(&self.connections),
        }
    }

    async fn serve(self, stream: TcpStream, entry: Entry) {
        let service = service_fn(|request| self.answer(request));
        let connection = hyper::server::conn::http1::Builder::new()
            // A connection that is kept open by a process that lives would look like a dead one's that is not over.
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        // How a connection ends is in the books, request by request.
        drop(connection.await);
        drop(entry);
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        let Ok(effect) = request.uri().path().parse::<EffectId>() else {
            return Ok(response(StatusCode::NOT_FOUND, Bytes::new()));
        };
        let key = request
            .headers()
            .get("idempotency-key")
            .and_then(|key| key.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let visit = self.books.arrive(effect, self.port, key.clone());
        // A body that does not come whole is a client that is gone: the visit is dropped with this future.
        drop(request.into_body().collect().await.map_err(|_| Cut)?);

        let applied = self.port == Port::Declared && self.books.knows(&key);
        let repaired = self.books.is_repaired(effect.goal);
        let script = script(
            self.seed,
            Arriving {
                effect,
                nth: visit.nth,
                applied,
                repaired,
            },
        );
        tokio::time::sleep(script.before).await;
        if script.apply {
            self.books.apply(effect, self.port, &key);
        }
        tokio::time::sleep(script.after).await;
        match script.end {
            Ending::Cut => {
                visit.end(End::Cut);
                Err(Cut)
            }
            Ending::Answer(status) => {
                visit.end(End::Answered(status));
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Ok(response(
                    status,
                    Bytes::from(answer_body(effect).to_string()),
                ))
            }
        }
    }
}

/// What the receiver answers where it did an effect: the same for every repeat.
pub(crate) fn answer_body(effect: EffectId) -> serde_json::Value {
    json!({ "done": effect.to_string(), "item": effect.item })
}

/// An open connection; closed when it is dropped.
struct Entry {
    number: u64,
    connections: Arc<Mutex<Connections>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.connections).open.remove(&self.number);
    }
}

fn response(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}

fn lock(connections: &Mutex<Connections>) -> std::sync::MutexGuard<'_, Connections> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
