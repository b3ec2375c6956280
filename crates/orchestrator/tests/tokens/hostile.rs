//! Tokens that nobody may take.

use super::*;

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
