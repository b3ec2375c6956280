//! The link with a server that does what a test says.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;

use super::{DEADLINE, Link};
use crate::hints::{Hint, HintState, RedisConfig, Server};

/// What a server answers to a command; it may take its time.
type Answers = Box<dyn FnMut(&str) -> Vec<u8> + Send>;

/// What any Redis answers.
fn usual(commands: &str) -> Vec<u8> {
    let answers = [
        ("HELLO", "%1\r\n$5\r\nproto\r\n:3\r\n"),
        ("SUBSCRIBE", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
        ("PUBLISH", ":1\r\n"),
        ("PING", "+PONG\r\n"),
    ];
    let answer = |(command, answer): (&str, &str)| answer.repeat(commands.matches(command).count());
    answers.map(answer).concat().into_bytes()
}

/// A server that is gone after so many connections, one after the other; returns its port, and what it says whenever it has
/// answered.
fn serve(connections: usize, mut answers: Answers) -> (u16, Receiver<()>) {
    let (written, was_written) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let clients = listener.incoming().take(connections);
        clients.for_each(|client| talk(client.unwrap(), &mut answers, &written));
    });
    (port, was_written)
}

fn talk(mut client: TcpStream, answers: &mut Answers, written: &Sender<()>) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let commands = String::from_utf8_lossy(buffer.get(..count).unwrap());
        if client.write_all(&answers(&commands)).is_err() {
            return;
        }
        written.send(()).unwrap_or_default();
    }
}

/// A link to a port: what it is given to say, and where it stands.
fn link(port: u16) -> (mpsc::Sender<Hint>, watch::Receiver<HintState>) {
    let (queue, queued) = mpsc::channel(8);
    let (state, watched) = watch::channel(HintState::Dialling);
    let config = RedisConfig {
        url: format!("redis://127.0.0.1:{port}"),
        ca: None,
    };
    let link = Link {
        server: Server::of(&config).unwrap(),
        channel: "c".to_owned(),
        by: "me".into(),
        queue: queued,
        missed: Arc::default(),
        heard: Arc::default(),
        state,
        counters: Arc::default(),
    };
    tokio::spawn(link.run());
    (queue, watched)
}

#[tokio::test]
async fn what_is_longer_than_any_message_ends_the_connection_before_it_is_read() {
    let answers = Box::new(|commands: &str| {
        let mut answer = usual(commands);
        if commands.contains("PUBLISH") {
            let push = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$536870912\r\n";
            answer.extend_from_slice(push.as_bytes());
        }
        answer
    });
    let (port, _written) = serve(1, answers);
    let (_queue, mut state) = link(port);
    let away = state.wait_for(|state| matches!(state, HintState::Away(_)));
    let away = away.await.unwrap().clone();
    let expected = "it sent more at once than any message has";
    assert_eq!(away, HintState::Away(expected.to_owned()));
}

/// Rounds in which a link that looked at its clock first would be lost, each by an even chance.
const ROUNDS: u32 = 10;
/// Tries, of which those are void that a busy machine made late.
const TRIES_MAX: u32 = 200;

#[tokio::test]
async fn a_process_that_stood_still_takes_in_what_was_answered_meanwhile() {
    let ((asked, was_asked), (go, may_go), (after, came_after)) = (channel(), channel(), channel());
    let answers = Box::new(move |commands: &str| {
        if commands.contains(r#""queue":true"#) {
            asked.send(()).unwrap_or_default();
            // The answer is written while whoever asked stands still.
            may_go.recv().unwrap_or_default();
        }
        if commands.contains(r#""notices":true"#) {
            after.send(()).unwrap_or_default();
        }
        usual(commands)
    });
    let (port, was_written) = serve(usize::MAX, answers);
    let (queue, mut state) = link(port);
    let mut stood = 0;
    for _ in 0..TRIES_MAX {
        let live = state.wait_for(|state| *state == HintState::Live);
        live.await.unwrap();
        let begun = Instant::now();
        queue.send(Hint::queued()).await.unwrap();
        while was_asked.try_recv().is_err() {
            yield_now().await;
        }
        let in_time = begun.elapsed() < DEADLINE / 2;
        was_written.try_iter().for_each(drop);
        go.send(()).unwrap();
        if in_time {
            // Nothing else runs here until the answer is there, and it is too late for it.
            was_written.recv().unwrap();
            std::thread::sleep(2 * DEADLINE);
            stood += 1;
        }
        // What is said next is said once the answer was taken in; or the connection was given up.
        queue
            .send(Hint::committed(&[], (false, true)))
            .await
            .unwrap();
        while came_after.try_recv().is_err() && !state.has_changed().unwrap() {
            yield_now().await;
        }
        let is_lost = state.has_changed().unwrap();
        let now = state.borrow().clone();
        assert!(!in_time || !is_lost, "after {stood}: {now:?}");
        if stood == ROUNDS {
            return;
        }
    }
}
