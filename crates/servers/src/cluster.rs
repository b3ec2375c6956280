//! The real server of Temporal on a PostgreSQL: many history shards, and room for load. Right for figures.
//!
//! One process has all of its services. It is no part of what CI starts: building it takes minutes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::http;
use crate::port::{free_ports, low_ports};
use crate::postgres::{OWNER, Postgres};
use crate::process::{End, Error, Process, folder, run, start};
use crate::program;

/// Where `.ci/tools cluster` puts the server and the tool that makes its tables.
const FOLDER: &str = "temporal-server-1.32.0";
/// How it is set up, and what it is told beside.
const CONFIG: &str = include_str!("cluster/temporal.yaml");
const DYNAMIC: &str = include_str!("cluster/dynamic.yaml");
/// The ports that the setup names.
const PORTS: [&str; 5] = [
    "<frontend>",
    "<http>",
    "<history>",
    "<matching>",
    "<worker>",
];
/// Those by which its services find each other; its tables on Postgres have a SMALLINT for them.
const MEMBERS: [&str; 4] = [
    "<frontend-membership>",
    "<history-membership>",
    "<matching-membership>",
    "<worker-membership>",
];
/// Its databases, and which of the tool's schemas is for which.
const DATABASES: [(&str, &str); 2] = [
    ("temporal", "postgresql/v12/temporal"),
    ("temporal_visibility", "postgresql/v12/visibility"),
];
/// The namespace that it has; what is over is kept for a day, the least that it allows.
const NAMESPACE: &str = r#"{"namespace": "default", "workflowExecutionRetentionPeriod": "86400s"}"#;

/// A real server of Temporal.
#[derive(Debug)]
pub struct TemporalCluster {
    process: Process,
    port: u16,
    http: u16,
}

impl TemporalCluster {
    /// Starts a server, whose namespace is `default`, with databases of its own on a PostgreSQL.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had; [`Error::Failed`] where that PostgreSQL has one, with which it would share the work.
    pub fn start(postgres: &Postgres) -> Result<Self, Error> {
        let (server, sql) = (program("server")?, program("sql")?);
        for (database, schema) in DATABASES {
            make(&sql, postgres, (database, schema))?;
        }
        let dir = folder("temporal-cluster", None)?;
        let (config, [port, http]) = configure(&dir, postgres)?;
        let [server, config] = [server, config].map(|path| path.display().to_string());
        let server = [
            &server,
            "--config-file",
            &config,
            "--allow-no-auth",
            "start",
        ];
        let server = Self {
            process: start("temporal", (&dir, http), &server, End::Killed)?,
            port,
            http,
        };
        server.found()?;
        server.wait()?;
        Ok(server)
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

    /// Kills it, as a machine that loses its power does; the PostgreSQL goes on. Blocks until it is gone.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not run.
    pub fn kill(&self) -> Result<(), Error> {
        self.process.kill(self.process.server()?)
    }

    /// Starts it again after [`TemporalCluster::kill`], on the same databases and ports.
    ///
    /// # Errors
    /// [`Error`] where it does not come back.
    pub fn start_again(&self) -> Result<(), Error> {
        self.process.start_again()?;
        self.wait()
    }

    /// Makes its namespace.
    fn found(&self) -> Result<(), Error> {
        // An answer may be lost, so that only this one says for certain that it is there.
        self.ask_until("already exists", "POST /api/v1/namespaces", NAMESPACE)
    }

    /// Waits until it has looked for a workflow that is not there: its services find each other, and hear of the
    /// namespace, a while after it accepts connections.
    fn wait(&self) -> Result<(), Error> {
        let lookup = "GET /api/v1/namespaces/default/workflows/none";
        self.ask_until("workflow not found", lookup, "")
    }

    /// Asks until the answer has a certain text.
    fn ask_until(&self, text: &str, request: &str, body: &str) -> Result<(), Error> {
        self.process.wait_until(|| {
            let answer = http::ask(self.http, request, body);
            match &answer {
                Ok((_, answer)) if answer.contains(text) => Ok(()),
                _ => Err(format!("{request}: {answer:?}")),
            }
        })
    }
}

/// Makes a database of the server, with its tables.
fn make(sql: &Path, postgres: &Postgres, (database, schema): (&str, &str)) -> Result<(), Error> {
    let tool = |arguments: &[&str]| {
        let mut tool = Command::new(sql);
        tool.args(["--plugin", "postgres12_pgx", "--endpoint", "127.0.0.1"]);
        tool.args(["--port", &postgres.port().to_string(), "--user", OWNER]);
        tool.args(["--database", database]).args(arguments);
        run(&mut tool)
    };
    postgres.sql(OWNER, &format!("CREATE DATABASE {database}"))?;
    tool(&["setup-schema", "--version", "0.0"])?;
    tool(&["update-schema", "--schema-name", schema])?;
    Ok(())
}

/// Writes how it is set up into its folder; returns the file, and the ports of its frontend and of its HTTP API.
fn configure(dir: &Path, postgres: &Postgres) -> Result<(PathBuf, [u16; 2]), Error> {
    let ports: [_; PORTS.len()] = free_ports()?;
    let members: [_; MEMBERS.len()] = low_ports()?;
    let (file, dynamic) = (dir.join("temporal.yaml"), dir.join("dynamic.yaml"));
    let config = CONFIG
        .replace("<postgres>", &postgres.port().to_string())
        .replace("<user>", OWNER)
        .replace("<dynamic>", &dynamic.display().to_string());
    let written = PORTS.iter().zip(ports).chain(MEMBERS.iter().zip(members));
    let config = written.fold(config, |config, (name, port)| {
        config.replace(name, &port.to_string())
    });
    std::fs::write(&file, config)?;
    std::fs::write(dynamic, DYNAMIC)?;
    let [port, http, ..] = ports;
    Ok((file, [port, http]))
}

fn program(name: &str) -> Result<PathBuf, Error> {
    program::tool(FOLDER, name).ok_or(Error::Missing {
        program: "the real server of Temporal",
        remedy: "`.ci/tools cluster` builds it, which takes Go",
    })
}
