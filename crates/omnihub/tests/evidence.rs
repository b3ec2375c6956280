//! The evidence in an auditor's hands: verified live, exported, tampered with, and held against what was kept elsewhere.

use super::receiver::Receiver;
use super::shop::shop;
use super::world::{Ran, Server, World};

/// A shop with some evidence, and an export of it.
fn exported() -> (World, Server, Receiver) {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    server.json(&world, &["goal", "submit", "refund order A-1042", "--wait"]);
    server
        .run(&world, &["audit", "export", "--output", "audit.jsonl"])
        .good();
    (world, server, receiver)
}

#[test]
fn an_export_and_a_live_directory_verify() {
    let (world, server, _receiver) = exported();
    let key = world.run(&["audit", "key"]).good();
    let by_key = world
        .run(&["audit", "verify", "audit.jsonl", "--key", key.trim()])
        .good();
    assert!(
        by_key.contains("entries, root ") && by_key.contains("checked against a key from outside"),
        "{by_key}"
    );
    let alone = world.run(&["audit", "verify", "audit.jsonl"]).good();
    assert!(alone.contains("against itself only"), "{alone}");
    let live = world.run(&["audit", "verify"]).good();
    assert!(live.contains("default: "), "{live}");
    assert_eq!(server.stop(), 0);
    let at_rest = world.run(&["audit", "verify", "--json"]).json();
    assert_eq!(at_rest["valid"], true, "{at_rest:#}");
}

#[test]
fn whatever_was_done_to_an_export_the_first_bad_index_is_named() {
    let (world, _server, _receiver) = exported();
    let text = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let verify = |lines: &[&str], more: &[&str]| -> Ran {
        world.write("changed.jsonl", &(lines.join("\n") + "\n"));
        world.run(&[&["audit", "verify", "changed.jsonl"], more].concat())
    };
    let check = |lines: &[&str], begins: &str| {
        let ran = verify(lines, &[]);
        assert!(
            ran.code == 1 && ran.stdout.starts_with(begins),
            "{begins}: {ran:?}"
        );
    };
    let edited = lines[2].replacen("tester", "nobody", 1);
    assert_ne!(edited, lines[2]);
    check(
        &[&lines[..2], &[edited.as_str()], &lines[3..]].concat(),
        "index 2: edited",
    );
    check(&[&lines[..2], &lines[3..]].concat(), "index 2: removed");
    check(&[&lines[..4], &lines[3..]].concat(), "index 4: repeated");
    check(
        &[&lines[..2], &[lines[3], lines[2]], &lines[4..]].concat(),
        "index 2: moved",
    );
    let entries = lines.len() - 1;
    check(
        &lines[..entries],
        &format!("index {entries}: the checkpoint is missing"),
    );
    check(
        &[&lines[..entries - 1], &lines[entries..]].concat(),
        &format!("index {}: missing", entries - 1),
    );
    world.write(
        "changed.jsonl",
        &format!(
            "{}
{}",
            lines[0],
            &lines[1][..lines[1].len() / 2]
        ),
    );
    let cut = world.run(&["audit", "verify", "changed.jsonl"]);
    assert!(
        cut.code == 1 && cut.stdout.starts_with("index 1: cut short"),
        "{cut:?}"
    );
    assert_eq!(verify(&lines[..entries], &["--no-checkpoint"]).code, 0);
}

#[test]
fn evidence_without_a_checkpoint_says_so_and_asks_for_no_key() {
    let (world, server, _receiver) = exported();
    let text = std::fs::read_to_string(world.path("audit.jsonl")).unwrap();
    let (entries, _) = text.trim_end().rsplit_once('\n').unwrap();
    world.write("open.jsonl", &format!("{entries}\n"));
    let open = ["audit", "verify", "open.jsonl", "--no-checkpoint"];
    let found = world.run(&open).good();
    assert!(found.contains("its end may be missing"), "{found}");
    drop(server);

    let receiver = Receiver::start();
    let young = shop(&receiver);
    let server = young.serve();
    server.json(&young, &["goal", "submit", "refund order A-1042", "--wait"]);
    server.kill();
    let key = young.run(&["audit", "key"]).good();
    let found = young.run(&["audit", "verify"]).good();
    assert!(
        found.contains("no checkpoint is signed yet") && !found.contains("--key"),
        "{found}"
    );
    let by_key = young.run(&["audit", "verify", "--key", key.trim()]);
    assert!(!by_key.stdout.contains("--key"), "{by_key:?}");
}

