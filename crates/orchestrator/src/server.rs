//! The listener: HTTP/1.1 and HTTP/2 on one port, with a deadline for everything a client can be slow at.
//!
//! What it guards: headers late, connections without end, a request whose length can be read in two ways. Bodies are
//! bounded where they are read (`body`), requests counted and named where they are answered (`context`).

mod framing;
mod watched;

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{CONNECTION, HeaderValue, TRANSFER_ENCODING};
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service as _;

use self::framing::Suspicion;
use self::watched::Watched;

/// Longest wait for a request's headers (CONTRACT §2).
pub(crate) const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// Connections at once; past them a new one waits in the kernel's queue.
const CONNECTIONS_MAX: usize = 4_096;
/// Bytes of one request's headers, and of the buffer they are read into.
const HEADER_BYTES_MAX: usize = 64 * 1_024;
/// Headers of one request.
const HEADERS_MAX: usize = 100;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// How often a silent HTTP/2 connection is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Pause after the system refused a connection, as it does when files run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the listener waits for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// For a request's headers.
    pub(crate) headers: Duration,
    /// For what is under way at shutdown.
    pub(crate) drain: Duration,
}

/// Who is at the other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether a request on its connection stated its length in two ways.
    pub(crate) ambiguous: bool,
}

/// Serves until `shutdown`, then lets what is under way end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    deadlines: Deadlines,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        // Every arm is cancel safe: a permit or a connection that was not taken is not lost.
        let place = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let connection = connection(
                    stream,
                    address,
                    router.clone(),
                    (deadlines.headers, stopping.clone()),
                );
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection refused by the system");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(deadlines.drain, all).await.is_err() {
        tracing::warn!(left = connections.len(), "connections cut at shutdown");
    }
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    (headers_within, mut stopping): (Duration, watch::Receiver<bool>),
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection gone before it began");
        return;
    }
    let suspicion = Suspicion::default();
    let begun = Arc::new(AtomicBool::new(false));
    let (seen, suspected) = (Arc::clone(&begun), suspicion.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        seen.store(true, Ordering::Relaxed);
        let peer = Peer {
            address: address.ip(),
            ambiguous: suspected.is_raised(),
        };
        answer(router.clone(), request, peer)
    });
    let builder = builder(headers_within);
    let mut connection =
        pin!(builder.serve_connection(TokioIo::new(Watched::new(stream, suspicion)), service));
    // hyper's own header timeout begins once the protocol is known; this one covers the wait for its first byte.
    let mut first = pin!(tokio::time::sleep(headers_within));
    let mut waiting = true;
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection ended early");
                }
                return;
            }
            () = &mut first, if waiting => {
                if !begun.load(Ordering::Relaxed) {
                    return;
                }
                waiting = false;
            }
            stopped = stopping.wait_for(|stop| *stop) => {
                drop(stopped);
                connection.as_mut().graceful_shutdown();
                break;
            }
        }
    }
    if let Err(error) = connection.await {
        tracing::debug!(error, "connection ended early");
    }
}

fn builder(headers_within: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(headers_within)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(headers_within);
    builder
}

async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    peer: Peer,
) -> Result<Response, Infallible> {
    // Framing is watched up to the first chunked body, so that is the last request of its connection.
    let last = peer.ambiguous
        || (request.version() < Version::HTTP_2
            && request.headers().contains_key(TRANSFER_ENCODING));
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    let mut answer = router.call(request).await?;
    if last {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}
