//! TLS before Temporal: a door that only who has the right certificates gets through.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use temporal::{Certificate, Config, Temporal, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

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

/// Opens a door with a certificate before a server; returns where it is. `asks`: only who proves to be known gets in.
async fn door(certificates: &Certificates, name: &str, asks: bool, server: u16) -> String {
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
    let acceptor = TlsAcceptor::from(Arc::new(config));
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

/// What is said in the end: nothing where it is connected.
async fn said(address: String, tls: Option<Tls>, api_key: Option<&str>) -> Option<String> {
    let config = Config {
        tls,
        api_key: api_key.map(str::to_owned),
        ..Config::plain(address, "installation")
    };
    let temporal = Temporal::connect(config).unwrap();
    loop {
        match temporal.connected() {
            Err(why) if why.contains("being connected to") => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answer => return answer.err(),
        }
    }
}

#[tokio::test]
async fn only_the_right_certificates_get_through() {
    let Some(server) = servers::or_skip(servers::Temporal::shared()) else {
        return;
    };
    tokio_rustls::rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let made = Certificates::new();
    let name = Some("temporal.test".to_owned());
    let tls = |ca: &str, server_name: Option<String>, own| {
        Some(Tls {
            ca: made.ca(ca),
            server_name,
            own,
        })
    };

    let open = door(&made, "server", false, server.port()).await;
    assert_eq!(
        said(open.clone(), tls("ca", name.clone(), None), None).await,
        None
    );
    assert_eq!(
        said(open.clone(), tls("ca", name.clone(), None), Some("key")).await,
        None,
        "with an API key"
    );
    let refused = [
        (tls("stranger", name.clone(), None), "temporal.tls_ca"),
        (tls("ca", None, None), "temporal.tls_server_name"),
        (None, "perhaps it speaks TLS"),
    ];
    for (tls, says) in refused {
        let why = said(open.clone(), tls, None).await.unwrap_or_default();
        assert!(why.contains(says), "{why:?} does not say {says:?}");
    }

    let expired = door(&made, "expired", false, server.port()).await;
    let why = said(expired, tls("ca", name.clone(), None), None)
        .await
        .unwrap_or_default();
    assert!(why.contains("has expired"), "{why:?}");

    let guarded = door(&made, "server", true, server.port()).await;
    let known = said(
        guarded.clone(),
        tls("ca", name.clone(), Some(made.own("client"))),
        None,
    )
    .await;
    assert_eq!(known, None, "who proves to be known");
    let why = said(guarded, tls("ca", name, None), None)
        .await
        .unwrap_or_default();
    assert!(why.contains("wants a certificate"), "{why:?}");
}