#[test]
fn another_key_is_noticed() {
    let (world, _server, _receiver) = exported();
    let (other, _other_server, _other_receiver) = exported();
    let foreign = other.run(&["audit", "key"]).good();
    let ran = world.run(&["audit", "verify", "audit.jsonl", "--key", foreign.trim()]);
    assert!(ran.code == 1 && ran.stdout.contains("signed by"), "{ran:?}");
}

#[test]
fn todays_evidence_extends_the_checkpoint_that_was_kept_and_no_other() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    server.json(&world, &["goal", "submit", "refund order A-1042", "--wait"]);
    assert_eq!(server.stop(), 0);
    let kept = world.run(&["audit", "checkpoint"]).good();
    let kept = world.write("kept.checkpoint", &kept);
    let server = world.serve();
    server.json(&world, &["goal", "submit", "refund order A-1043", "--wait"]);
    server
        .run(&world, &["audit", "export", "--output", "audit.jsonl"])
        .good();
    for path in ["omnihub-data", "audit.jsonl"] {
        let since = ["audit", "verify", path, "--since", "kept.checkpoint"];
        let grown = world.run(&since).good();
        assert!(grown.contains("checkpoint from outside"), "{grown}");
    }
    let (other, _other_server, _other_receiver) = exported();
    let since = [
        "audit",
        "verify",
        "audit.jsonl",
        "--since",
        kept.to_str().unwrap(),
    ];
    let foreign = other.run(&since);
    assert!(
        foreign.code == 1 && foreign.stdout.contains("origin"),
        "{foreign:?}"
    );
    let live = ["audit", "verify", "--since", kept.to_str().unwrap()];
    let foreign = other.run(&live);
    assert!(
        foreign.code == 1 && foreign.stderr.contains("names no evidence"),
        "{foreign:?}"
    );
}

#[test]
fn entries_are_listed_and_shown_to_auditors_only() {
    let (world, server, _receiver) = exported();
    let listed = server.json(&world, &["audit", "show", "--action", "goal.accepted"]);
    let entry = &listed["items"][0];
    assert_eq!(
        (entry["action"].as_str(), entry["actor_id"].as_str()),
        (Some("goal.accepted"), Some("tester"))
    );
    let one = server.json(&world, &["audit", "show", entry["id"].as_str().unwrap()]);
    assert_eq!(&one, entry);
    let clerk = server.run(&world, &["audit", "show", "--as", "ana:operator"]);
    assert!(
        clerk.code == 1 && clerk.stderr.contains("auth.forbidden"),
        "{clerk:?}"
    );
}

#[test]
fn the_witness_gets_every_checkpoint() {
    let world = World::new("[audit]\nwitness = \"witness.jsonl\"\n");
    let server = world.serve();
    world.write(
        "plan.json",
        r#"{"steps": [{"id": "a", "tool": "respond_to_user", "input": {"message": "hello"}}]}"#,
    );
    server
        .run(
            &world,
            &[
                "goal",
                "submit",
                "say hello",
                "--plan",
                "plan.json",
                "--wait",
            ],
        )
        .good();
    assert_eq!(server.stop(), 0);
    let witnessed = std::fs::read_to_string(world.path("witness.jsonl")).unwrap();
    assert!(witnessed.lines().count() >= 1, "{witnessed}");
    let held = world
        .run(&["audit", "verify", "--since", "witness.jsonl"])
        .good();
    assert!(held.contains("checkpoint from outside"), "{held}");
}
