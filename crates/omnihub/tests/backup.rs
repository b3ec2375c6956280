//! A backup of a server at work, and the server that goes on from it.

use api::client::Client;
use api::emergency::ControlBody;
use domain::emergency::{Mode, Scope};

use super::world::World;

const PLAN: &str = r#"{"steps": [{"id": "wait", "tool": "wait", "input": {"seconds": 1}},
    {"id": "say", "tool": "respond_to_user", "after": ["wait"], "input": {"message": "done"}, "approval": true}]}"#;

#[test]
fn a_restored_server_goes_on_once_a_person_lets_it() {
    let world = World::new("");
    lose_and_restore(&world, "", 2);
}

#[test]
fn so_does_one_on_postgres_in_another_database() {
    let Some(postgres) = servers::or_skip(servers::Postgres::shared()) else {
        return;
    };
    let settings = || format!("[store]\nurl = \"{}\"\n", postgres.database().unwrap());
    let world = World::new(&settings());
    // The seal for the move into the database begins an epoch too, and so does the store that came in there.
    lose_and_restore(&world, &settings(), 4);
}

/// Takes a backup of a server at work, loses it, and goes on from the backup with other settings.
fn lose_and_restore(world: &World, settings: &str, epoch: u64) {
    world.write("plan.json", PLAN);
    let server = world.serve();
    let submit = [
        "goal",
        "submit",
        "wait",
        "--plan",
        "plan.json",
        "--trace-id",
    ];
    server
        .run(world, &[&submit[..], &["before"]].concat())
        .good();
    let told = world.run(&["backup", "copy"]).good();
    assert!(
        told.starts_with("1 goals, 1 of them open, as of "),
        "{told}"
    );
    server
        .run(world, &[&submit[..], &["after"]].concat())
        .good();
    server.kill();
    std::fs::rename(world.path("omnihub-data"), world.path("lost")).unwrap();

    world.write("omnihub.toml", settings);
    let told = world.run(&["restore", "copy"]).good();

    assert!(
        told.contains(&format!("epoch {epoch}")) && told.contains("1 tenants are on hold"),
        "{told}"
    );
    let server = world.serve();
    let before = server.json(world, &["goal", "show", "goal-before"]);
    assert_eq!(before["reason"], "emergency.hold");
    assert_eq!(server.run(world, &["goal", "show", "goal-after"]).code, 1);
    world.run(&["audit", "verify"]).good();
    let entries = server.json(world, &["audit", "show", "--action", "store.restored"]);
    assert_eq!(entries["items"][0]["actor_id"], "tester", "{entries}");
    let token = world
        .run(&["token", "mint", "--subject", "root", "--role", "admin"])
        .good();
    let lift = ControlBody {
        scope: Scope::All,
        target: None,
        mode: Mode::Off,
        reason: "looked at what came after".to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let client = Client::new(&server.url, Some(token.trim())).unwrap();
        client.set_emergency_control(&lift).await.unwrap();
    });
    server.approval(world);
    let again = world.run(&["restore", "copy"]);
    assert_eq!(again.code, 1);
    let refused = match settings {
        "" => "omnihub-data is there already",
        _ => "the database holds a store already",
    };
    assert!(again.stderr.contains(refused), "{}", again.stderr);
}
