//! Reaching the server: who is let in, what is encrypted, and what is said where a store cannot be opened.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use store::{Error, PostgresConfig, Store};

use crate::load::soon;
use crate::place::{Place, said};
use crate::world::{Driven, chain_of, tenant};

async fn refusal(config: PostgresConfig) -> Error {
    let answer = soon("an answer", Store::connect(config)).await;
    answer.expect_err("the store was opened")
}

#[tokio::test]
async fn a_schema_that_is_newer_or_another_is_refused() {
    let Some(place) = Place::postgres() else {
        return;
    };
    drop(place.open().await);
    let newer = "INSERT INTO omnihub.migrations SELECT max(version) + 1, 'later', 'x', 0 FROM omnihub.migrations";
    place.sql(newer).await;
    for refused in [
        refusal(place.config().unwrap()).await,
        store::check_postgres(&place.config().unwrap())
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(refused, Error::NewerSchema { found, known } if found == known + 1),
            "{refused:?}"
        );
    }
    place
        .sql("DELETE FROM omnihub.migrations WHERE name = 'later'")
        .await;
    place
        .sql("UPDATE omnihub.migrations SET sha256 = sha256('') WHERE version = 1")
        .await;
    for refused in [
        refusal(place.config().unwrap()).await,
        store::check_postgres(&place.config().unwrap())
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(refused, Error::Migration { version: 1 }),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_database_without_a_store_is_not_checked_and_not_made_one() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let refused = store::check_postgres(&place.config().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::NoSchema), "{refused:?}");
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'omnihub'";
    assert_eq!(place.sql(made).await, ["0"]);
}

#[tokio::test]
async fn a_server_that_does_not_sync_is_refused_before_anything_is_made() {
    let Some(server) = servers::or_skip(servers::Postgres::start_with(&["fsync=off"], &[])) else {
        return;
    };
    let place = Place::on(&server);
    let refused = refusal(place.config().unwrap()).await;
    assert_eq!(refused.to_string(), "postgres setting fsync is off, not on");
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'omnihub'";
    assert_eq!(place.sql(made).await, ["0"]);
}

#[tokio::test]
async fn what_cannot_be_reached_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    // One that takes connections and never says a word.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let silent = silent
        .local_addr()
        .map(|address| (address.port(), silent))
        .unwrap();
    for (host, sslmode) in [
        (format!("127.0.0.1:{port}"), "disable"),
        (format!("127.0.0.1:{port}"), "require"),
        (format!("127.0.0.1:{}", silent.0), "disable"),
        (format!("127.0.0.1:{}", silent.0), "require"),
        ("nowhere.invalid:5432".to_owned(), "disable"),
    ] {
        let url = format!("postgres://ana@{host}/facts?sslmode={sslmode}");
        let mut config = PostgresConfig::new(dir.path(), &url);
        config.timeout = Duration::from_secs(1);
        let refused = refusal(config).await;
        assert!(
            matches!(refused, Error::Unreachable(_)),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    for url in [
        "nonsense",
        "postgres://ana@127.0.0.1:port/facts",
        "postgres://127.0.0.1/facts?sslmode=perhaps",
    ] {
        let refused = refusal(PostgresConfig::new(dir.path(), url)).await;
        assert!(matches!(refused, Error::Url(_)), "{url}: {refused:?}");
    }
}

/// Who signs, and a server's certificate for the address 127.0.0.1 alone.
pub struct Certificates {
    dir: tempfile::TempDir,
}

impl Certificates {
    pub fn new() -> Self {
        let made = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for ca in ["ca", "stranger"] {
            let ca = format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={ca} \
                -keyout {ca}.key -out {ca}.pem"
            );
            made.openssl(&ca);
        }
        made.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=server -CA ca.pem \
             -CAkey ca.key -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1 \
             -keyout server.key -out server.pem",
        );
        made
    }

    fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(self.dir.path())
            .args(arguments.split_whitespace());
        let done = openssl
            .stdin(Stdio::null())
            .output()
            .expect("openssl is needed for this test");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments}: {said}");
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
}

