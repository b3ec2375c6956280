//! What to do about what is said of a connection that was not made. What is said is rustls' and the SDK's, not ours.

/// What precedes an alert of the other side, which it gives of our certificate: of its own we say ourselves what is wrong.
const ALERT: &str = "received fatal alert: ";

/// What to do; `proves`: this process shows a certificate of its own. Empty: nobody knows.
pub(crate) fn hint(said: &str, proves: bool) -> &'static str {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if let Some((_, alert)) = said.split_once(ALERT) {
        of_alert(alert, proves)
    } else if has(&["unknownissuer"]) {
        "; name the authority that signed its certificate in temporal.tls_ca"
    } else if has(&["notvalidforname", "not valid for name"]) {
        "; its certificate is for another name: set temporal.tls_server_name to one that it is for"
    } else if has(&["expired"]) {
        "; its certificate has expired: it has to be renewed there"
    } else if has(&["invalidcontenttype"]) {
        "; it speaks plain text: leave TLS and the API key away, or use the port that speaks TLS"
    } else if has(&["privatekeyparse"]) {
        "; temporal.tls_key cannot be read as a private key"
    } else if has(&["unauthenticated", "permissiondenied"]) {
        "; it does not know who this is: see temporal.api_key"
    } else if has(&["refused"]) {
        "; nobody listens there: is the server running, and the address right?"
    } else if has(&[
        "unexpectedeof",
        "brokenpipe",
        "transport error",
        "http2 error",
    ]) && !proves
    {
        "; perhaps it speaks TLS, or wants a certificate: see temporal.tls_ca, temporal.tls_cert"
    } else {
        ""
    }
}

/// What to do about an alert (RFC 8446 §6.2).
fn of_alert(alert: &str, proves: bool) -> &'static str {
    let is_of_ours = ["certificate", "unknownca", "accessdenied"]
        .iter()
        .any(|word| alert.contains(word));
    match (is_of_ours, proves) {
        (true, true) if alert.contains("expired") => {
            "; the certificate of this process has expired: renew that of temporal.tls_cert"
        }
        (true, true) => "; it does not take the certificate of this process: see temporal.tls_cert",
        (true, false) => "; it wants a certificate: see temporal.tls_cert",
        (false, _) => "",
    }
}
