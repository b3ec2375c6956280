//! Encrypted connections to servers, whose certificates are always verified.

use std::io;
use std::path::Path;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::error::Error;

/// How servers are verified: against the authority in a PEM file, or those that browsers trust.
pub(crate) fn client(ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let malformed = |reason: String| Error::file("read", path)(io::Error::other(reason));
            let found = CertificateDer::pem_file_iter(path);
            for certificate in found.map_err(|error| malformed(error.to_string()))? {
                let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
                let added = roots.add(certificate);
                added.map_err(|error| malformed(error.to_string()))?;
            }
        }
    }
    let provider = crypto::ring::default_provider();
    Ok(ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Unreachable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
