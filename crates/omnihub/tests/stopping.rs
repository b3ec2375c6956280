//! The end of a server: asked, it lets what is in flight end; asked twice, it goes at once.

use std::sync::mpsc::channel;

use rustix::process::Signal;

use super::receiver::{Answer, Receiver};
use super::shop::shop;

const PLAN: &str = r#"{"steps": [{"id": "call", "tool": "call_webhook", "input": {"url": "http://RECEIVER/x", "payload": {}}},
    {"id": "after", "tool": "respond_to_user", "after": ["call"], "input": {"message": "done"}}]}"#;

#[test]
fn what_is_in_flight_ends_and_is_recorded_and_nothing_new_starts() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    world.write(
        "plan.json",
        &PLAN.replace("RECEIVER", &receiver.authority()),
    );
    let server = world.serve();
    let (go, held) = channel();
    receiver.answer(Answer::After(held));
    server
        .run(
            &world,
            &[
                "goal",
                "submit",
                "call",
                "--plan",
                "plan.json",
                "--trace-id",
                "drained",
            ],
        )
        .good();
    receiver.next();
    server.signal(Signal::TERM);
    // The listener closes first; then the answer comes.
    while std::net::TcpStream::connect(server.url.trim_start_matches("http://")).is_ok() {
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    assert_eq!(server.wait(), 0);
    assert!(receiver.rest().is_empty());

    let server = world.serve();
    let told = server
        .run(&world, &["goal", "watch", "goal-drained", "--json"])
        .good();
    assert_eq!(told.matches("\"step_started\"").count(), 2, "{told}");
    assert!(told.contains("goal_completed"), "{told}");
    assert!(
        receiver.rest().is_empty(),
        "the call was repeated although its outcome was recorded"
    );
}

#[test]
fn a_second_signal_ends_at_once() {
    let receiver = Receiver::start();
    let world = shop(&receiver);
    world.write(
        "plan.json",
        &PLAN.replace("RECEIVER", &receiver.authority()),
    );
    let server = world.serve();
    let (_never, held) = channel();
    receiver.answer(Answer::After(held));
    server
        .run(&world, &["goal", "submit", "call", "--plan", "plan.json"])
        .good();
    receiver.next();
    server.signal(Signal::INT);
    while !world.log().contains("stopping") {
        std::thread::yield_now();
    }
    server.signal(Signal::INT);
    assert_eq!(server.wait(), 130);
}
