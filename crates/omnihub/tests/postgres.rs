//! The binary on Postgres: moved there with what was open, two servers on one database, and the proof afterwards.

use super::world::World;

const PLAN: &str = r#"{"steps": [{"id": "say", "tool": "respond_to_user", "input": {"message": "done"}, "approval": true}]}"#;

#[test]
fn a_server_moves_to_postgres_and_another_joins_it() {
    let Some(postgres) = servers::or_skip(servers::Postgres::shared()) else {
        return;
    };
    let world = World::new("");
    world.write("plan.json", PLAN);
    let server = world.serve();
    let submit = [
        "goal",
        "submit",
        "say",
        "--plan",
        "plan.json",
        "--trace-id",
        "open",
    ];
    server.run(&world, &submit).good();
    server.kill();
    let refused = world.run(&["migrate", "--from", "sqlite", "--to", "postgres"]);
    assert!(refused.stderr.contains("DATABASE_URL"), "{refused:?}");
    let settings = format!("[store]\nurl = \"{}\"\n", postgres.database().unwrap());
    world.write("omnihub.toml", &settings);

    let told = world
        .run(&["migrate", "--from", "sqlite", "--to", "postgres"])
        .good();

    assert!(told.contains("1 goals and "), "{told}");
    let server = world.serve();
    let open = server.json(&world, &["goal", "show", "goal-open"]);
    assert_eq!(open["status"], "waiting", "{open}");
    let listed = server.json(&world, &["approval", "list"]);
    let approval = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let grant = ["approval", "grant", &approval, "--as", "ola:operator"];
    server.run(&world, &grant).good();
    let watched = server.run(&world, &["goal", "watch", "goal-open"]);
    assert_eq!(watched.code, 0, "{watched:?}");
    world.run(&["audit", "verify"]).good();
    let whole = world.run(&["doctor", "--full"]);
    assert!(whole.stdout.contains("as it was written"), "{whole:?}");
    let copy = world.run(&["backup", "copy"]);
    assert!(copy.stderr.contains("pg_dump"), "{copy:?}");

    let other = World::new(&settings);
    for key in ["installation.key", "audit.key"] {
        let key = format!("omnihub-data/keys/{key}");
        let bytes = std::fs::read(world.path(&key)).unwrap();
        other.write(&key, "");
        std::fs::write(other.path(&key), bytes).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(other.path(&key), private).unwrap();
    }
    let joined = other.serve();
    let open = joined.json(&other, &["goal", "show", "goal-open"]);
    assert_eq!(open["status"], "completed", "{open}");
    // Nobody has told the database that the one that drives is gone.
    server.kill();
    other.write(
        "plan.json",
        r#"{"steps": [{"id": "say", "tool": "respond_to_user", "input": {"message": "done"}}]}"#,
    );
    let said = joined.run(
        &other,
        &["goal", "submit", "say", "--plan", "plan.json", "--watch"],
    );
    assert_eq!(said.code, 0, "{said:?}");
    joined.kill();
    world.run(&["audit", "verify"]).good();
}
