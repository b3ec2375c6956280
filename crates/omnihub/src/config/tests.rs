//! What the settings are when several sources speak, and what is said of those that are wrong.

use std::collections::BTreeMap;
use std::fs;

use insta::assert_snapshot;

use super::{Loaded, Sources, catalogue, example, load, plain, show};

/// Settings that any start needs.
const NOTHING: &str = "";

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "[api]\nport = 1111\n";
    assert_snapshot!(check(NOTHING, &[], &[], "api.port"), @"8000 (default)");
    assert_snapshot!(check(file, &[], &[], "api.port"), @"1111 (omnihub.toml:2)");
    assert_snapshot!(check(file, &[("API_PORT", "2222")], &[], "api.port"), @"2222 (env API_PORT)");
    assert_snapshot!(
        check(file, &[("API_PORT", "2222"), ("OMNIHUB_API__PORT", "3333")], &[], "api.port"),
        @"3333 (env OMNIHUB_API__PORT)"
    );
    assert_snapshot!(
        check(file, &[("OMNIHUB_API__PORT", "3333")], &[("--port", "api.port", "4444")], "api.port"),
        @"4444 (flag --port)"
    );
}

#[test]
fn the_environment_reaches_named_tables_and_lists() {
    let file = "[databases.Shop]\nurl = \"sqlite:a.db\"\n[[outbound.receivers]]\nhost = \"a:1\"\n";
    assert_snapshot!(
        check(file, &[("OMNIHUB_DATABASES__SHOP__EFFECTS_TABLE", "false")], &[], "databases.Shop.effects_table"),
        @"false (env OMNIHUB_DATABASES__SHOP__EFFECTS_TABLE)"
    );
    assert_snapshot!(
        check(file, &[("OMNIHUB_OUTBOUND__RECEIVERS__0__WINDOW_HOURS", "2")], &[], "outbound.receivers[0].window_hours"),
        @"2 (env OMNIHUB_OUTBOUND__RECEIVERS__0__WINDOW_HOURS)"
    );
    assert_snapshot!(
        check(NOTHING, &[("OMNIHUB_OUTBOUND__ALLOW", "a:1, *.b.example")], &[], "outbound.allow"),
        @r#"["a:1","*.b.example"] (env OMNIHUB_OUTBOUND__ALLOW)"#
    );
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file_that_says_them() {
    let file = "data_dir = \"state\"\n[playbooks]\ndir = \"books\"\n[databases.shop]\nurl = \"sqlite:shop.db\"\n";
    assert_snapshot!(check(file, &[], &[], "data_dir"), @"DIR/settings/state (omnihub.toml:1)");
    assert_snapshot!(check(file, &[], &[], "playbooks.dir"), @"DIR/settings/books (omnihub.toml:3)");
    assert_snapshot!(check(file, &[], &[], "databases.shop.url"), @"sqlite:DIR/settings/shop.db (omnihub.toml:5)");
    assert_snapshot!(check(file, &[("OMNIHUB_DATA_DIR", "here")], &[], "data_dir"), @"DIR/here (env OMNIHUB_DATA_DIR)");
}

#[test]
fn every_spelling_of_a_sqlite_address_names_the_same_file() {
    let url = |url: &str| {
        let file = format!("[databases.shop]\nurl = \"{url}\"\n");
        check(&file, &[], &[], "databases.shop.url")
    };
    assert_snapshot!(url("sqlite://shop.db"), @"sqlite:DIR/settings/shop.db (omnihub.toml:2)");
    assert_snapshot!(url("sqlite:/data/shop.db"), @"sqlite:/data/shop.db (omnihub.toml:2)");
    assert_snapshot!(url("sqlite:///data/shop.db"), @"sqlite:/data/shop.db (omnihub.toml:2)");
    assert_snapshot!(url("postgres://shop"), @"postgres://shop (omnihub.toml:2)");
}

#[test]
fn unknown_keys_name_the_line_and_what_was_meant() {
    let file = "\n[api]\nprot = 1\n[ouubound]\nallow = []\n[databases.shop]\nurl = \"sqlite:a\"\nwritable = []\n";
    assert_snapshot!(problems(file, &[]), @r#"
    omnihub.toml:3: unknown key `prot` in [api]; did you mean "port"?
    omnihub.toml:4: unknown key `ouubound` at the top of the file; did you mean "outbound"?
    omnihub.toml:8: unknown key `writable` in [databases.shop]; there is `databases.*.tables.*.writable`
    "#);
    assert_snapshot!(problems("port = 1\n", &[]), @"omnihub.toml:1: unknown key `port` at the top of the file; there is `api.port`");
}

#[test]
fn wrong_types_name_the_line_and_what_is_taken() {
    let file = "api = 3\nplaybooks = { dir = 1 }\n[engine]\ndriver = \"telepathy\"\n[limits]\nplan_steps_max = 0\nfan_out_max = \"many\"\n\
                [email]\nfrom = true\nsmtp = 25\n[store]\nreserve_mb = 1.5\n";
    assert_snapshot!(problems(file, &[]), @r#"
    omnihub.toml:1: `api` is a table, not a whole number
    omnihub.toml:2: `playbooks.dir` takes a path, not 1
    omnihub.toml:4: `engine.driver` takes one of embedded, temporal, not "telepathy"
    omnihub.toml:6: `limits.plan_steps_max` takes a whole number from 1 to 10000, not 0
    omnihub.toml:7: `limits.fan_out_max` takes a whole number from 1 to 10000, not "many"
    omnihub.toml:9: `email.from` takes a text, not true
    omnihub.toml:10: `email.smtp` takes a text, not 25
    omnihub.toml:12: `store.reserve_mb` takes a whole number from 0 to 9007199254740991, not 1.5
    "#);
}

#[test]
fn a_file_that_is_not_toml_names_the_line() {
    assert_snapshot!(problems("[api]\nport = 1\nport = 2\n", &[]), @"omnihub.toml:3: duplicate key");
    assert_snapshot!(problems("[api\n", &[]), @"omnihub.toml:1: unclosed table, expected `]`");
}

#[test]
fn a_table_that_lacks_what_it_needs_is_named() {
    let file = "[databases.shop]\n[databases.shop.tables.orders]\nkey = \"id\"\n";
    assert_snapshot!(problems(file, &[]), @r"
    omnihub.toml:1: `databases.shop.url` is missing; it takes a database URL: `sqlite:PATH` of a file that exists.
    omnihub.toml:2: `databases.shop.tables.orders.columns` is missing; it takes a list of texts: The columns that may be read.
    ");
}

#[test]
fn a_variable_that_is_no_setting_is_a_problem_unless_a_cluster_sets_it() {
    let environment = [
        ("OMNIHUB_API__PROT", "1"),
        ("OMNIHUB_API_HOST", "x"),
        ("OMNIHUB_STORE__RESERVE_MB", "lots"),
        ("OMNIHUB_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("OMNIHUB_SERVICE_HOST", "10.0.0.1"),
        ("OMNIHUB_TOKEN", "t"),
    ];
    assert_snapshot!(problems(NOTHING, &environment), @r#"
    env OMNIHUB_API_HOST: no setting has this name; did you mean "OMNIHUB_API__HOST"?
    env OMNIHUB_API__PROT: no setting has this name; did you mean "OMNIHUB_API__PORT"?
    env OMNIHUB_STORE__RESERVE_MB: `store.reserve_mb` takes a whole number from 0 to 9007199254740991, not "lots"
    "#);
}

#[test]
fn kept_names_that_mean_nothing_yet_are_named_and_empty_ones_are_not() {
    let not_used = |environment: &[(&str, &str)]| {
        let loaded = load_text(NOTHING, environment, &[]).unwrap();
        loaded.not_used
    };
    let names = not_used(&[
        ("ORCHESTRATOR_URL", "http://a"),
        ("SUPABASE_URL", "https://a"),
        ("LLM_BASE_URL", "https://b"),
        ("LLM_API_KEY_FILE", "key"),
        ("RATE_LIMIT_WINDOW_MS", "5"),
        ("PATH", "/bin"),
        ("DATABASE_URL", ""),
    ]);
    assert_eq!(
        names,
        [
            "LLM_API_KEY_FILE",
            "LLM_BASE_URL",
            "ORCHESTRATOR_URL",
            "RATE_LIMIT_WINDOW_MS",
            "SUPABASE_URL"
        ]
    );
}

#[test]
fn an_empty_variable_counts_as_not_set_whatever_it_is_called() {
    let own = catalogue::settings().map(|setting| setting.variable());
    let kept = catalogue::settings().flat_map(|setting| setting.aliases);
    let mut names: Vec<_> = own.chain(kept.map(|name| (*name).to_owned())).collect();
    names.extend(
        names
            .iter()
            .map(|name| format!("{name}_FILE"))
            .collect::<Vec<_>>(),
    );
    names.extend(["OMNIHUB_API__PROT", "LLM_BASE_URL"].map(str::to_owned));
    let empty: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    for file in [
        NOTHING,
        "[api]\nport = 1111\n[redis]\nurl = \"redis://a\"\n",
    ] {
        let all = |environment: &[(&str, &str)]| {
            let (loaded, folder) = load_in_folder(file, environment, &[]);
            let loaded = loaded.unwrap();
            let shown = show::values(&loaded).into_iter();
            let shown: Vec<_> = shown
                .map(|shown| format!("{} {} {}", shown.key, shown.value, shown.origin))
                .map(|line| line.replace(&folder, "DIR"))
                .collect();
            (shown, loaded.not_used)
        };
        assert_eq!(all(&empty), all(&[]), "{file}");
    }
}

#[test]
fn a_secret_file_that_holds_nothing_is_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "\n").unwrap();
    let variable = [("REDIS_URL_FILE", secret.to_str().unwrap())];
    let said = problems(NOTHING, &variable).replace(secret.to_str().unwrap(), "FILE");
    assert_snapshot!(said, @"env REDIS_URL_FILE: FILE holds nothing");
}

#[test]
fn the_example_names_what_is_taken_before_what_is_not_yet() {
    let example = example::text();
    let (file, url) = (
        example.find("#jwks_file").unwrap(),
        example.find("#jwks_url").unwrap(),
    );
    assert!(
        file < url && example[file..url].contains("NOT YET"),
        "{example}"
    );
}

#[test]
fn a_secret_is_taken_from_a_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    let issuer = "[[auth.issuers]]\nissuer = \"i\"\naudience = \"a\"\nalgorithms = [\"HS256\"]\n";
    let key = "auth.issuers[0].hs256_secret";
    let file = format!("{issuer}hs256_secret_file = {secret:?}\n");
    assert_snapshot!(check(&file, &[], &[], key), @"[redacted] (omnihub.toml:5)");
    let variable = [(
        "OMNIHUB_AUTH__ISSUERS__0__HS256_SECRET_FILE",
        secret.to_str().unwrap(),
    )];
    assert_snapshot!(check(issuer, &variable, &[], key), @"[redacted] (env OMNIHUB_AUTH__ISSUERS__0__HS256_SECRET_FILE)");
    let wrong = format!("{issuer}hs256_secret = 7\n");
    assert_snapshot!(problems(&wrong, &[]), @"omnihub.toml:5: `auth.issuers[0].hs256_secret` takes a text, not a whole number");
    let witness = "[audit]\nwitness = \"https://me:hunter22@witness.example/log\"\n";
    assert_snapshot!(check(witness, &[], &[], "audit.witness"), @"https://[redacted]@witness.example/log (omnihub.toml:2)");
}

#[test]
fn the_catalogue_and_the_components_agree_on_defaults() {
    let settings = load_text(NOTHING, &[], &[]).unwrap().settings;
    assert_eq!(settings.limits.of_a_goal(), domain::goal::Limits::default());
    assert_eq!(settings.engine.config(), engine::EngineConfig::default());
    assert_eq!(settings.notify, agent::notify::NotifyConfig::default());
    let shown = |value: &dyn std::fmt::Debug| format!("{value:?}");
    assert_eq!(
        shown(&settings.email),
        shown(&agent::email::EmailConfig::default())
    );
    assert_eq!(
        shown(&settings.outbound),
        shown(&agent::outbound::OutboundConfig::default())
    );
}

#[test]
fn every_setting_has_a_default_or_an_example_of_its_kind() {
    for setting in catalogue::settings() {
        let default = setting.default_value();
        assert!(
            default.is_some() || !setting.example.is_empty(),
            "{} shows nothing",
            setting.pattern
        );
        assert!(
            default.is_none_or(|value| setting.kind.takes(&value)),
            "{}",
            setting.pattern
        );
        let table = setting.table();
        let described =
            table.is_empty() || catalogue::sections().any(|section| section.pattern == table);
        assert!(
            described,
            "{} stands in a table without words",
            setting.pattern
        );
    }
}

#[test]
fn the_example_loads_as_it_is_and_with_every_sign_taken_away() {
    let text = example::text();
    assert_eq!(load_text(&text, &[], &[]).map(|_| ()), Ok(()));
    let bare = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| !rest.starts_with(' '))
            .unwrap_or(line)
            .to_owned()
    };
    let uncommented: Vec<_> = text.lines().map(bare).collect();
    assert_eq!(
        load_text(&uncommented.join("\n"), &[], &[]).map(|_| ()),
        Ok(())
    );
    for setting in catalogue::settings() {
        let line = format!("{} = ", setting.name());
        assert!(
            uncommented.iter().any(|found| found.starts_with(&line)),
            "{} is not in the example",
            setting.pattern
        );
    }
}

#[test]
fn the_example_file_is_the_one_that_the_binary_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../omnihub.example.toml");
    let file = fs::read_to_string(path).unwrap();
    assert!(
        file == example::text(),
        "omnihub.example.toml is stale; run `cargo run -p xtask -- generate`"
    );
}

