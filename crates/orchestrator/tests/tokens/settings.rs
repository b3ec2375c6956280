//! Which settings of issuers are refused, and the development issuer.

use super::*;

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
