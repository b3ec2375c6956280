//! Notices: who is to be told is told, also when the receiver is away at first, and by mail into the outbox.

use super::receiver::{Answer, Receiver};
use super::world::World;

const PLAN: &str =
    r#"{"steps": [{"id": "a", "tool": "respond_to_user", "input": {"message": "hello"}}]}"#;

#[test]
fn a_notice_is_sent_again_under_its_key_until_it_is_taken() {
    let receiver = Receiver::start();
    receiver.answer(Answer::Status(503));
    let settings = "[outbound]\nallow = [\"RECEIVER\"]\n[notify]\nwebhook = \"http://RECEIVER/told\"\nemail = \"duty@example.com\"\n";
    let world = World::new(&settings.replace("RECEIVER", &receiver.authority()));
    world.write("plan.json", PLAN);
    let server = world.serve();
    server
        .run(
            &world,
            &[
                "goal",
                "submit",
                "say hello",
                "--plan",
                "plan.json",
                "--trace-id",
                "told",
                "--wait",
            ],
        )
        .good();
    let (first, second) = (receiver.next(), receiver.next());
    assert_eq!((first.path.as_str(), &first.key), ("/told", &second.key));
    assert_eq!(
        (&second.body["type"], &second.body["workflowId"]),
        (&"goal.ended".into(), &"goal-told".into())
    );
    assert_eq!(
        (&second.body["status"], &second.body["tenant"]),
        (&"completed".into(), &"default".into())
    );
    assert_eq!(server.stop(), 0);
    let files = std::fs::read_dir(world.path("omnihub-data/outbox")).unwrap();
    let mails = files.filter(|file| {
        file.as_ref()
            .unwrap()
            .path()
            .extension()
            .is_some_and(|end| end == "eml")
    });
    assert_eq!(mails.count(), 1, "a repeat writes the same mail");
    assert!(receiver.rest().is_empty());
}

#[test]
fn a_notice_outlives_the_server_that_could_not_send_it() {
    let receiver = Receiver::start();
    receiver.answer(Answer::Status(503));
    let settings =
        "[outbound]\nallow = [\"RECEIVER\"]\n[notify]\nwebhook = \"http://RECEIVER/told\"\n";
    let world = World::new(&settings.replace("RECEIVER", &receiver.authority()));
    world.write("plan.json", PLAN);
    let server = world.serve();
    server
        .run(
            &world,
            &["goal", "submit", "say hello", "--plan", "plan.json"],
        )
        .good();
    let first = receiver.next();
    server.kill();
    let _server = world.serve();
    assert_eq!(receiver.next().key, first.key);
}
