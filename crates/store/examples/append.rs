//! How fast the store appends: goals of three trivial steps, four appends each, all evidence on, every append synced.
//!
//! `cargo run --release -p store --example append [DIR] [GOALS] [STEPS]`; prints appends a second with 1, 16 and 128
//! goals in flight, the processor time of the writer's thread for each append, and how the groups came out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use store::{Store, StoreConfig};

#[path = "../tests/world.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests")]
mod world;

use world::{Driven, chain_of, tenant};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(
        || std::env::temp_dir().join("omnihub-append"),
        PathBuf::from,
    );
    let goals: usize = arguments
        .next()
        .map_or(20_000, |goals| goals.parse().unwrap());
    let steps: usize = arguments.next().map_or(3, |steps| steps.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!(
        "in flight   goals/s  appends/s   p50 ms   p99 ms   group  commit ms  writer us/append  bytes/append"
    );
    for (in_flight, goals) in [(1, goals / 20), (16, goals / 4), (128, goals)] {
        // A store of its own for each run, so that one does not pay for the other.
        let dir = dir.join(format!("{in_flight}"));
        drop(std::fs::remove_dir_all(&dir));
        let store = Store::open(StoreConfig::new(&dir)).unwrap();
        runtime.block_on(run(&store, in_flight, goals, steps));
        if in_flight == 128 {
            runtime.block_on(read(&store, in_flight, goals / in_flight * in_flight));
        }
        drop(store);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

async fn run(store: &Store, in_flight: usize, goals: usize, steps: usize) {
    let (cpu, written, start) = (writer_cpu(), bytes_written(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..in_flight {
        let store = store.clone();
        let goals = goals / in_flight;
        tasks.spawn(async move {
            let mut times = Vec::with_capacity(goals * (steps + 1));
            for goal in 0..goals {
                drive(&store, &trace(goal, lane), steps, &mut times).await;
            }
            times
        });
    }
    let mut times = Vec::new();
    while let Some(lane) = tasks.join_next().await {
        times.extend(lane.unwrap());
    }
    let elapsed = start.elapsed().as_secs_f64();
    let appends = times.len() as f64;
    times.sort();
    let at = |share: f64| times[(appends * share) as usize].as_secs_f64() * 1e3;
    let figures = store.figures();
    println!(
        "{in_flight:9} {:9.0} {:10.0} {:8.2} {:8.2} {:7.1} {:10.3} {:17.2} {:13.0}",
        appends / (steps + 1) as f64 / elapsed,
        appends / elapsed,
        at(0.5),
        at(0.99),
        figures.requests as f64 / figures.groups as f64,
        figures.committing.as_secs_f64() * 1e3 / figures.groups as f64,
        (writer_cpu() - cpu).as_secs_f64() * 1e6 / appends,
        (bytes_written() - written) as f64 / appends,
    );
}

async fn drive(store: &Store, trace: &str, steps: usize, times: &mut Vec<Duration>) {
    let mut goal = Driven::new(store, &tenant("default"), trace);
    goal.accept(store, &chain_of(steps));
    for _ in 0..=steps {
        goal.start();
        let append = goal.append();
        let start = Instant::now();
        store.append(append).await.unwrap();
        times.push(start.elapsed());
        goal.succeed();
    }
}

/// How fast ended goals are read back, sixteen at a time.
async fn read(store: &Store, in_flight: usize, goals: usize) {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..16 {
        let store = store.clone();
        tasks.spawn(async move {
            for number in (lane..goals).step_by(16) {
                let trace = trace(number / in_flight, number % in_flight);
                let goal = world::goal_id(&trace);
                store
                    .load(&tenant("default"), &goal)
                    .await
                    .unwrap()
                    .unwrap();
            }
        });
    }
    while let Some(lane) = tasks.join_next().await {
        lane.unwrap();
    }
    println!(
        "{:.0} ended goals read back a second",
        goals as f64 / start.elapsed().as_secs_f64()
    );
}

fn trace(goal: usize, lane: usize) -> String {
    format!("0198c0de-{goal:08}-7abc-{lane:012}")
}

/// The processor time of the writer's thread.
fn writer_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let mut total = 0;
    for task in tasks {
        let task = task.unwrap().path();
        if std::fs::read_to_string(task.join("comm"))
            .is_ok_and(|name| name.trim() == "store-writer")
        {
            let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
            total += stat.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    Duration::from_nanos(total)
}

fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "))
        .unwrap();
    line.parse().unwrap()
}
