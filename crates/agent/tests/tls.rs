//! HTTPS against a real TLS server: the name is kept, the certificate counts.
//!
//! `tls/` holds a certificate authority, whose key is lost, and a server certificate for `pay.test`, `localhost` and
//! `127.0.0.1`, good until the year 2125.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent::outbound::{Outbound, OutboundConfig, Request, Resolver};
use agent::{Failure, Stage};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

use crate::receiver::{End, play, script};
use crate::world::{World, perform, summary};

#[tokio::test]
async fn the_name_is_kept_for_tls_and_the_certificate_must_fit_it() {
    let (port, names, serving) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let get = async |host: &str, ca_file: Option<PathBuf>| {
        let allow = vec![format!("{host}:{port}")];
        let config = OutboundConfig {
            allow,
            ca_file,
            ..OutboundConfig::default()
        };
        let loopback = Resolver::Given(Arc::new(|_| vec![IpAddr::from([127, 0, 0, 1])]));
        let url = Url::parse(&format!("https://{host}:{port}/")).unwrap();
        let request = Request {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            body_max: 100,
        };
        let outbound = Outbound::open(&config, loopback).unwrap();
        outbound
            .send(request, Instant::now() + Duration::from_secs(10))
            .await
    };

    assert_eq!(
        get("pay.test", Some(file("ca.pem"))).await.unwrap().body,
        b"ok"
    );
    assert_eq!(
        get("127.0.0.1", Some(file("ca.pem"))).await.unwrap().body,
        b"ok"
    );
    assert_eq!(*names.lock().unwrap(), [Some("pay.test".to_owned()), None]);

    let other_name = get("other.test", Some(file("ca.pem"))).await;
    let unknown_authority = get("pay.test", None).await;
    for failed in [other_name, unknown_authority] {
        let Err(Failure { stage, error }) = failed else {
            panic!("the certificate was taken")
        };
        assert_eq!(
            (stage, error.code.as_str()),
            (Stage::NotSent, "http.connect")
        );
        assert!(error.message.contains("certificate"), "{}", error.message);
    }
    serving.abort();
}

#[tokio::test]
async fn a_redirect_never_leads_from_https_to_http() {
    let (port, _, serving) =
        serve(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n")
            .await;
    let mut world = World::allowing(&["127.0.0.1"]);
    world.config.outbound.ca_file = Some(file("ca.pem"));
    let outcome = perform(
        &world.agent(),
        "fetch_url",
        json!({ "url": format!("https://127.0.0.1:{port}/") }),
    )
    .await;
    assert_eq!(summary(&outcome), "permanent http.redirect");
    serving.abort();
}

/// A file of the folder `tls`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/tls")
        .join(name)
}

type Names = Arc<Mutex<Vec<Option<String>>>>;

/// A TLS server that gives every request the same answer: its port, and the names that clients asked it for.
async fn serve(answer: &'static [u8]) -> (u16, Names, JoinHandle<()>) {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions();
    let config = builder
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let names = Names::default();
    let record = Arc::clone(&names);
    let serving = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(tcp).await else {
                continue;
            };
            record
                .lock()
                .unwrap()
                .push(stream.get_ref().1.server_name().map(str::to_owned));
            play(stream, script(&[answer], End::Close), Arc::default()).await;
        }
    });
    (port, names, serving)
}
