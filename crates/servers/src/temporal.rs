//! Temporal's development server: one process, one history shard, one SQLite file. Right for tests, wrong for figures.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::http;
use crate::port::free_ports;
use crate::process::{End, Error, Process, folder, start};
use crate::program;

/// Where `.ci/tools` puts the command line that has the server; versions after this one cannot be had by `go install`.
const FOLDER: &str = "temporal-1.5.1";
/// What the server looks for at most 20 times a second unless told otherwise, which adds up to 50 ms to every dispatch.
const OFTEN: [&str; 3] = [
    "history.transferProcessorMaxPollRPS=200",
    "history.timerProcessorMaxPollRPS=200",
    "history.visibilityProcessorMaxPollRPS=200",
];

/// A development server of Temporal.
#[derive(Debug)]
pub struct Temporal {
    process: Process,
    port: u16,
    http: u16,
}

impl Temporal {
    /// Starts a server, whose namespace is `default`.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn start() -> Result<Self, Error> {
        let program = program()?.display().to_string();
        let dir = folder("temporal", None)?;
        let [port, http, metrics] = free_ports()?;
        let data = dir.join("dev.db").display().to_string();
        let ports = [port, http, metrics].map(|port| port.to_string());
        let mut server = vec![
            program.as_str(),
            "server",
            "start-dev",
            "--headless",
            "--ip",
            "127.0.0.1",
            "--port",
            &ports[0],
            "--http-port",
            &ports[1],
            "--metrics-port",
            &ports[2],
            "--db-filename",
            &data,
            "--log-level",
            "error",
        ];
        server.extend(
            OFTEN
                .iter()
                .flat_map(|value| ["--dynamic-config-value", value]),
        );
        let server = Self {
            process: start("temporal", (&dir, port), &server, End::Killed)?,
            port,
            http,
        };
        server.wait()?;
        Ok(server)
    }

    /// The server that all tests of this process share.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Result<Temporal, Error>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start);
        shared.as_ref().map_err(|error| error.again("temporal"))
    }

    /// `host:port` of its frontend.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of its frontend.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of its HTTP API.
    pub fn http_port(&self) -> u16 {
        self.http
    }

    /// Kills it, as a machine that loses its power does. Blocks until it is gone.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not run.
    pub fn kill(&self) -> Result<(), Error> {
        self.process.kill(self.process.server()?)
    }

    /// Starts it again after [`Temporal::kill`], on the same data and port.
    ///
    /// # Errors
    /// [`Error`] where it does not come back.
    pub fn start_again(&self) -> Result<(), Error> {
        self.process.start_again()?;
        self.wait()
    }

    /// Waits until it knows its namespace: it accepts connections before.
    fn wait(&self) -> Result<(), Error> {
        self.process.wait_until(|| {
            match http::ask(self.http, "GET /api/v1/namespaces/default", "") {
                Ok((200, _)) => Ok(()),
                other => Err(format!("its namespace is not there: {other:?}")),
            }
        })
    }
}

fn program() -> Result<PathBuf, Error> {
    program::tool(FOLDER, "temporal")
        .or_else(|| program::on_path("temporal"))
        .ok_or(Error::Missing {
            program: "the development server of Temporal",
            remedy: "`.ci/tools` builds it, which takes Go: go install github.com/temporalio/cli/cmd/temporal@v1.5.1",
        })
}
