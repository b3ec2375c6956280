//! One HTTP/1.1 connection: opened to a checked address, driven by whoever uses it.
//!
//! There is no background task: the connection advances inside the exchange, so dropping an exchange closes its
//! connection, and a request that hyper hands back unsent is proof that no byte of it went out.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Host;

use super::guard::{Origin, Target};
use super::{BodyEnd, Response};
use crate::failure::{Failure, Stage};

/// How long one address may take to be connected to, TLS included, before the next is tried.
const CONNECT_MAX: Duration = Duration::from_secs(10);

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl Wire for TcpStream {}
impl Wire for tokio_rustls::client::TlsStream<TcpStream> {}

type Driver = http1::Connection<TokioIo<Box<dyn Wire>>, Full<Bytes>>;

/// An open connection.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Pin<Box<Driver>>,
    closed: bool,
    peer: SocketAddr,
}

/// What became of a request that was handed to a connection.
pub(super) enum Exchange {
    /// An answer came; the connection, where it can be used again.
    Answered(Box<Response>, Option<Connection>),
    /// Proven: no byte of the request went out. It is handed back.
    NotSent(Request<Full<Bytes>>, String),
    /// It may have arrived.
    Lost(Failure),
}

impl Connection {
    /// Connects to the first address that answers.
    pub(super) async fn open(
        target: &Target,
        tls: &Arc<ClientConfig>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let mut reason = "no time left".to_owned();
        for address in &target.addresses {
            let until = deadline.min(Instant::now() + CONNECT_MAX);
            match timeout_at(until, connect(*address, &target.origin, tls)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => reason = error,
                Err(_) => reason = format!("{address} did not answer in time"),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(Failure::new(
            Stage::NotSent,
            "http.connect",
            format!("no connection to {}: {reason}", target.origin),
        ))
    }

    /// The address it goes to.
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Whether the peer has left it open and silent.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.closed |= self.driver.as_mut().poll(cx).is_ready();
            Poll::Ready(!self.closed && self.sender.is_ready())
        })
        .await
    }

    /// Sends a request and reads its answer, at most `body_max` bytes of it.
    pub(super) async fn exchange(
        mut self,
        request: Request<Full<Bytes>>,
        body_max: usize,
        deadline: Instant,
    ) -> Exchange {
        // Whoever stood still on the way here sends nothing any more: others may take it for ended.
        if Instant::now() >= deadline {
            return Exchange::NotSent(request, "no time left".to_owned());
        }
        let sending = self.sender.try_send_request(request);
        let answer =
            match timeout_at(deadline, drive(&mut self.driver, &mut self.closed, sending)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(mut error)) => {
                    let reason = chain(error.error());
                    return match error.take_message() {
                        Some(request) => Exchange::NotSent(request, reason),
                        None => Exchange::Lost(Failure::new(
                            Stage::Sent,
                            "http.cut",
                            format!("the connection broke: {reason}"),
                        )),
                    };
                }
                Err(_) => {
                    return Exchange::Lost(Failure::new(
                        Stage::Sent,
                        "http.timeout",
                        "no answer in time",
                    ));
                }
            };
        let (head, incoming) = answer.into_parts();
        let mut body = Vec::new();
        let reading = read(incoming, &mut body, body_max);
        let end = timeout_at(deadline, drive(&mut self.driver, &mut self.closed, reading))
            .await
            .unwrap_or(BodyEnd::TimedOut);
        let response = Response {
            status: head.status,
            headers: head.headers,
            body,
            end,
        };
        let reusable = end == BodyEnd::Whole && self.is_usable().await;
        Exchange::Answered(Box::new(response), reusable.then_some(self))
    }
}

async fn connect(
    address: SocketAddr,
    origin: &Origin,
    tls: &Arc<ClientConfig>,
) -> Result<Connection, String> {
    let tcp = TcpStream::connect(address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    tcp.set_nodelay(true)
        .map_err(|error| format!("{address}: {error}"))?;
    let wire: Box<dyn Wire> = if origin.tls {
        let name = server_name(&origin.host)?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
        Box::new(stream.map_err(|error| format!("TLS with {origin}: {error}"))?)
    } else {
        Box::new(tcp)
    };
    let opened = http1::handshake(TokioIo::new(wire)).await;
    let (sender, driver) = opened.map_err(|error| format!("{address}: {error}"))?;
    Ok(Connection {
        sender,
        driver: Box::pin(driver),
        closed: false,
        peer: address,
    })
}

fn server_name(host: &Host<String>) -> Result<ServerName<'static>, String> {
    match host {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|_| format!("{name} is no name for TLS"))
        }
        Host::Ipv4(address) => Ok(ServerName::from(std::net::IpAddr::V4(*address))),
        Host::Ipv6(address) => Ok(ServerName::from(std::net::IpAddr::V6(*address))),
    }
}

/// Runs `work` while driving the connection it depends on.
async fn drive<T>(
    driver: &mut Pin<Box<Driver>>,
    closed: &mut bool,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if !*closed {
            *closed = driver.as_mut().poll(cx).is_ready();
        }
        // What the driver has just read may be what the work waits for.
        work.as_mut().poll(cx)
    })
    .await
}

async fn read(mut incoming: Incoming, body: &mut Vec<u8>, body_max: usize) -> BodyEnd {
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else {
            return BodyEnd::Cut;
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = body_max - body.len();
        body.extend(data.iter().take(room));
        if data.len() > room {
            return BodyEnd::OverLimit;
        }
    }
    BodyEnd::Whole
}

/// An error with its causes, which hyper keeps out of its text.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| (*error).source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
