//! Redis, of the distribution. It keeps nothing on a disk: killed, it comes back empty.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use crate::port::free_ports;
use crate::process::{End, Error, Process, folder, start};
use crate::program;

/// How long one answer may take; it is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A server of Redis.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&[])
    }

    /// Starts a server with settings such as `--rename-command`, each word by itself. It has to answer without a password.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn start_with(settings: &[&str]) -> Result<Self, Error> {
        let program = program()?.display().to_string();
        let dir = folder("redis", None)?;
        let [port] = free_ports()?;
        let (port_text, data) = (port.to_string(), dir.display().to_string());
        let mut server = vec![
            program.as_str(),
            "--port",
            &port_text,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            &data,
        ];
        server.extend(settings);
        let server = Self {
            process: start("redis", (&dir, port), &server, End::Told)?,
            port,
        };
        server.wait()?;
        Ok(server)
    }

    /// The server that all tests of this process share.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Result<Redis, Error>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start);
        shared.as_ref().map_err(|error| error.again("redis"))
    }

    /// Its URL, which needs no password.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it, as a machine that loses its power does. Blocks until it is gone.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not run.
    pub fn kill(&self) -> Result<(), Error> {
        self.process.kill(self.process.server()?)
    }

    /// Starts it again after [`Redis::kill`], empty, on the same port.
    ///
    /// # Errors
    /// [`Error`] where it does not come back.
    pub fn start_again(&self) -> Result<(), Error> {
        self.process.start_again()?;
        self.wait()
    }

    /// Waits until it answers: it accepts connections a moment before.
    fn wait(&self) -> Result<(), Error> {
        self.process.wait_until(|| match self.answers() {
            Ok(true) => Ok(()),
            other => Err(format!("it does not answer: {other:?}")),
        })
    }

    fn answers(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(answer == *b"+PONG")
    }
}

fn program() -> Result<PathBuf, Error> {
    program::on_path("redis-server").ok_or(Error::Missing {
        program: "Redis",
        remedy: "`.ci/tools` installs it, or: apt-get install redis-server",
    })
}
