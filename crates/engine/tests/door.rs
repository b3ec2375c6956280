//! TLS before Temporal: a door that only who has the right certificates gets through.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use temporal::{Certificate, Config, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::reaching::until_said;

type Answer = BoxBody<Bytes, Infallible>;

/// Certificates of an authority and of a stranger: a server's for a name, one that has expired, and a client's.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        for ca in ["ca", "stranger"] {
            made.openssl(&format!(
                "req -x509 {key} -days 2 -subj /CN={ca} -keyout {ca}.key -out {ca}.pem"
            ));
        }
        for (name, days) in [("server", 2), ("client", 2)] {
            made.openssl(&format!(
                "req -x509 {key} -days {days} -subj /CN={name} -CA ca.pem -CAkey ca.key \
                 -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:temporal.test \
                 -keyout {name}.key -out {name}.pem"
            ));
        }
        // A certificate of yesterday: signed by a request, whose times can be given.
        made.openssl(&format!(
            "req {key} -subj /CN=expired -keyout expired.key -out expired.csr"
        ));
        std::fs::write(
            made.0.path().join("san"),
            "subjectAltName=DNS:temporal.test\n",
        )
        .unwrap();
        std::fs::write(made.0.path().join("index"), "").unwrap();
        std::fs::write(made.0.path().join("serial"), "01\n").unwrap();
        std::fs::write(
            made.0.path().join("conf"),
            "[ca]\ndefault_ca=own\n[own]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n\
             policy=any\n[any]\ncommonName=supplied\n",
        )
        .unwrap();
        made.openssl(
            "ca -batch -config conf -extfile san -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem \
             -startdate 20200101000000Z -enddate 20200102000000Z -notext",
        );
        made
    }

    fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(self.0.path())
            .args(arguments.split_whitespace());
        let done = openssl
            .stdin(Stdio::null())
            .output()
            .expect("openssl is needed for this test");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments}: {said}");
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    fn own(&self, name: &str) -> Certificate {
        Certificate {
            chain: self.read(&format!("{name}.pem")),
            key: self.read(&format!("{name}.key")),
        }
    }

    fn ca(&self, name: &str) -> Option<Vec<u8>> {
        Some(self.read(&format!("{name}.pem")))
    }
}

/// What takes connections with a certificate. `asks`: only of who proves to be known.
fn acceptor(certificates: &Certificates, name: &str, asks: bool) -> TlsAcceptor {
    // Set by whichever test is first.
    drop(default_provider().install_default());
    let own = certificates.own(name);
    let chain = CertificateDer::pem_slice_iter(&own.chain)
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(&own.key).unwrap();
    let builder = ServerConfig::builder();
    let builder = match asks {
        false => builder.with_no_client_auth(),
        true => {
            let mut known = RootCertStore::empty();
            known
                .add(CertificateDer::from_pem_slice(&certificates.read("ca.pem")).unwrap())
                .unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder(Arc::new(known))
                    .build()
                    .unwrap(),
            )
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Opens a door with a certificate before a server; returns where it is.
async fn door(certificates: &Certificates, name: &str, asks: bool, server: u16) -> String {
    let acceptor = acceptor(certificates, name, asks);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut inside = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
                let mut outside = acceptor.accept(stream).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    address
}

/// A door that speaks for Temporal itself, and knows whoever shows an API key; returns where it is.
async fn keyed_door(certificates: &Certificates, key: &'static str) -> String {
    let acceptor = acceptor(certificates, "server", false);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                let service = service_fn(move |request| async move { answer(&request, key) });
                let served = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                served.await.map_err(std::io::Error::other)
            });
        }
    });
    address
}

/// Answers a call: with a message without fields to whoever shows the key, with a refusal otherwise (gRPC over HTTP/2).
fn answer(request: &Request<Incoming>, key: &str) -> Result<Response<Answer>, Infallible> {
    let shown = request.headers().get("authorization");
    let knows = shown.is_some_and(|shown| shown.as_bytes() == format!("Bearer {key}").as_bytes());
    let status = if knows { "0" } else { "16" };
    let trailers = HeaderMap::from_iter([(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from_static(status),
    )]);
    let message = if knows { &[0; 5][..] } else { &[] };
    let body = Full::new(Bytes::from_static(message))
        .with_trailers(std::future::ready(Some(Ok(trailers))));
    let answer = Response::builder().header("content-type", "application/grpc");
    Ok(answer.body(body.boxed()).unwrap())
}

#[tokio::test]
async fn an_api_key_is_shown_with_every_call() {
    let made = Certificates::new();
    let door = keyed_door(&made, "key").await;
    let config = |key: &str| Config {
        tls: Some(Tls {
            ca: made.ca("ca"),
            server_name: Some("temporal.test".to_owned()),
            own: None,
        }),
        api_key: Some(key.to_owned()),
        ..Config::plain(&door, "installation")
    };
    until_said(config("key"), None).await;
    until_said(config("another"), Some("see temporal.api_key")).await;
}

#[tokio::test]
async fn only_the_right_certificates_get_through() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    let made = Certificates::new();
    let name = Some("temporal.test".to_owned());
    let tls = |ca: &str, server_name: Option<String>, own| {
        Some(Tls {
            ca: made.ca(ca),
            server_name,
            own,
        })
    };
    let said = async |door: &str, tls, says| {
        let config = Config {
            tls,
            ..Config::plain(door, "installation")
        };
        until_said(config, says).await;
    };

    let open = door(&made, "server", false, server.port()).await;
    said(&open, tls("ca", name.clone(), None), None).await;
    let stranger = tls("stranger", name.clone(), None);
    said(&open, stranger, Some("temporal.tls_ca")).await;
    let nameless = tls("ca", None, None);
    said(&open, nameless, Some("temporal.tls_server_name")).await;
    said(&open, None, Some("perhaps it speaks TLS")).await;

    let expired = door(&made, "expired", false, server.port()).await;
    let known = tls("ca", name.clone(), None);
    said(&expired, known, Some("has expired")).await;

    let guarded = door(&made, "server", true, server.port()).await;
    let proves = tls("ca", name.clone(), Some(made.own("client")));
    said(&guarded, proves, None).await;
    let proves_not = tls("ca", name, None);
    said(&guarded, proves_not, Some("wants a certificate")).await;
}
