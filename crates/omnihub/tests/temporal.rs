//! The binary past one machine: an api and workers as processes of their own, Temporal between them.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::demo::{Kept, processes_of};
use super::world::World;

const PLAN: &str = r#"{"steps": [
    {"id": "say", "tool": "respond_to_user", "input": {"message": "done"}, "approval": true}]}"#;

pub(crate) fn settings(database: &str, temporal: &str) -> String {
    format!(
        "[store]\nurl = \"{database}\"\n[engine]\ndriver = \"temporal\"\n[temporal]\nhost = \"{temporal}\"\n\
         task_queue = \"test-{}\"\n",
        database.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
    )
}

/// What a server says of itself when it is asked whether it is ready.
fn ready(url: &str) -> (u16, Value) {
    let answer = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let address = url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request =
            format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await?;
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await?;
        std::io::Result::Ok(answer)
    });
    let answer = answer.unwrap();
    let status = answer[9..12].parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap())
}

fn until_ready(url: &str, expected: (u16, Value)) {
    for _ in 0..600 {
        if ready(url) == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{url} says {:?}", ready(url));
}

#[test]
fn goals_are_taken_by_one_process_and_driven_by_another_also_after_temporal_was_away() {
    let (Some(postgres), Some(temporal)) = (
        servers::or_skip(servers::Postgres::shared()),
        servers::or_skip(servers::Temporal::start()),
    ) else {
        return;
    };
    temporal.kill().unwrap();
    let settings = settings(&postgres.database().unwrap(), &temporal.address());
    let world = World::new(&settings);
    world.write("plan.json", PLAN);

    let api = world.serve_as("api");
    until_ready(
        &api.url,
        (
            200,
            json!({ "status": "degraded", "component": "temporal" }),
        ),
    );
    let port = api.url.rsplit(':').next().unwrap();
    let looked = world.run_with(("API_PORT", port), &["doctor"]);
    let says = "! address    a server answers at 127.0.0.1:";
    assert!(looked.stdout.contains(says), "{looked:?}");
    assert!(
        looked.stdout.contains("degraded, without temporal goals"),
        "{looked:?}"
    );
    let submit = [
        "goal",
        "submit",
        "say",
        "--plan",
        "plan.json",
        "--trace-id",
        "early",
    ];
    api.run(&world, &submit).good();
    let other = world.beside(&settings);
    let worker = other.serve_as("worker");
    until_ready(
        &worker.url,
        (503, json!({ "status": "error", "component": "temporal" })),
    );
    let looked = world.run(&["doctor"]);
    assert!(looked.stdout.contains("nobody listens there"), "{looked:?}");

    temporal.start_again().unwrap();

    until_ready(&api.url, (200, json!({ "status": "ok" })));
    until_ready(&worker.url, (200, json!({ "status": "ok" })));
    let looked = world.run_with(("API_PORT", port), &["doctor"]);
    assert!(looked.stdout.contains(": ready"), "{looked:?}");
    assert!(
        looked.stdout.contains("namespace \"default\""),
        "{looked:?}"
    );
    let approval = api.approval(&world);
    api.run(
        &world,
        &["approval", "grant", &approval, "--as", "ola:operator"],
    )
    .good();
    let watched = api.run(&world, &["goal", "watch", "goal-early"]);
    assert_eq!(watched.code, 0, "{watched:?}");
    assert_eq!(worker.stop(), 0);
    assert_eq!(api.stop(), 0);
    world.run(&["audit", "verify"]).good();
}

#[test]
fn a_kept_demo_of_several_processes_ends_when_one_of_them_does() {
    let (Some(postgres), Some(temporal)) = (
        servers::or_skip(servers::Postgres::shared()),
        servers::or_skip(servers::Temporal::shared()),
    ) else {
        return;
    };
    let world = World::new("");
    let mut command = world.command(&["demo", "--keep", "--engine", "temporal"]);
    command.env("DATABASE_URL", postgres.database().unwrap());
    command.env("TEMPORAL_HOST", temporal.address());
    let demo = Kept::start(command);
    let folder = Path::new(&demo.data_dir).parent().unwrap().to_owned();
    let processes = processes_of(&folder);
    assert_eq!(processes.len(), 3, "{processes:?}");
    let database = postgres.url("postgres", "");
    let database = database.split('?').next().unwrap();
    for (_, line) in &processes {
        assert!(
            !line.contains(database),
            "the URL is for everybody to see: {line}"
        );
    }

    let is_worker = |(_, line): &&(i32, String)| line.contains("/worker-2");
    let (worker, _) = processes.iter().find(is_worker).unwrap();
    kill_process(Pid::from_raw(*worker).unwrap(), Signal::KILL).unwrap();

    let ended = demo.child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("worker-2 ended with signal: 9"), "{said}");
    assert!(!folder.exists(), "the folder is left behind");
}

#[test]
fn what_cannot_drive_goals_is_refused_with_what_to_do_before_anything_begins() {
    let world = World::new("[engine]\ndriver = \"temporal\"\n");
    let refused = world.run(&["serve", "--port", "0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("store.url"), "{refused:?}");

    let embedded = World::new("");
    for role in ["api", "worker"] {
        let refused = embedded.run(&["serve", "--port", "0", "--role", role]);
        assert!(refused.stderr.contains("engine.driver"), "{refused:?}");
    }

    // Neither the database nor the port can be had, and neither is asked for.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let nowhere = settings("postgres://a@127.0.0.1:1/a?sslmode=disable", "127.0.0.1:1");
    for (line, says) in [
        ("tls_cert = \"a.pem\"", "temporal.tls_key"),
        ("tls_ca = \"nowhere.pem\"", "nowhere.pem cannot be read"),
        ("tls_ca = \"omnihub.toml\"", "it holds no PEM"),
        (
            "encryption_keys = \"abc\"",
            "key 1 is not 64 hexadecimal digits",
        ),
        ("host = \"http://a:1\"\napi_key = \"k\"", "write https://"),
    ] {
        let rest = nowhere.replace("host = \"127.0.0.1:1\"\n", "");
        let world = World::new(&format!("{rest}{line}\n"));
        let refused = world.run(&["serve", "--port", &port]);
        assert_eq!(refused.code, 1);
        assert!(
            refused.stderr.contains(says) && refused.stderr.starts_with("error: DIR/omnihub.toml:"),
            "{refused:?} does not say {says:?} and nothing else"
        );
        assert!(!world.path("omnihub-data").exists());
    }
}
