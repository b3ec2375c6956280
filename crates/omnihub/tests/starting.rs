//! A start that must not happen: whatever is wrong with what the operator wrote is named, and nothing runs.

use insta::assert_snapshot;
use rusqlite::Connection;

use super::receiver::Receiver;
use super::shop::shop;
use super::world::World;

#[test]
fn a_broken_playbook_stops_the_start_with_file_and_line() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    world.write("books/broken.yaml", "name: broken\nutterances: [\"do {x}\"]\nparameters: { type: object }\nplan:\n  steps:\n    - id: a\n      tool: serach_database\n      input: {}\n");
    for arguments in [&["serve", "--port", "0"][..], &["playbook", "check"]] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, 1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("DIR/books/broken.yaml:"), "{said}");
        assert!(said.contains(" (/"), "{said}");
        assert!(!said.contains("refund.yaml"), "{said}");
    }
    let json = world.run(&["playbook", "check", "--json"]).json();
    assert_eq!(json["valid"], false);
    assert!(json["errors"][0]["line"].is_u64(), "{json:#}");
    let fine = world
        .run(&["playbook", "check", "books/refund.yaml"])
        .good();
    assert_snapshot!(fine, @"1 playbooks are fine: refund");
}

#[test]
fn literals_that_no_attempt_could_use_are_refused_with_the_plan() {
    let world = World::new("[playbooks]\ndir = \"books\"\n");
    let tell = |to: &str, url: &str, header: &str| {
        let steps = format!(
            "    - {{ id: a, tool: send_email, input: {{ to: {to}, subject: s, body: b }} }}\n    \
             - {{ id: b, tool: call_webhook, input: {{ url: \"{url}\", payload: 1, headers: {{ {header}: x }} }} }}\n"
        );
        let head = "name: tell\nutterances: [\"tell {email}\"]\nparameters: { type: object, required: [email], properties: { email: { type: string } } }\nplan:\n  steps:\n";
        world.write("books/tell.yaml", &format!("{head}{steps}"));
        world.run(&["playbook", "check"])
    };
    let ran = tell("nope", "ftp://example.com", "Host");
    assert_eq!(ran.code, 1, "{ran:?}");
    for pointer in [
        "(/plan/steps/0/input/to)",
        "(/plan/steps/1/input/url)",
        "(/plan/steps/1/input/headers",
    ] {
        assert!(ran.stdout.contains(pointer), "{pointer}: {ran:?}");
    }
    tell("{ $param: email }", "https://example.com", "X-Kind").good();
}

