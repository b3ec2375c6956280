//! What a server says of itself: at no level a word of what goals are about.

use super::world::World;

/// What nobody may find in a log, in each place where a client can put it.
const SECRET: &str = "mondscheinsonate";

#[test]
fn no_level_writes_what_goals_are_about() {
    let Some(postgres) = servers::or_skip(servers::Postgres::shared()) else {
        return;
    };
    for level in [
        "",
        "level = \"trace\"",
        "level = \"debug,tokio_postgres=trace,tokio_postgres::query=trace,[{a}]=trace\"",
    ] {
        for database in ["", &*postgres.database().unwrap()] {
            let store = match database {
                "" => String::new(),
                url => format!("[store]\nurl = \"{url}\"\n"),
            };
            let world = World::new(&format!("[log]\n{level}\n{store}"));
            let verbose: &[&str] = if level.is_empty() { &["-vvv"] } else { &[] };
            live(&world, verbose);
            check(&world.log(), level);
        }
    }
}

#[cfg(feature = "temporal")]
#[test]
fn nor_does_temporals_sdk() {
    let (Some(postgres), Some(temporal)) = (
        servers::or_skip(servers::Postgres::shared()),
        servers::or_skip(servers::Temporal::shared()),
    ) else {
        return;
    };
    let key = "0f1e".repeat(16);
    let settings = super::temporal::settings(&postgres.database().unwrap(), &temporal.address());
    let world = World::new(&format!("{settings}encryption_keys = \"{key}\"\n"));
    live(&world, &["-vvv"]);
    let log = world.log();
    assert!(log.contains("TRACE") && !log.contains(&key), "{log}");
    check(&log, "-vvv");
}

/// A goal from its words to its end, with a decision in between.
fn live(world: &World, verbose: &[&str]) {
    let say = format!(
        r#"{{"steps": [
            {{"id": "say", "tool": "respond_to_user", "input": {{"message": "{SECRET}"}}}},
            {{"id": "mail", "tool": "send_email", "approval": true,
              "input": {{"to": "{SECRET}@example.com", "subject": "{SECRET}", "body": "{SECRET}"}}}}]}}"#
    );
    world.write("plan.json", &say);
    let server = world.serve_with(verbose);
    let submit = [
        "goal",
        "submit",
        SECRET,
        "--plan",
        "plan.json",
        "--trace-id",
        "a",
    ];
    let submitted = server.run(
        world,
        &[&submit[..], &["--as", &format!("{SECRET}:operator")]].concat(),
    );
    submitted.good();
    let approval = server.approval(world);
    let grant = [
        "approval",
        "grant",
        &approval,
        "--reason",
        SECRET,
        "--as",
        "ola:operator",
    ];
    server.run(world, &grant).good();
    server.run(world, &["goal", "watch", "goal-a"]).good();
    server.run(world, &["goal", "list", "--q", SECRET]).good();
    assert_eq!(server.stop(), 0);
}

fn check(log: &str, level: &str) {
    assert!(
        log.contains("DEBUG who drives"),
        "{level:?} says little: {log}"
    );
    let bytes = format!("{:?}", SECRET.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    for line in log.lines() {
        assert!(
            !line.contains(SECRET) && !line.contains(bytes),
            "{level:?}: {line}"
        );
    }
}
