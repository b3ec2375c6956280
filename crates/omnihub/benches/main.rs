//! `make bench`: the speed and memory of this very binary, from the client's POST to the goal's end as the client sees
//! it, with client and server sharing the machine.
//!
//! Every figure is a median of several runs. What is asked for stands beside it; a missed figure is said, never hidden.
//! Nothing here passes or fails by the clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops at the first thing that goes wrong, and prints"
)]

mod asked;
mod client;
mod load;
mod machine;
mod server;

use std::time::Duration;

use asked::Asked;
use load::{Kind, Sample};
use server::Server;

/// Runs of each figure; the median is quoted.
const RUNS: usize = 5;
/// Requests in flight under load.
const IN_FLIGHT: usize = 128;
/// How long one run under load takes.
const RUN: Duration = Duration::from_secs(4);
/// Goals submitted one at a time for a latency figure.
const ALONE: usize = 200;
/// Goals of a burst of accepts.
const BURST: usize = 20_000;
/// Open goals that a restart finds.
const OPEN: usize = 100_000;

fn main() {
    // Cargo passes --bench; anything else chooses the sections to run.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{}", machine::describe());
    runtime.block_on(async {
        if runs("start") {
            start().await;
        }
        if runs("alone") {
            alone().await;
        }
        if runs("load") {
            under_load(Kind::Respond).await;
            under_load(Kind::Create).await;
        }
        if runs("accept") {
            accepts().await;
        }
        if runs("length") {
            length().await;
        }
        if runs("recover") {
            recover().await;
        }
    });
    if runs("evidence") {
        machine::evidence();
    }
    println!("{}", machine::describe());
}

async fn start() {
    let mut ready = Vec::new();
    let mut idle = Vec::new();
    for _ in 0..RUNS {
        let server = Server::start(&[]).await;
        ready.push(server.ready_after.as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(300)).await;
        idle.push(server.resident_mb());
        server.stop().await;
    }
    row(
        "listening and ready",
        machine::median(&mut ready),
        "ms",
        Asked::AtMost(150.0),
    );
    row(
        "memory, idle",
        machine::median(&mut idle),
        "MB",
        Asked::AtMost(60.0),
    );
}

async fn alone() {
    let server = Server::start(&[]).await;
    let mut commit = Vec::new();
    let mut half = Vec::new();
    let mut most = Vec::new();
    let mut own = Vec::new();
    let mut cpu = Vec::new();
    for _ in 0..RUNS {
        commit.push(machine::commit_ms(server.dir()));
        let before = server.commit_seconds().await;
        let sample = load::closed(&server, Kind::Respond, 3, 1, load::Until::Goals(ALONE)).await;
        half.push(sample.percentile(50));
        most.push(sample.percentile(99));
        let committing = server.commit_seconds().await - before;
        own.push(committing * 1e3 / ALONE as f64);
        cpu.push(sample.server_cpu_us() / 1e3);
    }
    let commit = machine::median(&mut commit);
    let bound = 4.0 * commit + 0.5;
    row("one commit, same directory", commit, "ms", Asked::Nothing);
    row(
        "3 steps, one at a time, p50",
        machine::median(&mut half),
        "ms",
        Asked::AtMost(bound),
    );
    row(
        "3 steps, one at a time, p99",
        machine::median(&mut most),
        "ms",
        Asked::Nothing,
    );
    // On average, not p50: what the goal's own commits took, with all that an append writes, and the server's work for it,
    // part of which is done during commits. The rest is waiting: for a thread to wake, and for the client.
    let own = machine::median(&mut own);
    row("  of which in its commits", own, "ms", Asked::Nothing);
    let cpu = machine::median(&mut cpu);
    row("  server's CPU a goal", cpu, "ms", Asked::Nothing);
    server.stop().await;
}

