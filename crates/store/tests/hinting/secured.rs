//! A Redis that wants a password, or encrypts.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto};

use super::*;

#[tokio::test]
async fn a_password_is_given_and_never_said() {
    let Some((place, redis)) = Place::postgres().zip(servers::or_skip(servers::Redis::start()))
    else {
        return;
    };
    let client = redis::Client::open(redis.url()).unwrap();
    let mut lock = redis::cmd("CONFIG");
    let lock = lock.arg("SET").arg("requirepass").arg("geheim");
    lock.exec(&mut client.get_connection().unwrap()).unwrap();
    let wrong = ["", ":falsch@", "ana:geheim@"];
    for who in wrong {
        let url = format!("redis://{who}127.0.0.1:{}", redis.port());
        let store = connect(&place, &url, HARDLY_EVER).await;
        let state = became(&store, |state| *state != HintState::Dialling).await;
        assert!(matches!(state, HintState::Away(_)), "{who}: {state:?}");
        let said = format!("{state:?}");
        assert!(
            !said.contains("geheim") && !said.contains("falsch"),
            "{said}"
        );
    }
    let url = format!("redis://:geheim@127.0.0.1:{}", redis.port());
    let two = Two::at(place, &url, HARDLY_EVER).await;
    two.live().await;
    two.hear_of_everything("g").await;
}

#[tokio::test]
async fn a_server_that_answers_with_what_it_was_sent_is_not_quoted() {
    let disabled = servers::Redis::start_with(&["--rename-command", "HELLO", ""]);
    let Some((place, redis)) = Place::postgres().zip(servers::or_skip(disabled)) else {
        return;
    };
    let client = redis::Client::open(redis.url()).unwrap();
    let mut lock = redis::cmd("CONFIG");
    let lock = lock.arg("SET").arg("requirepass").arg("geheim");
    lock.exec(&mut client.get_connection().unwrap()).unwrap();
    for who in [":geheim@", "ana:geheim@"] {
        let url = format!("redis://{who}127.0.0.1:{}", redis.port());
        let store = connect(&place, &url, HARDLY_EVER).await;
        let state = became(&store, |state| *state != HintState::Dialling).await;
        let reached = RedisConfig { url, ca: None }.reach().await.unwrap_err();
        for said in [format!("{state:?}"), reached.to_string()] {
            assert!(said.contains("HELLO") && said.contains("ERR"), "{said}");
            assert!(!said.contains("geheim") && !said.contains("ana"), "{said}");
        }
    }
}

/// Stands before Redis and encrypts; returns its port.
async fn encrypted(certificates: &Certificates, redis: u16) -> u16 {
    let chain = CertificateDer::pem_file_iter(certificates.path("server.pem")).unwrap();
    let chain = chain.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.path("server.key")).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else {
                    return;
                };
                let server = tokio::net::TcpStream::connect(("127.0.0.1", redis)).await;
                drop(tokio::io::copy_bidirectional(&mut client, &mut server.unwrap()).await);
            });
        }
    });
    port
}

#[tokio::test]
async fn an_encrypted_redis_is_verified() {
    let Some((place, redis)) = both() else {
        return;
    };
    let certificates = Certificates::new();
    let port = encrypted(&certificates, redis.port()).await;
    let open = |host: &str, ca: Option<&str>| {
        let mut config = config(&place, &format!("rediss://{host}"), HARDLY_EVER);
        config.hints.as_mut().unwrap().ca = ca.map(|ca| certificates.path(ca));
        Store::connect(config)
    };
    let (at, by_name) = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
    let plain = format!("127.0.0.1:{}", redis.port());
    for (host, ca, expected) in [
        (&at, None, "UnknownIssuer"),
        (&at, Some("stranger.pem"), "UnknownIssuer"),
        (&by_name, Some("ca.pem"), "not valid for name"),
        (&plain, Some("ca.pem"), ""),
    ] {
        let store = open(host, ca).await.unwrap();
        let state = became(&store, |state| *state != HintState::Dialling).await;
        let said = format!("{state:?}");
        assert!(matches!(state, HintState::Away(_)), "{host} {ca:?}: {said}");
        assert!(said.contains(expected), "{host} {ca:?}: {said}");
    }
    let missing = open(&at, Some("none.pem")).await.unwrap_err();
    assert!(matches!(missing, Error::File { .. }), "{missing:?}");
    let store = open(&at, Some("ca.pem")).await.unwrap();
    became(&store, |state| *state == HintState::Live).await;
}
