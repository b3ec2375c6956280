//! Hostile tokens, one line each; and the good ones beside them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::principal::Role;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey};
use orchestrator::auth::{AuthConfig, AuthConfigError, IssuerConfig};
use serde_json::{Value, json};

use crate::harness::{House, Plot, principal};

const SECRET: &str = "a secret of at least thirty-two bytes";

fn keys(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/keys")
        .join(file)
}

fn issuer(name: &str, algorithms: &[&str]) -> IssuerConfig {
    IssuerConfig {
        issuer: name.into(),
        audience: "omnihub".into(),
        algorithms: algorithms.iter().map(|name| (*name).to_owned()).collect(),
        jwks_url: None,
        jwks_file: None,
        hs256_secret: None,
        tenant_claim: "/app_metadata/tenant_id".into(),
        role_claim: "/app_metadata/role".into(),
        default_tenant: String::new(),
    }
}

fn shared() -> IssuerConfig {
    IssuerConfig {
        hs256_secret: Some(SECRET.into()),
        ..issuer("https://shared.example", &["HS256"])
    }
}

fn public() -> IssuerConfig {
    IssuerConfig {
        jwks_file: Some(keys("jwks.json")),
        ..issuer("https://public.example", &["ES256", "RS256"])
    }
}

fn claims(issuer: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "iss": issuer, "aud": "omnihub", "sub": "ana", "iat": now, "exp": now + 3600,
        "app_metadata": { "tenant_id": "acme", "role": "operator" },
    })
}

