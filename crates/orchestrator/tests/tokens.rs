//! Which tokens are taken, and where from.

mod hostile;
mod settings;

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