fn check(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &'static str, &str)],
    key: &str,
) -> String {
    let (loaded, folder) = load_in_folder(file, environment, flags);
    let loaded = loaded.unwrap();
    let shown = show::values(&loaded)
        .into_iter()
        .find(|shown| shown.key == key)
        .unwrap();
    let text = format!("{} ({})", plain(&shown.value), shown.origin);
    text.replace(&format!("{folder}/settings/omnihub.toml"), "omnihub.toml")
        .replace(&folder, "DIR")
}

fn problems(file: &str, environment: &[(&str, &str)]) -> String {
    load_text(file, environment, &[]).map(|_| ()).unwrap_err()
}

fn load_text(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &'static str, &str)],
) -> Result<Loaded, String> {
    let (loaded, folder) = load_in_folder(file, environment, flags);
    loaded.map_err(|problems| {
        problems
            .to_string()
            .replace(&format!("{folder}/settings/omnihub.toml"), "omnihub.toml")
    })
}

fn load_in_folder(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &'static str, &str)],
) -> (Result<Loaded, super::problem::Problems>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("settings")).unwrap();
    fs::write(folder.path().join("settings/omnihub.toml"), file).unwrap();
    let own = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let sources = Sources {
        file: Some("settings/omnihub.toml".into()),
        working_dir: folder.path().to_owned(),
        environment: own(environment),
        flags: flags
            .iter()
            .map(|(flag, key, value)| (*flag, *key, (*value).to_owned()))
            .collect(),
    };
    let path = folder.path().to_str().unwrap().to_owned();
    (load(&sources), path)
}