fn part(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signs header and claims as they are written, however odd.
fn signed(header: &str, claims: &str, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let key = match algorithm {
        Algorithm::ES256 => {
            EncodingKey::from_ec_pem(&std::fs::read(keys("es256.pem")).unwrap()).unwrap()
        }
        Algorithm::RS256 => {
            EncodingKey::from_rsa_pem(&std::fs::read(keys("rs256.pem")).unwrap()).unwrap()
        }
        _ => EncodingKey::from_secret(SECRET.as_bytes()),
    };
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn hs256(claims: &Value) -> String {
    signed(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        &claims.to_string(),
        Algorithm::HS256,
    )
}

async fn house() -> House {
    let open = IssuerConfig {
        default_tenant: "visitors".into(),
        ..IssuerConfig {
            issuer: "https://open.example".into(),
            ..shared()
        }
    };
    let auth = AuthConfig {
        issuers: vec![shared(), public(), open],
        ..AuthConfig::default()
    };
    House::of(Plot {
        auth,
        ..Plot::default()
    })
    .await
}

/// A change of good claims.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims("https://shared.example");
    change(&mut claims);
    claims
}

#[tokio::test]
async fn good_tokens_of_every_issuer_are_taken() {
    let house = house().await;
    let es = signed(
        r#"{"alg":"ES256","kid":"ec-1"}"#,
        &claims("https://public.example").to_string(),
        Algorithm::ES256,
    );
    let rs = signed(
        r#"{"alg":"RS256","typ":"at+jwt","kid":"rsa-1"}"#,
        &claims("https://public.example").to_string(),
        Algorithm::RS256,
    );
    let without_kid = signed(
        r#"{"alg":"ES256"}"#,
        &claims("https://public.example").to_string(),
        Algorithm::ES256,
    );
    let named = signed(
        r#"{"alg":"HS256","kid":"whatever"}"#,
        &claims("https://shared.example").to_string(),
        Algorithm::HS256,
    );
    let now = Timestamp::now().as_second();
    for (what, token) in [
        ("HS256", hs256(&claims("https://shared.example"))),
        ("ES256", es),
        ("RS256", rs),
        ("without kid where one key fits", without_kid),
        ("a kid where the key has no name", named),
        ("development", house.ana()),
        (
            "several audiences",
            hs256(&changed(|claims| claims["aud"] = json!(["a", "omnihub"]))),
        ),
        (
            "expired within the leeway",
            hs256(&changed(|claims| claims["exp"] = json!(now - 50))),
        ),
        (
            "issued within the leeway",
            hs256(&changed(|claims| claims["iat"] = json!(now + 50))),
        ),
        (
            "valid within the leeway",
            hs256(&changed(|claims| claims["nbf"] = json!(now + 50))),
        ),
        (
            "a fraction of a second",
            hs256(&changed(|claims| claims["exp"] = json!(now as f64 + 100.5))),
        ),
    ] {
        assert_eq!(
            house.get(&token, "/api/v1/goals").await.status,
            200,
            "{what}"
        );
        assert_eq!(
            house.get(&token, "/api/v1/goals").await.status,
            200,
            "{what}, from the cache"
        );
    }
}

#[tokio::test]
async fn hostile_tokens_are_refused() {
    let house = house().await;
    let now = Timestamp::now().as_second();
    let good = claims("https://shared.example").to_string();
    let public = claims("https://public.example").to_string();
    let plain = hs256(&claims("https://shared.example"));
    let (message, signature) = plain.rsplit_once('.').unwrap();
    let pem = std::fs::read(keys("es256.pub.pem")).unwrap();
    let confused = {
        let message = format!("{}.{}", part(r#"{"alg":"HS256"}"#), part(&public));
        let signature = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &EncodingKey::from_secret(&pem),
            Algorithm::HS256,
        )
        .unwrap();
        format!("{message}.{signature}")
    };
    let header = |text: &str| signed(text, &good, Algorithm::HS256);
    let repeated = good.replacen('{', r#"{"sub":"root","#, 1);
    let nested = good.replacen(r#""role":"#, r#""role":"admin","role":"#, 1);
    let with = |change: fn(&mut Value, i64)| hs256(&changed(|claims| change(claims, now)));
    for (what, token) in [
        ("no token", String::new()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{plain}.x")),
        ("no signature", format!("{message}.")),
        ("another signature", format!("{message}.{}", part("x"))),
        ("a cut signature", format!("{message}.{}", &signature[1..])),
        ("padding", format!("{plain}=")),
        ("too long", format!("{plain}{}", "a".repeat(9_000))),
        (
            "alg none",
            format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&good)),
        ),
        (
            "alg None",
            format!("{}.{}.{signature}", part(r#"{"alg":"NoNe"}"#), part(&good)),
        ),
        (
            "no alg",
            format!("{}.{}.{signature}", part("{}"), part(&good)),
        ),
        ("a public key as a secret", confused),
        (
            "an algorithm of another issuer",
            signed(r#"{"alg":"ES256"}"#, &good, Algorithm::ES256),
        ),
        (
            "another key's kid",
            signed(
                r#"{"alg":"ES256","kid":"rsa-1"}"#,
                &public,
                Algorithm::ES256,
            ),
        ),
        (
            "an unknown kid",
            signed(
                r#"{"alg":"ES256","kid":"../../etc/passwd"}"#,
                &public,
                Algorithm::ES256,
            ),
        ),
        (
            "a kid that is no text",
            header(r#"{"alg":"HS256","kid":7}"#),
        ),
        (
            "a critical parameter",
            header(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#),
        ),
        (
            "its own key",
            header(r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#),
        ),
        (
            "its own key's address",
            header(r#"{"alg":"HS256","jku":"http://127.0.0.1/keys"}"#),
        ),
        ("its own certificate", header(r#"{"alg":"HS256","x5c":[]}"#)),
        (
            "its own certificate's address",
            header(r#"{"alg":"HS256","x5u":"http://127.0.0.1/"}"#),
        ),
        ("another type", header(r#"{"alg":"HS256","typ":"JWE"}"#)),
        (
            "a type that is no text",
            header(r#"{"alg":"HS256","typ":1}"#),
        ),
        (
            "a repeated header",
            header(r#"{"alg":"none","alg":"HS256"}"#),
        ),
        (
            "a repeated claim",
            signed(r#"{"alg":"HS256"}"#, &repeated, Algorithm::HS256),
        ),
        (
            "a repeated claim inside",
            signed(r#"{"alg":"HS256"}"#, &nested, Algorithm::HS256),
        ),
        (
            "claims that are no object",
            signed(r#"{"alg":"HS256"}"#, "[]", Algorithm::HS256),
        ),
        (
            "claims that are no JSON",
            signed(r#"{"alg":"HS256"}"#, "{", Algorithm::HS256),
        ),
        (
            "another issuer",
            with(|claims, _| claims["iss"] = json!("https://evil.example")),
        ),
        (
            "an issuer with a slash more",
            with(|claims, _| claims["iss"] = json!("https://shared.example/")),
        ),
        ("no issuer", with(|claims, _| claims["iss"] = Value::Null)),
        (
            "two issuers",
            with(|claims, _| claims["iss"] = json!(["https://shared.example"])),
        ),
        (
            "another audience",
            with(|claims, _| claims["aud"] = json!("else")),
        ),
        ("no audience", with(|claims, _| claims["aud"] = Value::Null)),
        (
            "an audience list with a number",
            with(|claims, _| claims["aud"] = json!(["omnihub", 1])),
        ),
        ("no expiry", with(|claims, _| claims["exp"] = Value::Null)),
        (
            "an expiry in words",
            with(|claims, _| claims["exp"] = json!("tomorrow")),
        ),
        (
            "a negative expiry",
            with(|claims, _| claims["exp"] = json!(-1)),
        ),
        (
            "expired",
            with(|claims, now| claims["exp"] = json!(now - 61)),
        ),
        (
            "not valid yet",
            with(|claims, now| claims["nbf"] = json!(now + 70)),
        ),
        (
            "issued in the future",
            with(|claims, now| claims["iat"] = json!(now + 70)),
        ),
        ("no subject", with(|claims, _| claims["sub"] = Value::Null)),
        (
            "an empty subject",
            with(|claims, _| claims["sub"] = json!("")),
        ),
        (
            "a subject with a newline",
            with(|claims, _| claims["sub"] = json!("a\nb")),
        ),
    ] {
        let answer = house.get(&token, "/api/v1/goals").await;
        assert_eq!(answer.refusal(), "401 auth.invalid_token", "{what}");
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="omnihub", error="invalid_token""#
        );
    }
}

#[tokio::test]
async fn a_good_token_without_a_tenant_is_forbidden_unless_its_issuer_has_a_default() {
    let house = house().await;
    let without = |issuer: &str| {
        let mut claims = claims(issuer);
        claims["app_metadata"] = json!({});
        claims["user_metadata"] = json!({ "tenant_id": "acme", "role": "admin" });
        hs256(&claims)
    };
    assert_eq!(
        house
            .get(&without("https://shared.example"), "/api/v1/goals")
            .await
            .refusal(),
        "403 auth.no_tenant"
    );
    let malformed = hs256(&changed(|claims| {
        claims["app_metadata"]["tenant_id"] = json!("a b")
    }));
    assert_eq!(
        house.get(&malformed, "/api/v1/goals").await.refusal(),
        "403 auth.no_tenant"
    );
    // The default tenant, and never a role from user_metadata.
    let visitor = without("https://open.example");
    assert_eq!(house.get(&visitor, "/api/v1/goals").await.status, 200);
    assert_eq!(
        house.get(&visitor, "/api/v1/audit/entries").await.refusal(),
        "403 auth.forbidden"
    );
    let odd = hs256(&changed(|claims| {
        claims["app_metadata"]["role"] = json!("superuser")
    }));
    assert_eq!(house.get(&odd, "/api/v1/goals").await.status, 200);
    assert_eq!(
        house.get(&odd, "/api/v1/audit/entries").await.refusal(),
        "403 auth.forbidden"
    );
}

#[tokio::test]
async fn credentials_are_taken_from_one_header_and_from_nowhere_else() {
    let house = house().await;
    let ana = house.ana();
    let send = async |request: http::request::Builder| {
        house
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await
    };
    let get = || http::Request::get("/api/v1/tools");
    let missing = send(get()).await;
    assert_eq!(
        (
            missing.refusal().as_str(),
            missing.header("www-authenticate")
        ),
        ("401 auth.required", r#"Bearer realm="omnihub""#)
    );
    let in_url = http::Request::get(format!("/api/v1/tools?access_token={ana}"));
    assert_eq!(send(in_url).await.refusal(), "401 auth.required");
    assert_eq!(
        send(get().header("cookie", format!("token={ana}")))
            .await
            .refusal(),
        "401 auth.required"
    );
    assert_eq!(
        send(get().header("authorization", format!("bearer  {ana}")))
            .await
            .status,
        200
    );
    for value in [
        format!("Basic {ana}"),
        ana.clone(),
        "Bearer".to_owned(),
        format!("Bearer {ana}, Bearer {ana}"),
    ] {
        assert_eq!(
            send(get().header("authorization", value)).await.refusal(),
            "401 auth.invalid_token"
        );
    }
    let twice = get()
        .header("authorization", format!("Bearer {ana}"))
        .header("authorization", format!("Bearer {ana}"));
    assert_eq!(send(twice).await.refusal(), "401 auth.invalid_token");
}

#[test]
fn settings_that_cannot_be_worked_with_stop_the_start() {
    let refused = |issuer: IssuerConfig| {
        let config = AuthConfig {
            issuers: vec![issuer],
            development: false,
            ..AuthConfig::default()
        };
        orchestrator::auth::Authenticator::open(&config, None)
            .unwrap_err()
            .to_string()
    };
    let said = [
        refused(IssuerConfig {
            jwks_url: Some("https://x/jwks.json".into()),
            ..issuer("a", &["ES256"])
        }),
        refused(issuer("a", &["ES256"])),
        refused(IssuerConfig {
            jwks_file: Some(keys("jwks.json")),
            ..shared()
        }),
        refused(IssuerConfig {
            hs256_secret: Some("short".into()),
            ..shared()
        }),
        refused(IssuerConfig {
            algorithms: vec!["ES256".into()],
            ..shared()
        }),
        refused(IssuerConfig {
            algorithms: vec!["none".into()],
            ..shared()
        }),
        refused(IssuerConfig {
            algorithms: Vec::new(),
            ..shared()
        }),
        refused(IssuerConfig {
            algorithms: vec!["HS256".into()],
            ..public()
        }),
        refused(IssuerConfig {
            algorithms: vec!["EdDSA".into()],
            ..public()
        })
        .replace(env!("CARGO_MANIFEST_DIR"), "."),
        refused(IssuerConfig {
            jwks_file: Some("/no/such/file".into()),
            ..public()
        }),
        refused(IssuerConfig {
            tenant_claim: "tenant".into(),
            ..shared()
        }),
        refused(IssuerConfig {
            default_tenant: "a b".into(),
            ..shared()
        }),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    auth.issuers[0]: jwks_url comes with the edge role; until then put the keys into a file and name it jwks_file
    auth.issuers[0]: exactly one of jwks_file and hs256_secret is needed
    auth.issuers[0]: exactly one of jwks_file and hs256_secret is needed
    auth.issuers[0]: hs256_secret must have at least 32 bytes
    auth.issuers[0]: with hs256_secret the algorithms must be ["HS256"]
    auth.issuers[0]: algorithms: "none" is none of EdDSA, ES256, RS256 and HS256
    auth.issuers[0]: algorithms must name at least one of EdDSA, ES256, RS256 and HS256
    auth.issuers[0]: HS256 needs hs256_secret: a key set is public
    auth.issuers[0]: ./tests/keys/jwks.json has no key that fits the algorithms
    auth.issuers[0]: cannot read /no/such/file: No such file or directory (os error 2)
    auth.issuers[0]: "tenant" is no JSON Pointer to a claim: it must begin with "/"
    auth.issuers[0]: default_tenant: tenant id must match [A-Za-z0-9._:-]{1,128}
    "#);
    let open =
        |config: &AuthConfig| orchestrator::auth::Authenticator::open(config, None).unwrap_err();
    let nobody = AuthConfig {
        development: false,
        ..AuthConfig::default()
    };
    assert_eq!(open(&nobody), AuthConfigError::Nobody);
    let twice = AuthConfig {
        issuers: vec![shared(), shared()],
        ..AuthConfig::default()
    };
    assert!(matches!(open(&twice), AuthConfigError::Repeated { .. }));
    let tenant = AuthConfig {
        issuers: vec![shared()],
        platform_tenant: "a b".into(),
        ..AuthConfig::default()
    };
    assert!(matches!(open(&tenant), AuthConfigError::PlatformTenant(_)));
}

#[test]
fn the_development_issuer_stays_on_loopback_unless_told_in_words() {
    let on = AuthConfig::default();
    let words = AuthConfig {
        development_beyond_loopback: true,
        ..AuthConfig::default()
    };
    let off = AuthConfig {
        development: false,
        ..AuthConfig::default()
    };
    for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(
            on.check_listen(address.parse().unwrap()),
            Ok(()),
            "{address}"
        );
    }
    for address in ["0.0.0.0", "::", "192.168.1.5", "::ffff:10.0.0.1"] {
        assert!(
            on.check_listen(address.parse().unwrap()).is_err(),
            "{address}"
        );
        assert_eq!(words.check_listen(address.parse().unwrap()), Ok(()));
        assert_eq!(off.check_listen(address.parse().unwrap()), Ok(()));
    }
}

#[tokio::test]
async fn the_development_issuers_key_stays_the_same() {
    let house = House::open().await;
    let again = orchestrator::auth::DevelopmentIssuer::open_or_create(house.store.dir()).unwrap();
    let minute = std::time::Duration::from_secs(60);
    let ana = principal("ana", "acme", Role::Authenticated);
    let token = again.mint(&ana, minute, Timestamp::now());
    assert_eq!(house.get(&token, "/api/v1/goals").await.status, 200);
    let elsewhere = tempfile::TempDir::new().unwrap();
    let other = orchestrator::auth::DevelopmentIssuer::open_or_create(elsewhere.path()).unwrap();
    let token = other.mint(&ana, minute, Timestamp::now());
    assert_eq!(house.get(&token, "/api/v1/goals").await.status, 401);
}
