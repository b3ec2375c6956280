//! Load: goals that are driven to their ends at once whatever becomes of the server meanwhile, and what was answered.
//!
//! A lane that gets an error does what a driver does: it reads the goal again and goes on from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::id::TenantId;
use store::{AppendError, Error, Store};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::place::Place;
use crate::world::{Driven, chain_of, goal_id, tenant};

/// Steps of each goal.
const STEPS: usize = 2;
/// How long a test waits for what has to happen before it says that it did not: no machine is so slow.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long a lane leaves a server alone that cannot be reached.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Waits for what has to happen.
pub async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, happens).await;
    done.unwrap_or_else(|_| panic!("{what}: it never happened"))
}

/// A goal, and the sequence that was answered.
pub type Answered = (TenantId, String, u64);

/// Lanes that drive one goal after the other.
pub struct Load {
    lanes: JoinSet<Vec<Answered>>,
    told: Arc<Told>,
}

struct Told {
    answers: watch::Sender<u64>,
    /// By lane.
    failures: watch::Sender<Vec<u64>>,
    enough: AtomicBool,
}

impl Load {
    /// Starts so many lanes, of three tenants; the names of their goals begin with a word.
    pub fn start(store: &Store, word: &str, lanes: usize) -> Self {
        let told = Arc::new(Told {
            answers: watch::Sender::new(0),
            failures: watch::Sender::new(vec![0; lanes]),
            enough: AtomicBool::new(false),
        });
        let mut tasks = JoinSet::new();
        for number in 0..lanes {
            let lane = Lane {
                store: store.clone(),
                told: Arc::clone(&told),
                tenant: tenant(&format!("t{}", number % 3)),
                number,
                answered: Vec::new(),
            };
            tasks.spawn(lane.run(format!("{word}-{number}")));
        }
        Self { lanes: tasks, told }
    }

    /// Waits for so many more answers.
    pub async fn progress(&self, more: u64) {
        let mut answers = self.told.answers.subscribe();
        let enough = *answers.borrow() + more;
        let reached = answers.wait_for(|answers| *answers >= enough);
        soon("progress", reached).await.unwrap();
    }

    /// Waits until every lane has failed once more.
    pub async fn failed(&self) {
        let mut failures = self.told.failures.subscribe();
        let before = failures.borrow().clone();
        let all = failures.wait_for(|now| now.iter().zip(&before).all(|(now, was)| now > was));
        soon("failures", all).await.unwrap();
    }

    /// How often any lane failed so far.
    pub fn failures(&self) -> u64 {
        self.told.failures.borrow().iter().sum()
    }

    /// Lets every lane end its goal; returns all that was answered.
    pub async fn end(mut self) -> Vec<Answered> {
        self.told.enough.store(true, Ordering::Relaxed);
        let mut answered = Vec::new();
        while let Some(lane) = soon("the end", self.lanes.join_next()).await {
            answered.extend(lane.unwrap());
        }
        answered
    }
}

struct Lane {
    store: Store,
    told: Arc<Told>,
    tenant: TenantId,
    number: usize,
    answered: Vec<Answered>,
}

impl Lane {
    async fn run(mut self, name: String) -> Vec<Answered> {
        let mut round = 0;
        while !self.told.enough.load(Ordering::Relaxed) {
            self.drive(&format!("{name}-{round}")).await;
            round += 1;
        }
        self.answered
    }

    async fn drive(&mut self, trace: &str) {
        let mut goal = self.new_goal(trace);
        // Whether an append may have been kept although it was not answered.
        let mut doubt = false;
        loop {
            match self.store.append(goal.append()).await {
                Ok(appended) => {
                    let answered = (self.tenant.clone(), trace.to_owned(), appended.sequence);
                    self.answered.push(answered);
                    self.told.answers.send_modify(|answers| *answers += 1);
                }
                Err(AppendError::Store(error)) => {
                    self.fail(&error);
                    doubt = true;
                    goal = self.again(trace).await;
                }
                Err(AppendError::Conflict { .. } | AppendError::AlreadyStarted(_)) if doubt => {
                    goal = self.again(trace).await;
                }
                Err(error) => panic!("{trace}: {error:?}"),
            }
            if goal.saga.sequence() > 0 && goal.saga.status().is_end() {
                return;
            }
            if !goal.is_new() {
                goal.succeed();
                goal.start();
            }
        }
    }

    fn new_goal(&self, trace: &str) -> Driven {
        let mut goal = Driven::new(&self.store, &self.tenant, trace);
        goal.accept(&self.store, &chain_of(STEPS));
        goal
    }

    /// The goal as the store has it, as soon as that can be read.
    async fn again(&self, trace: &str) -> Driven {
        loop {
            match self.store.load(&self.tenant, &goal_id(trace)).await {
                Ok(None) => return self.new_goal(trace),
                Ok(Some(loaded)) => {
                    return Driven::loaded(&self.store, &self.tenant, trace, loaded);
                }
                Err(error) => self.fail(&error),
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    fn fail(&self, error: &Error) {
        assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
        let number = self.number;
        self.told.failures.send_modify(|all| all[number] += 1);
    }
}

/// Makes sure that a place holds everything that was answered, once, and that all in it fits together.
pub async fn holds(place: &Place, answered: &[Answered]) {
    assert!(!answered.is_empty());
    let store = place.open().await;
    let mut whole = Driven::new(&store, &tenant("t0"), "whole");
    whole.accept(&store, &chain_of(STEPS));
    while !whole.saga.status().is_end() {
        whole.start();
        whole.succeed();
    }
    for (tenant, trace, sequence) in answered {
        let loaded = store.load(tenant, &goal_id(trace)).await.unwrap();
        let saga = loaded.unwrap_or_else(|| panic!("{trace}: lost")).saga;
        assert!(saga.sequence() >= *sequence, "{trace}: lost {sequence}");
        // Every goal was driven to its end, and something done twice would make its journal longer.
        assert!(saga.status().is_end(), "{trace}");
        assert_eq!(saga.sequence(), whole.saga.sequence(), "{trace}");
    }
    drop(store);
    assert_eq!(place.damages().await, Vec::new());
    assert_eq!(misnumbered(place).await, Vec::<String>::new());
}

/// What is wrong with the counts and serials of tenants, and the indexes of their chains.
pub async fn misnumbered(place: &Place) -> Vec<String> {
    place
        .sql(
            "SELECT tenant, 'open goals' FROM omnihub.tenants WHERE open_goals <>
                (SELECT count(*) FROM omnihub.goals WHERE goals.tenant = tenants.tenant AND finished_at IS NULL)
            UNION ALL SELECT tenant, 'serials of goals' FROM omnihub.tenants WHERE
                (last_goal - (number << 40), last_goal) <>
                (SELECT count(*), coalesce(max(id), number << 40) FROM omnihub.goals WHERE goals.tenant = tenants.tenant)
            UNION ALL SELECT tenant, 'serials of approvals' FROM omnihub.tenants WHERE last_approval <
                (SELECT max(id) FROM omnihub.approvals WHERE approvals.tenant = tenants.tenant)
            UNION ALL SELECT tenant, 'index ' || first FROM (
                SELECT tenant, size, id - (number << 40) AS first, octet_length(hashes) / 32 AS entries,
                    lead(id - (number << 40)) OVER (PARTITION BY tenant ORDER BY id) AS next
                FROM omnihub.audit JOIN omnihub.tenants USING (tenant)) AS rows
                WHERE first + entries <> coalesce(next, size)",
        )
        .await
}