#[test]
fn a_repeated_key_in_a_playbook_is_an_error() {
    let world = World::new("[playbooks]\ndir = \"books\"\n");
    world.write("books/twice.yaml", "name: twice\nname: again\n");
    let ran = world.run(&["serve", "--port", "0"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("DIR/books/twice.yaml:2"),
        "{ran:?}"
    );
}

#[test]
fn a_database_that_is_not_as_registered_stops_the_start_with_the_line() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let settings = std::fs::read_to_string(world.path("omnihub.toml")).unwrap();
    let check = |from: &str, to: &str| {
        world.write("omnihub.toml", &settings.replace(from, to));
        let ran = world.run(&["serve", "--port", "0"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        ran.stderr.lines().next().unwrap().to_owned()
    };
    assert_snapshot!(check("sqlite:laden.db", "sqlite:leer.db"));
    assert_snapshot!(check("[\"nr\", \"name\", \"mail\"]", "[\"nr\", \"nmae\"]"));
    assert_snapshot!(check("tables.auftrag]", "tables.auftraege]"));
}

#[test]
fn checks_and_refused_starts_leave_a_connected_database_as_it_was() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let before = std::fs::read(world.path("laden.db")).unwrap();
    let stranger = Connection::open(world.path("laden.db")).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.run(&["playbook", "check"]).good();
    let doctor = world.run(&["doctor"]).good();
    assert!(
        doctor.contains("has no table \"omnihub_effects\" yet; a start makes it"),
        "{doctor}"
    );
    stranger.execute_batch("ROLLBACK").unwrap();
    let settings = std::fs::read_to_string(world.path("omnihub.toml")).unwrap();
    let issuer = "[[auth.issuers]]\nissuer = \"a\"\naudience = \"b\"\nalgorithms = [\"ES256\"]\njwks_url = \"https://a\"\n";
    world.write("omnihub.toml", &format!("{settings}\n{issuer}"));
    let refused = world.run(&["serve", "--port", "0"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("jwks_url comes"),
        "{refused:?}"
    );
    world.write("omnihub.toml", &settings);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_eq!(world.run(&["serve", "--port", &port]).code, 1);
    assert!(std::fs::read(world.path("laden.db")).unwrap() == before);

    assert_eq!(world.serve().stop(), 0);
    let doctor = world.run(&["doctor"]).good();
    assert!(!doctor.contains("omnihub_effects"), "{doctor}");
}

#[test]
fn a_database_that_cannot_be_written_passes_checks_and_stops_the_start() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    // A write version that SQLite does not know makes a file read-only, for root too.
    let mut bytes = std::fs::read(world.path("laden.db")).unwrap();
    bytes[18] = 3;
    std::fs::write(world.path("laden.db"), bytes).unwrap();
    world.run(&["playbook", "check"]).good();
    let doctor = world.run(&["doctor"]);
    assert!(
        doctor.code == 1
            && doctor
                .stdout
                .contains("✗ database   laden: DIR/laden.db cannot be written"),
        "{doctor:?}"
    );
    let serve = world.run(&["serve", "--port", "0"]);
    assert!(
        serve.code == 1 && serve.stderr.contains("let this user write to it"),
        "{serve:?}"
    );
}

#[test]
fn a_second_process_on_one_data_directory_is_refused() {
    let world = World::new("");
    let server = world.serve();
    let second = world.run(&["serve", "--port", "0"]);
    assert_eq!(second.code, 1);
    assert!(second.stderr.contains("is in use by process"), "{second:?}");
    assert_eq!(server.stop(), 0);
    assert_eq!(world.serve().stop(), 0, "the lock stays behind");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = World::new("").run(&["serve", "--port", &port]);
    assert!(
        ran.code == 1
            && ran
                .stderr
                .contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{ran:?}"
    );
}

#[test]
fn the_development_issuer_stays_on_loopback_unless_told_so_in_words() {
    let world = World::new("[api]\nhost = \"0.0.0.0\"\n[auth]\ndevelopment = true\n");
    let ran = world.run(&["serve", "--port", "0"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("DIR/omnihub.toml:4"),
        "{ran:?}"
    );
    assert!(
        ran.stderr.contains("development_beyond_loopback"),
        "{ran:?}"
    );
    world.write("omnihub.toml", "[api]\nhost = \"0.0.0.0\"\n");
    let ran = world.run(&["serve", "--port", "0"]);
    assert!(
        ran.stderr
            .starts_with("error: DIR/omnihub.toml:2: auth.development is on"),
        "{ran:?}"
    );
    world.write(
        "omnihub.toml",
        "[api]\nhost = \"0.0.0.0\"\n[auth]\ndevelopment_beyond_loopback = true\n",
    );
    assert_eq!(world.serve().stop(), 0);
}

#[test]
fn a_refusal_names_where_a_setting_that_nobody_has_set_belongs() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let database = Connection::open(world.path("laden.db")).unwrap();
    database
        .execute_batch("CREATE TABLE omnihub_effects (id)")
        .unwrap();
    let ran = world.run(&["serve", "--port", "0"]);
    assert!(
        ran.stderr
            .starts_with("error: DIR/omnihub.toml:5: databases.laden.effects_table: "),
        "{ran:?}"
    );
    let world = World::new("");
    world.write("omnihub-data/outbox", "in the way");
    let ran = world.run(&["serve", "--port", "0"]);
    assert!(
        ran.stderr.starts_with(
            "error: email.smtp: is absent, and the outbox DIR/omnihub-data/outbox cannot be made"
        ) && ran
            .stderr
            .contains("nobody has set `email.smtp`, DIR/omnihub.toml can"),
        "{ran:?}"
    );
}

#[test]
fn a_database_that_somebody_locked_stops_the_start_with_what_to_do() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let stranger = Connection::open(world.path("laden.db")).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ran = world.run(&["serve", "--port", "0"]);
    assert!(
        ran.stderr.starts_with("error: DIR/omnihub.toml:5: ")
            && ran.stderr.contains("end what holds its lock"),
        "{ran:?}"
    );
}

#[test]
fn a_secret_that_is_missing_stops_the_start() {
    let world =
        World::new("[secrets.pay]\nenv = \"NO_SUCH_VARIABLE\"\nhosts = [\"example.com\"]\n");
    assert_snapshot!(world.run(&["serve", "--port", "0"]).shown(), @r#"
    exit 1
    error: DIR/omnihub.toml:1: secret "pay": the environment variable NO_SUCH_VARIABLE is not set, or not text
    "#);
}

#[test]
fn the_doctor_names_what_is_wrong() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let well = world.run(&["doctor", "--full", "--json"]);
    assert_eq!(well.code, 0, "{well:?}");
    std::fs::remove_file(world.path("laden.db")).unwrap();
    let ill = world.run(&["doctor"]);
    assert!(
        ill.code == 1 && ill.stdout.contains("✗ connections"),
        "{ill:?}"
    );
}
