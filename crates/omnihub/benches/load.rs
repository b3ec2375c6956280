//! Loads: goals to their end, and bursts of accepts.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::server::Server;

/// What the steps of a goal do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing but an answer.
    Respond,
    /// A row in a connected database, by its own fsync.
    Create,
}

/// When a load ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    Goals(usize),
    Elapsed(Duration),
}

/// What a load showed.
pub(crate) struct Sample {
    took: Duration,
    latencies: Vec<f64>,
    server_cpu_us: f64,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Respond => "respond_to_user",
            Self::Create => "create_record",
        }
    }

    fn goal(self, steps: usize) -> String {
        let step = |number: usize| {
            let after = match number {
                0 => String::new(),
                _ => format!(r#","after":["s{}"]"#, number - 1),
            };
            let (tool, input) = (self.name(), self.input());
            format!(r#"{{"id":"s{number}","tool":"{tool}","input":{input}{after}}}"#)
        };
        let steps: Vec<String> = (0..steps).map(step).collect();
        format!(
            r#"{{"user_intent":"a benchmark","plan":{{"steps":[{}]}}}}"#,
            steps.join(",")
        )
    }

    fn input(self) -> &'static str {
        match self {
            Self::Respond => r#"{"message":"done"}"#,
            Self::Create => r#"{"table":"notes","data":{"text":"a note"}}"#,
        }
    }
}

impl Sample {
    pub(crate) fn goals(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// A percentile of the latencies, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(sorted.len() - 1) * percent / 100]
    }

    pub(crate) fn server_cpu_us(&self) -> f64 {
        self.server_cpu_us / self.latencies.len() as f64
    }
}

/// Goals from POST to their end, so many in flight, each followed by the next.
pub(crate) async fn closed(
    server: &Server,
    kind: Kind,
    steps: usize,
    in_flight: usize,
    until: Until,
) -> Sample {
    let body = kind.goal(steps);
    run(
        server,
        in_flight,
        until,
        ("prefer: wait=60\r\n", &body, 200),
    )
    .await
}

/// A burst of goals that are accepted and not started.
pub(crate) async fn accepts(server: &Server, goals: usize, in_flight: usize) -> Sample {
    let body = Kind::Respond.goal(3);
    run(server, in_flight, Until::Goals(goals), ("", &body, 202)).await
}

async fn run(
    server: &Server,
    in_flight: usize,
    until: Until,
    (prefer, body, expected): (&str, &str, u16),
) -> Sample {
    let left = Rc::new(Cell::new(match until {
        Until::Goals(goals) => goals,
        Until::Elapsed(_) => usize::MAX,
    }));
    let cpu = server.cpu_us();
    let begun = Instant::now();
    let end = match until {
        Until::Goals(_) => None,
        Until::Elapsed(time) => Some(begun + time),
    };
    let tasks = tokio::task::LocalSet::new();
    let mut lanes = Vec::new();
    for _ in 0..in_flight {
        let left = left.clone();
        let (body, prefer) = (body.to_owned(), prefer.to_owned());
        let mut client = Client::connect(&server.address, &server.token).await;
        lanes.push(tasks.spawn_local(async move {
            let mut latencies = Vec::new();
            while left.get() > 0 && end.is_none_or(|end| Instant::now() < end) {
                left.set(left.get() - 1);
                let sent = Instant::now();
                let (status, answer) = client.send("POST", "/api/v1/goals", &prefer, &body).await;
                assert_eq!(status, expected, "{answer}");
                latencies.push(sent.elapsed().as_secs_f64() * 1e3);
            }
            latencies
        }));
    }
    let latencies = tasks
        .run_until(async {
            let mut all = Vec::new();
            for lane in lanes {
                all.extend(lane.await.unwrap());
            }
            all
        })
        .await;
    Sample {
        took: begun.elapsed(),
        latencies,
        server_cpu_us: server.cpu_us() - cpu,
    }
}
