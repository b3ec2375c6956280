//! The receiver on a real socket: it logs every arrival and applies what its script says.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::script::{Arriving, Script, script};
use super::*;

const SEED: u64 = 5;

/// The first effect that the seed scripts so.
fn scripted(fits: impl Fn(&Script) -> bool) -> EffectId {
    let effect = |goal| EffectId {
        goal,
        step: 0,
        item: 0,
        undo: false,
    };
    let first = |effect| Arriving {
        effect,
        nth: 1,
        applied: false,
        repaired: false,
    };
    (0..10_000)
        .map(effect)
        .find(|effect| fits(&script(SEED, first(*effect))))
        .unwrap()
}

async fn connect(address: SocketAddr, effect: EffectId) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {effect} HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// The status line's number, or nothing where the connection was cut.
async fn status(mut stream: TcpStream) -> Option<u16> {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
        .split(' ')
        .nth(1)
        .map(|status| status.parse().unwrap())
}

fn ends(receiver: &Receiver, effect: EffectId) -> Vec<End> {
    receiver
        .books
        .page(effect)
        .arrivals
        .into_iter()
        .map(|arrival| arrival.end)
        .collect()
}

#[tokio::test]
async fn an_arrival_is_answered_as_its_script_says_and_written_down() {
    let receiver = Receiver::start(SEED).await.unwrap();
    for (expected, applied, end) in [
        (Some(200), 1, Ending::Answer(200)),
        (Some(503), 1, Ending::Answer(503)),
        (Some(429), 0, Ending::Answer(429)),
        (Some(410), 0, Ending::Answer(410)),
        (None, 1, Ending::Cut),
    ] {
        let effect = scripted(|script| script.end == end && script.apply == (applied == 1));
        assert_eq!(
            status(connect(receiver.undeclared, effect).await).await,
            expected,
            "{end:?}"
        );
        let page = receiver.books.page(effect);
        assert_eq!(page.applied, applied, "{end:?}");
        let written = expected.map_or(End::Cut, End::Answered);
        assert_eq!(ends(&receiver, effect), [written]);
    }
}

#[tokio::test]
async fn every_arrival_is_written_down_and_the_declared_port_applies_a_key_once() {
    let receiver = Receiver::start(SEED).await.unwrap();
    let effect = scripted(|script| script.apply && script.end == Ending::Answer(200));
    receiver.books.repair(effect.goal);
    for address in [receiver.declared, receiver.declared] {
        assert_eq!(status(connect(address, effect).await).await, Some(200));
    }
    let page = receiver.books.page(effect);
    assert_eq!((page.arrivals.len(), page.applied), (2, 1));
    for _ in 0..2 {
        assert_eq!(
            status(connect(receiver.undeclared, effect.back()).await).await,
            Some(200)
        );
    }
    let page = receiver.books.page(effect.back());
    assert_eq!((page.arrivals.len(), page.applied), (2, 2));
}

#[tokio::test]
async fn after_a_fence_nothing_happens_any_more_on_account_of_the_dead() {
    let receiver = Receiver::start(SEED).await.unwrap();
    let effect = scripted(|script| script.before.as_millis() > 200);
    let stream = connect(receiver.undeclared, effect).await;
    receiver.fence().await.unwrap();
    // The request was sent before the fence, so it has been taken, and it is under way.
    assert!(!receiver.past_is_over());
    drop(stream);
    while !receiver.past_is_over() {
        tokio::task::yield_now().await;
    }
    assert_eq!(ends(&receiver, effect), [End::Gone]);
    assert_eq!(receiver.books.page(effect).applied, 0);
}
