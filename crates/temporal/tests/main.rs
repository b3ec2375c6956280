//! What needs nothing of the SDK, taken by its file, so that nothing of the SDK is compiled again for it. The rest is tested
//! by the engine's suite, on real servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../src/connection/hint.rs"]
mod hint;

use hint::hint;

#[test]
fn what_is_said_of_a_certificate_names_the_setting_of_whose_it_is() {
    let of_the_server = [
        ("invalid peer certificate: UnknownIssuer", "temporal.tls_ca"),
        (
            "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for b",
            "temporal.tls_server_name",
        ),
        (
            "invalid peer certificate: NotValidForName",
            "temporal.tls_server_name",
        ),
        (
            "invalid peer certificate: certificate expired: verification time 9 (UNIX), but certificate is not valid after 1 (8 seconds ago)",
            "renewed there",
        ),
        ("invalid peer certificate: Expired", "renewed there"),
    ];
    for (said, names) in of_the_server {
        for proves in [false, true] {
            check(said, proves, names);
        }
    }
    let alerts = [
        ("CertificateExpired", "renew that of temporal.tls_cert"),
        ("CertificateRevoked", "does not take the certificate"),
        ("CertificateUnknown", "does not take the certificate"),
        ("BadCertificate", "does not take the certificate"),
        ("UnsupportedCertificate", "does not take the certificate"),
        ("UnknownCA", "does not take the certificate"),
        ("AccessDenied", "does not take the certificate"),
    ];
    for (alert, names) in alerts {
        let said = format!("transport error: received fatal alert: {alert}");
        check(&said, true, names);
        check(&said, true, "temporal.tls_cert");
        check(
            &said,
            false,
            "it wants a certificate: see temporal.tls_cert",
        );
    }
    let asked = "received fatal alert: CertificateRequired";
    check(
        asked,
        false,
        "it wants a certificate: see temporal.tls_cert",
    );
    assert_eq!(hint("received fatal alert: ProtocolVersion", true), "");
}

fn check(said: &str, proves: bool, names: &str) {
    let hint = hint(said, proves);
    assert!(
        hint.contains(names),
        "{said}: {hint:?} does not say {names:?}"
    );
}
