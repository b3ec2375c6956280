//! A network that can be cut: a proxy between a store and its server.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long each piece is on its way over a slow network.
const DELAY: Duration = Duration::from_millis(3);

/// How the network treats what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It passes.
    Pass,
    /// It passes late.
    Delay,
    /// Every connection is cut, and new ones are at once.
    Cut,
    /// A connection is cut before its next COMMIT comes to the server.
    CutBeforeCommit,
    /// A connection is cut after it, before the answer.
    CutAfterCommit,
    /// The client hears no more than the end of the connection; the server does not.
    HalfToClient,
    /// The other way round.
    HalfToServer,
    /// Nothing passes until it may again, and nobody is told.
    Silent,
    /// The same from a connection's next COMMIT on.
    SilentFromCommit,
}

/// A proxy on a port of loopback.
pub struct Proxy {
    pub port: u16,
    how: watch::Sender<How>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Stands between whoever connects to it and a server on a port.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let how = watch::Sender::new(How::Pass);
        let watched = how.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(between(client, server, watched.subscribe()));
            }
        });
        Self {
            port,
            how,
            accepting,
        }
    }

    /// From now on.
    pub fn set(&self, how: How) {
        self.how.send_replace(how);
    }

    /// A URL of the server, as it is reached through here.
    pub fn url(&self, url: &str) -> String {
        let (before, after) = url.rsplit_once(':').unwrap();
        let (_, database) = after.split_once('/').unwrap();
        format!("{before}:{}/{database}", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.how.send_replace(How::Cut);
        self.accepting.abort();
    }
}

async fn between(client: TcpStream, server: u16, how: watch::Receiver<How>) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else {
        return;
    };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    // Whichever ends first cuts the other; nothing that it holds is of use then.
    tokio::select! {
        () = pump(from_client, to_server, true, how.clone()) => {}
        () = pump(from_server, to_client, false, how) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    to_server: bool,
    mut how: watch::Receiver<How>,
) {
    let mut buffer = vec![0; 1 << 16];
    how.mark_changed();
    loop {
        // Both arms lose nothing when the other is taken.
        let read = tokio::select! {
            changed = how.changed() => {
                let now = *how.borrow_and_update();
                if changed.is_err() || now == How::Cut {
                    return;
                }
                let half = if to_server { How::HalfToServer } else { How::HalfToClient };
                if now == half {
                    drop(to.shutdown().await);
                    return std::future::pending().await;
                }
                continue;
            }
            read = from.read(&mut buffer) => read,
        };
        let Ok(count @ 1..) = read else { return };
        let piece = &buffer[..count];
        let commits = to_server && piece.windows(7).any(|word| word == b"COMMIT\0");
        let now = *how.borrow();
        match now {
            How::Cut => return,
            How::CutBeforeCommit if commits => return,
            How::Delay => tokio::time::sleep(DELAY).await,
            How::Silent => drop(how.wait_for(|how| *how != How::Silent).await),
            How::SilentFromCommit if commits => {
                drop(how.wait_for(|how| *how != How::SilentFromCommit).await);
            }
            _ => {}
        }
        if to.write_all(piece).await.is_err() || (now == How::CutAfterCommit && commits) {
            return;
        }
    }
}
