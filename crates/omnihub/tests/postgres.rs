//! The binary on Postgres: moved there with what was open, two servers on one database, and the proof afterwards.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

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
        "--wait",
    ];
    let open = server.json(&world, &submit);
    assert_eq!(open["status"], "waiting", "{open}");
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

    let other = world.beside(&settings);
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

#[test]
fn a_database_server_that_is_still_starting_is_waited_for() {
    let Some(postgres) = servers::or_skip(servers::Postgres::start()) else {
        return;
    };
    let settings = format!("[store]\nurl = \"{}\"\n", postgres.database().unwrap());
    let world = World::new(&settings);
    postgres.kill().unwrap();
    let mut stopped = world.command(&["serve", "--port", "0"]);
    stopped
        .stderr(std::fs::File::create(world.path("server.log")).unwrap())
        .stdout(Stdio::null());
    let mut stopped = stopped.spawn().unwrap();
    until_it_waits(&world);
    let pid = Pid::from_raw(i32::try_from(stopped.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = stopped.wait().unwrap();
    assert!(status.success(), "{status}: {}", world.log());

    world.write("server.log", "");
    let server = std::thread::scope(|threads| {
        let server = threads.spawn(|| world.serve());
        until_it_waits(&world);
        postgres.start_again().unwrap();
        server.join().unwrap()
    });

    let listed = server.json(&world, &["goal", "list"]);
    assert_eq!(listed["items"], serde_json::json!([]), "{listed}");
}

/// Waits until the server has said that it waits for its database.
fn until_it_waits(world: &World) {
    for _ in 0..1_500 {
        if world.log().contains("waiting for the database server") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("it does not say that it waits: {}", world.log());
}
