//! Settings through the binary: what is in force and why, and what is said of files that are wrong.

use insta::assert_snapshot;

use super::world::{World, repository};

#[test]
fn settings_are_shown_with_their_origin() {
    let world = World::new("[api]\nport = 9001\n");
    let shown = world
        .run_with(("API_HOST", "::1"), &["config", "show", "--origin"])
        .good();
    let line = |key: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .to_owned()
    };
    let words = |key: &str| line(key).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words("api.port"), "api.port 9001 DIR/omnihub.toml:2");
    assert_eq!(words("api.host"), "api.host ::1 env API_HOST");
    assert_eq!(words("store.reserve_mb"), "store.reserve_mb 64 default");
}

#[test]
fn the_example_is_the_file_of_the_repository() {
    let printed = World::new("").run(&["config", "example"]).good();
    assert_eq!(
        printed,
        std::fs::read_to_string(repository("omnihub.example.toml")).unwrap()
    );
}

#[test]
fn the_contract_is_the_file_of_the_repository() {
    let printed = World::new("").run(&["openapi"]).good();
    let file = std::fs::read_to_string(repository("openapi.json")).unwrap();
    assert!(
        printed == file,
        "openapi.json is stale; run `make generate`"
    );
}

#[test]
fn wrong_settings_stop_every_command_that_reads_them_with_file_and_line() {
    let world = World::new("[api]\nprot = 1\n");
    for command in [
        &["serve"][..],
        &["config", "show"],
        &["doctor"],
        &["token", "mint", "--subject", "a"],
        &["goal", "list"],
    ] {
        let ran = world.run(command);
        let said = "exit 1
error: DIR/omnihub.toml:2: unknown key `prot` in [api]; did you mean \"port\"?
";
        assert_eq!(ran.shown(), said, "{command:?}");
    }
    let missing = world.run(&["config", "show", "--config", "other.toml"]);
    assert_snapshot!(missing.shown(), @r"
    exit 1
    error: DIR/other.toml:1: the settings file cannot be read: No such file or directory (os error 2)
    ");
}

#[test]
fn no_token_is_minted_where_no_server_has_been() {
    let world = World::new("");
    let ran = world.run(&["token", "mint", "--subject", "ana", "--data-dir", "typo"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(
        ran.stderr.contains("DIR/typo holds no installation"),
        "{ran:?}"
    );
    assert!(!world.path("typo").exists());
}

#[test]
fn variables_that_cannot_be_honoured_are_told_at_the_start() {
    let world = World::new("");
    // A start that is not refused as it should be ends all the same.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let serve = ["serve", "--port", &port];
    let state = world.run_with(
        ("DATABASE_URL", "postgres://127.0.0.1/a?sslmode=maybe"),
        &serve,
    );
    assert_snapshot!(state.shown(), @r"
    exit 1
    error: env DATABASE_URL: the URL of the database cannot be read: invalid value for option `sslmode`
    ");
    assert!(!world.path("omnihub-data").exists());
    let engine = world.run_with(("OMNIHUB_ENGINE", "telepathy"), &serve);
    assert_snapshot!(engine.shown(), @r#"
    exit 1
    error: env OMNIHUB_ENGINE: `engine.driver` takes one of embedded, temporal, not "telepathy"
    "#);
    let alone = world.run_with(("OMNIHUB_ENGINE", "temporal"), &serve);
    assert_snapshot!(alone.shown(), @r"
    exit 1
    error: Temporal drives goals in more than one process, which can share PostgreSQL only; nobody has set `store.url`, DIR/omnihub.toml can
    ");
    world
        .run_with(("OMNIHUB_ENGINE", "embedded"), &["config", "show"])
        .good();
    let level = world.run_with(("OMNIHUB_LOG__LEVEL", "bogus"), &serve);
    assert_snapshot!(level.shown(), @r#"
    exit 1
    error: env OMNIHUB_LOG__LEVEL: "bogus" is no level; there are error, warn, info, debug, trace and off, and filters such as "info,hyper=warn"
    "#);
}

#[test]
fn empty_variables_of_the_command_line_count_as_not_set() {
    let world = World::new("[api]\nport = 1\n");
    let names = [
        "OMNIHUB_URL",
        "OMNIHUB_TOKEN",
        "OMNIHUB_TOKEN_FILE",
        "OMNIHUB_CONFIG",
        "OMNIHUB_DATA_DIR",
        "REDIS_URL",
        "OMNIHUB_TEMPORAL__API_KEY",
    ];
    let mut list = world.command(&["goal", "list"]);
    let listed = list.envs(names.map(|name| (name, ""))).output().unwrap();
    let said = String::from_utf8(listed.stderr).unwrap();
    assert_eq!(listed.status.code(), Some(3), "{said}");
    assert!(
        said.contains("no server answers at http://127.0.0.1:1"),
        "{said}"
    );
}

#[test]
fn a_minted_token_names_its_subject_and_comes_alone() {
    let world = World::new("");
    assert_eq!(world.serve().stop(), 0);
    let token = world
        .run(&[
            "token",
            "mint",
            "--subject",
            "ana",
            "--tenant",
            "acme",
            "--role",
            "auditor",
            "--ttl",
            "5m",
        ])
        .good();
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    let off =
        World::new("[auth]\ndevelopment = false\n").run(&["token", "mint", "--subject", "ana"]);
    assert_eq!(off.code, 2, "{off:?}");
}