/// A server where the role `safe` has to come encrypted, and both it and `word` with a password.
fn guarded_server(certificates: &Certificates) -> Option<servers::Postgres> {
    let settings = [
        "ssl=on",
        "ssl_cert_file=server.crt",
        "ssl_key_file=server.key",
    ];
    let access = "host all postgres 127.0.0.1/32 trust\nhostssl all safe 127.0.0.1/32 scram-sha-256\n\
                  host all word 127.0.0.1/32 scram-sha-256\n";
    let files = [
        ("server.crt", certificates.read("server.pem")),
        ("server.key", certificates.read("server.key")),
        ("pg_hba.conf", access.to_owned()),
    ];
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let server = servers::or_skip(servers::Postgres::start_with(&settings, &files))?;
    let roles = "CREATE ROLE safe LOGIN SUPERUSER PASSWORD 'right'; CREATE ROLE word LOGIN SUPERUSER PASSWORD 'right'";
    server.sql("postgres", roles).unwrap();
    Some(server)
}

fn config(place: &Place, url: &str, ca: Option<&Path>) -> PostgresConfig {
    let mut config = place.config_at(url);
    config.ca = ca.map(Path::to_owned);
    config
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_why() {
    let certificates = Certificates::new();
    let Some(server) = guarded_server(&certificates) else {
        return;
    };
    let place = Place::on(&server);
    let (port, name) = (server.port(), place.database().to_owned());
    let [ours, strangers, missing] =
        ["ca.pem", "stranger.pem", "none.pem"].map(|file| certificates.path(file));
    let at = |who: &str, host: &str, database: &str, sslmode: &str| {
        format!("postgres://{who}@{host}:{port}/{database}{sslmode}")
    };
    let (require, disable) = ("?sslmode=require", "?sslmode=disable");
    let refused = [
        (
            at("safe:right", "127.0.0.1", &name, require),
            Some(&strangers),
            "UnknownIssuer",
        ),
        (
            at("safe:right", "127.0.0.1", &name, require),
            None,
            "UnknownIssuer",
        ),
        (
            at("safe:right", "localhost", &name, require),
            Some(&ours),
            "not valid for name",
        ),
        (
            at("safe:right", "127.0.0.1", &name, require),
            Some(&missing),
            "none.pem",
        ),
        (
            at("safe:right", "127.0.0.1", &name, disable),
            None,
            "no encryption",
        ),
        (
            at("safe:wrong", "127.0.0.1", &name, require),
            Some(&ours),
            "password authentication failed for user \"safe\"",
        ),
        (
            at("word:wrong", "127.0.0.1", &name, disable),
            None,
            "password authentication failed for user \"word\"",
        ),
        (at("word", "127.0.0.1", &name, disable), None, "password"),
        (
            at("word:right", "127.0.0.1", "nowhere", disable),
            None,
            "database \"nowhere\" does not exist",
        ),
        (
            at("stranger:right", "127.0.0.1", &name, disable),
            None,
            "stranger",
        ),
    ];
    for (url, ca, expected) in refused {
        let refused = refusal(config(&place, &url, ca.map(|path| path.as_path()))).await;
        let said = said(&refused);
        assert!(said.contains(expected), "{url}: {said}");
        assert!(
            !said.contains("right") && !said.contains("wrong"),
            "{url}: {said}"
        );
    }
}

#[tokio::test]
async fn without_a_word_about_it_a_connection_is_encrypted() {
    let certificates = Certificates::new();
    let Some(server) = guarded_server(&certificates) else {
        return;
    };
    let place = Place::on(&server);
    let ours = certificates.path("ca.pem");
    let (port, name) = (server.port(), place.database());
    for sslmode in ["?sslmode=require", "?sslmode=prefer", ""] {
        let url = format!("postgres://safe:right@127.0.0.1:{port}/{name}{sslmode}");
        let store = Store::connect(config(&place, &url, Some(&ours))).await;
        let store = store.unwrap_or_else(|error| panic!("{}", said(&error)));
        let mut goal = Driven::new(&store, &tenant("acme"), &format!("g-{}", sslmode.len()));
        goal.accept(&store, &chain_of(1));
        store.append(goal.append()).await.unwrap();
        let encrypted = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'safe'";
        assert_eq!(place.sql(encrypted).await, ["t"]);
    }
}

#[tokio::test]
async fn nothing_is_sent_in_clear_unless_that_is_asked_for() {
    let Some(place) = Place::postgres() else {
        return;
    };
    for sslmode in ["", "?sslmode=prefer", "?sslmode=require"] {
        let url = place.url().replace("?sslmode=disable", sslmode);
        let refused = refusal(place.config_at(url)).await;
        let said = said(&refused);
        assert!(said.contains("TLS"), "{sslmode}: {said}");
    }
}