async fn under_load(kind: Kind) {
    let server = Server::start(&[]).await;
    let mut samples: Vec<Sample> = Vec::new();
    // The first run warms up and does not count.
    for _ in 0..=RUNS {
        samples.push(load::closed(&server, kind, 3, IN_FLIGHT, load::Until::Elapsed(RUN)).await);
    }
    samples.remove(0);
    let of = |figure: fn(&Sample) -> f64| {
        machine::median(&mut samples.iter().map(figure).collect::<Vec<_>>())
    };
    let asked = if kind == Kind::Respond {
        Asked::AtLeast(2_000.0, Some(4_000.0))
    } else {
        Asked::Nothing
    };
    let name = kind.name();
    row(
        &format!("3 × {name}, {IN_FLIGHT} in flight"),
        of(Sample::rate),
        "goals/s",
        asked,
    );
    row(
        "  p50",
        of(|sample| sample.percentile(50)),
        "ms",
        Asked::Nothing,
    );
    row(
        "  p99",
        of(|sample| sample.percentile(99)),
        "ms",
        Asked::Nothing,
    );
    row(
        "  server's CPU a goal",
        of(Sample::server_cpu_us),
        "µs",
        Asked::Nothing,
    );
    row("  memory", server.resident_mb(), "MB", Asked::Nothing);
    server.stop().await;
}

async fn accepts() {
    let mut posts = Vec::new();
    let mut drained = Vec::new();
    for _ in 0..RUNS {
        let server = Server::start(&[("OMNIHUB_LIMITS__OPEN_GOALS_MAX", "1000000")]).await;
        server.hold(true).await;
        let sample = load::accepts(&server, BURST, IN_FLIGHT).await;
        posts.push(sample.rate());
        let begun = std::time::Instant::now();
        server.hold(false).await;
        server.until_ended(BURST).await;
        drained.push(BURST as f64 / begun.elapsed().as_secs_f64());
        server.stop().await;
    }
    row(
        "durable POST /api/v1/goals",
        machine::median(&mut posts),
        "/s",
        Asked::AtLeast(6_000.0, Some(15_000.0)),
    );
    row(
        "  drained afterwards",
        machine::median(&mut drained),
        "goals/s",
        Asked::Nothing,
    );
}

async fn length() {
    let server = Server::start(&[("OMNIHUB_LIMITS__PLAN_STEPS_MAX", "10000")]).await;
    let mut per_step = Vec::new();
    for steps in [10, 1_000] {
        let before = (server.cpu_us(), server.written_bytes());
        let goals = 4_000 / steps;
        let sample =
            load::closed(&server, Kind::Respond, steps, 4, load::Until::Goals(goals)).await;
        let count = (sample.goals() * steps) as f64;
        let cpu = (server.cpu_us() - before.0) / count;
        let written = (server.written_bytes() - before.1) / count;
        row(
            &format!("goals of {steps} steps: CPU a step"),
            cpu,
            "µs",
            Asked::Nothing,
        );
        row("  bytes written a step", written, "B", Asked::Nothing);
        per_step.push((cpu, written));
    }
    row(
        "1,000 steps against 10: CPU",
        per_step[1].0 / per_step[0].0,
        "×",
        Asked::AtMost(1.1),
    );
    row(
        "  bytes",
        per_step[1].1 / per_step[0].1,
        "×",
        Asked::AtMost(1.1),
    );
    server.stop().await;
}

async fn recover() {
    let settings = [
        ("OMNIHUB_LIMITS__OPEN_GOALS_MAX", "1000000"),
        ("OMNIHUB_ENGINE__QUEUE_MAX", "1000000"),
    ];
    let server = Server::start(&settings).await;
    server.hold(true).await;
    load::accepts(&server, OPEN, IN_FLIGHT).await;
    let server = server.restart().await;
    let begun = std::time::Instant::now();
    server.until_idle().await;
    let took = server.ready_after + begun.elapsed();
    row(
        "100,000 open goals driven again",
        took.as_secs_f64(),
        "s",
        Asked::AtMost(5.0),
    );
    row("  memory", server.resident_mb(), "MB", Asked::Nothing);
    server.stop().await;
}

fn row(what: &str, figure: f64, unit: &str, asked: Asked) {
    println!("{what:<44} {figure:>12.2} {unit:<8} {}", asked.of(figure));
}
