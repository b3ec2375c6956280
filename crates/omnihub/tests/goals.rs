//! Goals on somebody else's shop, by the command line alone: done, undone, asked about, settled.

use std::sync::mpsc::channel;

use serde_json::Value;

use super::receiver::{Answer, Receiver};
use super::shop::{shop, text};
use super::world::{Server, World};

const STATUS: &str = "SELECT status FROM auftrag WHERE code = 'A-1042'";
const CREDITS: &str = "SELECT count(*) || ' ' || coalesce(sum(betrag), 0.0) FROM gutschrift";

#[test]
fn a_goal_in_plain_words_is_done_once_another_person_has_granted_it() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let goal = submit(&server, &world, "Refund order A-1042!");
    assert_eq!(goal["status"], "waiting");
    assert_eq!(text(&world, STATUS), "erstattet");
    assert!(
        receiver.rest().is_empty(),
        "the webhook was called before anybody granted it"
    );

    let approval = approval(&server, &world);
    let refused = server.run(&world, &["approval", "grant", &approval]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("approval.own_goal"), "{refused:?}");
    let granted = server
        .run(
            &world,
            &["approval", "grant", &approval, "--as", "ola:operator"],
        )
        .good();
    assert!(
        granted.contains("\"betrag\": 59.9") && granted.contains("granted by ola"),
        "{granted}"
    );

    let goal = ended(&server, &world, &goal);
    assert_eq!(
        (goal["status"].as_str(), goal["reply"].as_str()),
        (Some("completed"), Some("A-1042 is refunded."))
    );
    assert_eq!(receiver.next().body["code"], "A-1042");
    assert_eq!(text(&world, CREDITS), "1 59.9");
}

#[test]
fn a_table_that_is_piped_holds_whole_texts() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let words = format!("refund {} {{code}}", "the order ".repeat(9).trim());
    let book = std::fs::read_to_string(world.path("books/refund.yaml")).unwrap();
    world.write(
        "books/refund.yaml",
        &book.replace("refund order {code}", &words),
    );
    let server = world.serve();
    let listed = server.run(&world, &["playbook", "list"]).good();
    assert!(listed.contains(&words) && !listed.contains('…'), "{listed}");
}

#[test]
fn what_was_done_is_undone_newest_first_when_a_person_refuses() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let goal = submit(&server, &world, "refund order A-1042");
    server
        .run(
            &world,
            &[
                "approval",
                "refuse",
                &approval(&server, &world),
                "--as",
                "ola:operator",
            ],
        )
        .good();
    let goal = ended(&server, &world, &goal);
    assert_eq!(
        (goal["status"].as_str(), goal["reason"].as_str()),
        (Some("failed"), Some("approval.refused"))
    );
    assert_eq!(undone(&server, &world, &goal), ["mark", "credit"]);
    assert_eq!(
        (text(&world, STATUS), text(&world, CREDITS)),
        ("offen".to_owned(), "0 0.0".to_owned())
    );
    assert!(receiver.rest().is_empty());
}

#[test]
fn a_cancelled_goal_undoes_what_it_did() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let goal = submit(&server, &world, "refund order A-1042");
    server.run(&world, &["goal", "cancel", id(&goal)]).good();
    let goal = ended(&server, &world, &goal);
    assert_eq!(
        (goal["status"].as_str(), &goal["compensation"]["done"]),
        (Some("cancelled"), &Value::from(2))
    );
    assert_eq!(text(&world, STATUS), "offen");
}

#[test]
fn a_killed_server_goes_on_where_it_was() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let goal = submit(&server, &world, "refund order A-1042");
    let approval = approval(&server, &world);
    let (go, held) = channel();
    receiver.answer(Answer::After(held));
    server
        .run(
            &world,
            &["approval", "grant", &approval, "--as", "ola:operator"],
        )
        .good();
    let first = receiver.next();
    server.kill();
    drop(go);
    let server = world.serve();
    let goal = ended(&server, &world, &goal);
    assert_eq!(goal["status"], "completed", "{goal:#}");
    assert_eq!(receiver.next().key, first.key, "the repeat has another key");
    assert_eq!(text(&world, CREDITS), "1 59.9");
}

#[test]
fn words_that_no_playbook_knows_are_refused_with_the_nearest() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let refused = server.run(&world, &["goal", "submit", "refund all orders"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("goal.no_plan") && refused.stderr.contains("refund"),
        "{refused:?}"
    );
    let listed = server.json(&world, &["goal", "list"]);
    assert_eq!(listed["items"], Value::Array(Vec::new()));
}

