//! Seeded lives of whole goals: random plans, a random schedule of everything that can go wrong, an independent judge.
//!
//! `OMNIHUB_SIMULATION_GOALS` sets how many goals live, `OMNIHUB_SIMULATION_SEED` where the seeds begin. A failure names
//! its seed and tells the shortest life under that seed which fails.

mod coverage;
mod life;
mod person;
mod plans;
mod random;
mod weather;

use std::collections::BTreeSet;
use std::time::Instant;

use domain::goal::Limits;
use domain::plan::check::{CheckRequest, Parameters, check};
use domain::plan::parse::parse;
use domain::schema::ToolSchemas;
use serde_json::json;

use self::coverage::Coverage;
use self::life::{CHAOS_MAX, Life};
use self::plans::plan;
use self::random::Random;
use crate::scene::tools;

/// Goals that live in an ordinary run of the tests.
const GOALS: u64 = 20_000;

#[test]
fn every_goal_ends_completed_or_undone_or_in_a_persons_hands() {
    let goals = setting("OMNIHUB_SIMULATION_GOALS").unwrap_or(GOALS);
    let first = setting("OMNIHUB_SIMULATION_SEED").unwrap_or(1);
    let mut coverage = Coverage::new();
    let mut events = 0;
    let began = Instant::now();
    for seed in first..first + goals {
        match Life::new(seed, &mut coverage).live(CHAOS_MAX) {
            Ok(count) => events += count,
            Err(law) => panic!("seed {seed}: {law}\n{}", shortest(seed)),
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{}", coverage.table());
    println!(
        "{goals} goals, {events} events, {:.0} goals/s, seeds {first}…",
        goals as f64 / seconds
    );
    // Fewer goals than usual, or one seed to look at, need not meet everything.
    if goals >= GOALS {
        let complaints = coverage.complaints();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

#[test]
fn the_simulated_plans_are_plans_that_the_check_accepts() {
    let tools = ToolSchemas::compile((**tools().tools().unwrap()).clone()).unwrap();
    for seed in 1..300 {
        let document = plan(&mut Random::new(seed));
        let plan = parse(&document).unwrap();
        let request = CheckRequest {
            plan: &plan,
            tools: &tools,
            parameters: Parameters::Values(&json!({})),
            limits: &Limits::default(),
            secrets: &BTreeSet::new(),
        };
        let checked = check(&request);
        assert!(
            checked.valid(),
            "seed {seed}: {:?}\n{document}",
            checked.errors
        );
    }
}

/// The trace of the shortest disturbance under a seed that still breaks a law.
fn shortest(seed: u64) -> String {
    let breaks = |chaos: &usize| Life::new(seed, &mut Coverage::new()).live(*chaos).is_err();
    let chaos = (0..=CHAOS_MAX).find(breaks).unwrap_or(CHAOS_MAX);
    let mut coverage = Coverage::new();
    let mut life = Life::new(seed, &mut coverage).tracing();
    let end = life.live(chaos);
    format!("{}\nafter {chaos} disturbances: {end:?}", life.trace())
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}
