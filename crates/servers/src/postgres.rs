//! PostgreSQL, of the distribution.

use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::{Error, Process, User, folder, run, start_made};

/// Where distributions put the programs of a server, beside the PATH.
const FOLDER: &str = "/usr/lib/postgresql";
/// The user who may do everything; nobody else reaches the server.
pub(crate) const OWNER: &str = "postgres";

/// A server of PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    programs: PathBuf,
    port: u16,
    databases: AtomicU64,
}

impl Postgres {
    /// Starts a server.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&[], &[])
    }

    /// Starts a server with settings such as `ssl=on`, and with files in its data directory such as `pg_hba.conf`.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn start_with(settings: &[&str], files: &[(&str, &str)]) -> Result<Self, Error> {
        let programs = programs()?;
        let user = User::instead_of_root(OWNER)?;
        let dir = folder("postgres", user)?;
        let data = dir.join("data");
        let path = |path: &Path| path.display().to_string();
        let (initdb, postgres) = (programs.join("initdb"), programs.join("postgres"));
        let [initdb, postgres, data_text, sockets] =
            [&initdb, &postgres, &data, &dir].map(|at| path(at));
        let make = [
            &initdb,
            "--no-sync",
            "--data-checksums",
            "--auth=trust",
            "--locale=C.UTF-8",
            "-U",
            OWNER,
            "-E",
            "UTF8",
            "-D",
            &data_text,
        ];
        let mut server = vec![
            postgres.as_str(),
            "-D",
            &data_text,
            "-k",
            &sockets,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=300",
            "-c",
            "shared_buffers=64MB",
            "-c",
            "max_wal_size=256MB",
        ];
        server.extend(settings.iter().flat_map(|setting| ["-c", setting]));
        let (process, port) = start_made(("postgres", &dir), user, &make, &server)?;
        for (name, content) in files {
            own_file(&data.join(name), content, user)?;
        }
        let mut config = OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))?;
        writeln!(config, "port = {port}")?;
        process.go()?;
        let server = Self {
            process,
            programs,
            port,
            databases: AtomicU64::new(0),
        };
        server.wait()?;
        Ok(server)
    }

    /// Waits until it answers: it accepts connections a moment before, and is not ready while it recovers.
    fn wait(&self) -> Result<(), Error> {
        let ask = || self.sql(OWNER, "SELECT 1").map(drop);
        let process = &self.process;
        process.wait_until(|| ask().map_err(|error| error.to_string()))
    }

    /// Kills it, with all its processes at once, as a machine that loses its power does. Blocks until they are gone.
    ///
    /// # Errors
    /// [`Error::Io`] where it does not run.
    pub fn kill(&self) -> Result<(), Error> {
        self.process.kill(self.pid()?)
    }

    /// Starts it again after [`Postgres::kill`], on the same data and port.
    ///
    /// # Errors
    /// [`Error`] where it does not come back.
    pub fn start_again(&self) -> Result<(), Error> {
        self.process.start_again()?;
        self.wait()
    }

    /// The server that all tests of this process share.
    ///
    /// # Errors
    /// [`Error`] where it cannot be had.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Result<Postgres, Error>> = OnceLock::new();
        let shared = SHARED.get_or_init(Self::start);
        shared.as_ref().map_err(|error| error.again("postgres"))
    }

    /// Makes an empty database and returns its URL, with the role that may do everything.
    ///
    /// # Errors
    /// [`Error::Failed`] where the server refuses.
    pub fn database(&self) -> Result<String, Error> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("d{}_{number}", std::process::id());
        self.sql(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        )?;
        Ok(self.url(OWNER, &name))
    }

    /// The URL of a database for a role, which needs no password here.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Runs SQL in a database as the role that may do everything; returns what it answers, a line a row.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the server says.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, Error> {
        self.sql_at(&self.url(OWNER, database), sql)
    }

    /// The same in the database of a URL, as the role that it names.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the server says.
    pub fn sql_at(&self, url: &str, sql: &str) -> Result<String, Error> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        run(psql.arg(url))
    }

    /// Everything in a database, as SQL; bytes are in hexadecimal.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the server says.
    pub fn dump(&self, url: &str) -> Result<String, Error> {
        run(Command::new(self.programs.join("pg_dump")).arg(url))
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process number of the server.
    ///
    /// # Errors
    /// [`Error::Io`] where the server does not run.
    pub fn pid(&self) -> Result<u32, Error> {
        let file = self.process.dir.join("data/postmaster.pid");
        let text = std::fs::read_to_string(file)?;
        let pid = text.lines().next().and_then(|line| line.parse().ok());
        pid.ok_or_else(|| std::io::Error::other("its number cannot be read").into())
    }
}

/// Makes a file that only the server's user can read.
fn own_file(path: &Path, content: &str, user: Option<User>) -> Result<(), Error> {
    std::fs::write(path, content)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    match user {
        Some(user) => user.own(path),
        None => Ok(()),
    }
}

/// The folder of the newest server's programs.
fn programs() -> Result<PathBuf, Error> {
    let versions = std::fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    let is_whole = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    let whole = folders.into_iter().filter(is_whole);
    let known = whole.filter_map(|folder| {
        let said = run(Command::new(folder.join("postgres")).arg("--version")).ok()?;
        Some((version(&said)?, folder))
    });
    let newest = known.max().map(|(_, folder)| folder);
    newest.ok_or(Error::Missing {
        program: "PostgreSQL",
        remedy: "`.ci/tools` installs it, or: apt-get install postgresql",
    })
}

/// The numbers of the version that a program says: `postgres (PostgreSQL) 9.6.24`.
fn version(said: &str) -> Option<Vec<u32>> {
    let begins = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
    let numbers = said.split_whitespace().find(begins)?.split('.');
    let number = |text: &str| {
        let digits = text.find(|letter: char| !letter.is_ascii_digit());
        text.get(..digits.unwrap_or(text.len()))?.parse().ok()
    };
    numbers.map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_compared_as_numbers() {
        let said = |version: &str| format!("postgres (PostgreSQL) {version}");
        let ordered = [
            "9.5.25",
            "9.6.3",
            "9.6.24 (Debian 9.6.24-1.pgdg120+1)",
            "10.1",
            "15.18 (Debian 15.18-0+deb12u1)",
            "18beta1",
            "18.0",
        ];
        let versions: Vec<_> = ordered.map(|text| version(&said(text))).into();
        assert!(versions.iter().all(Option::is_some), "{versions:?}");
        assert!(versions.is_sorted(), "{versions:?}");
        assert_eq!(version(&said("of somebody")), None);
    }
}