#[test]
fn a_plan_of_ones_own_is_checked_whole_and_every_fault_has_its_place() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let plan = r#"{"steps": [
        {"id": "a", "tool": "search_database", "input": {"table": "auftraege"}},
        {"id": "b", "tool": "send_emial", "input": {}},
        {"id": "c", "tool": "respond_to_user", "input": {"message": {"$step": "d", "path": "/x"}}}]}"#;
    world.write("plan.json", plan);
    let refused = server.run(&world, &["goal", "submit", "try", "--plan", "plan.json"]);
    assert_eq!(refused.code, 1);
    for part in [
        "plan.invalid",
        "/plan/steps/0/input/table",
        "/plan/steps/1/tool",
        "send_email",
        "/plan/steps/2/input/message",
    ] {
        assert!(
            refused.stderr.contains(part),
            "{part} is not in {refused:#?}"
        );
    }
    let dry = server
        .run(
            &world,
            &["goal", "submit", "refund order A-1042", "--dry-run"],
        )
        .good();
    assert!(dry.contains("playbook") || dry.contains("refund"), "{dry}");
    assert!(dry.contains("asks a person"), "{dry}");
}

#[test]
fn the_events_of_a_goal_are_told_live_and_again() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let goal = submit(&server, &world, "refund order A-1042");
    server
        .run(
            &world,
            &[
                "approval",
                "grant",
                &approval(&server, &world),
                "--as",
                "ola:operator",
            ],
        )
        .good();
    let told = server.run(&world, &["goal", "watch", id(&goal)]).good();
    let steps: Vec<_> = told.lines().filter(|line| line.contains(" done")).collect();
    assert_eq!(steps.len(), 4, "{told}");
    assert!(told.trim_end().ends_with("A-1042 is refunded."), "{told}");
    let json = server
        .run(
            &world,
            &["goal", "watch", id(&goal), "--json", "--after", "2"],
        )
        .good();
    let sequences: Vec<_> = json
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["sequence"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(
        sequences,
        (3..=sequences.last().copied().unwrap()).collect::<Vec<_>>()
    );
}

#[test]
fn lists_and_tools_are_shown_to_people() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    submit(&server, &world, "refund order A-1042");
    let listed = server.run(&world, &["goal", "list"]).good();
    assert!(
        listed.starts_with("GOAL ")
            && listed.contains("waiting")
            && listed.contains("refund order A-1042"),
        "{listed}"
    );
    let tools = server.run(&world, &["tool", "list"]).good();
    for tool in [
        "search_database",
        "create_record",
        "update_record",
        "call_webhook",
        "send_email",
        "wait",
    ] {
        assert!(tools.contains(tool), "{tool} is not in {tools}");
    }
    let unknown = server.run(&world, &["tool", "show", "send_emial"]);
    insta::assert_snapshot!(unknown.shown(), @r#"
    exit 1
    error: there is no tool "send_emial"; did you mean "send_email"?
    "#);
    assert!(
        server
            .run(&world, &["playbook", "list"])
            .good()
            .contains("refund order {code}")
    );
}

#[test]
fn others_goals_are_not_there_for_those_who_may_not_see_them() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    let server = world.serve();
    let goal = submit(&server, &world, "refund order A-1042");
    let stranger = server.run(
        &world,
        &["goal", "show", id(&goal), "--as", "eve:authenticated"],
    );
    assert!(
        stranger.code == 1 && stranger.stderr.contains("goal.not_found"),
        "{stranger:?}"
    );
    let other_tenant = server.run(
        &world,
        &["goal", "show", id(&goal), "--as", "eve:admin@other"],
    );
    assert!(
        other_tenant.code == 1 && other_tenant.stderr.contains("goal.not_found"),
        "{other_tenant:?}"
    );
}

/// Submits a goal and waits until it ends or waits for a person.
fn submit(server: &Server, world: &World, words: &str) -> Value {
    server.json(world, &["goal", "submit", words, "--wait"])
}

/// Waits for a goal's end.
fn ended(server: &Server, world: &World, goal: &Value) -> Value {
    // Watching ends with the goal; how it ended says the goal itself.
    server.run(world, &["goal", "watch", id(goal), "--json"]);
    server.json(world, &["goal", "show", id(goal)])
}

fn id(goal: &Value) -> &str {
    goal["workflowId"].as_str().unwrap()
}

/// The one approval that waits.
fn approval(server: &Server, world: &World) -> String {
    let listed = server.json(world, &["approval", "list"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed:#}");
    listed["items"][0]["id"].as_str().unwrap().to_owned()
}

fn undone(server: &Server, world: &World, goal: &Value) -> Vec<String> {
    let told = server
        .run(world, &["goal", "watch", id(goal), "--json"])
        .stdout;
    let events = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let undone = events.filter(|event| event["type"] == "compensation_succeeded");
    undone
        .map(|event| event["data"]["step"].as_str().unwrap().to_owned())
        .collect()
}
