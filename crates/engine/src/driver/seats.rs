//! Seats: which goals are in memory, and who waits for a place, by tenant in turn.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::TenantId;
use tokio::sync::{Notify, Semaphore, watch};

use super::stretch::Left;
use super::{Engine, GoalRef, task};
use crate::config::EngineConfig;
use crate::error::Error;

/// Goals that are read from the store in one go.
const READ_AT_ONCE: usize = 64;
/// Such reads at a time; while they last, more goals gather for the next.
const READS_MAX: usize = 2;

/// All seats of the process.
pub(super) struct Seats {
    state: Mutex<State>,
    /// Told when a goal may be seated.
    next: Notify,
    active_max: usize,
    queue_max: usize,
}

/// A goal's place in memory. Whoever holds it is the only one who runs the goal.
pub(crate) struct Seat {
    pub(super) goal: GoalRef,
    pub(super) bell: Arc<Bell>,
}

/// How a seated goal is told that there is something new.
#[derive(Default)]
pub(super) struct Bell {
    pub(super) rung: Notify,
    /// Who drives the goal by a stretch, as a number; 0: nobody.
    pub(super) driver: AtomicU64,
    /// How the seat was left.
    pub(super) left: watch::Sender<Option<Left>>,
}

#[derive(Default)]
struct State {
    seated: HashMap<GoalRef, Seated>,
    /// Tenants with waiting goals, in the order they are served.
    turns: VecDeque<TenantId>,
    waiting: HashMap<TenantId, VecDeque<GoalRef>>,
    queued: HashSet<GoalRef>,
    /// Stretches so far.
    stretches: u64,
}

struct Seated {
    bell: Arc<Bell>,
    /// Rung since the goal last looked.
    rung: bool,
}

impl Seats {
    pub(super) fn new(config: &EngineConfig) -> Self {
        let (active_max, queue_max) = (config.active_max.max(1), config.queue_max.max(1));
        Self {
            state: Mutex::default(),
            next: Notify::new(),
            active_max,
            queue_max,
        }
    }

    /// Goals in memory, and goals that wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.seated.len(), state.queued.len())
    }

    /// A seat at once, for a goal that is not there yet; `None`: others wait before it.
    pub(super) fn take(&self, goal: &GoalRef) -> Result<Option<Seat>, Error> {
        let mut state = self.state();
        if state
            .waiting
            .get(&goal.tenant)
            .is_some_and(|waiting| waiting.len() >= self.queue_max)
        {
            return Err(Error::Busy);
        }
        let free = state.queued.is_empty() && state.seated.len() < self.active_max;
        // A goal of that name sits already: the store will say that it was accepted before.
        if !free || state.seated.contains_key(goal) {
            return Ok(None);
        }
        Ok(Some(state.seat(goal.clone())))
    }

    /// Rings a seated goal's bell, or queues the goal for a seat.
    pub(super) fn wake(&self, goal: &GoalRef) {
        let mut state = self.state();
        if let Some(seated) = state.seated.get_mut(goal) {
            seated.rung = true;
            seated.bell.rung.notify_one();
            return;
        }
        if !state.queued.insert(goal.clone()) {
            return;
        }
        if !state.waiting.contains_key(&goal.tenant) {
            state.turns.push_back(goal.tenant.clone());
        }
        state
            .waiting
            .entry(goal.tenant.clone())
            .or_default()
            .push_back(goal.clone());
        drop(state);
        self.next.notify_one();
    }

    /// Rings the goal's bell if it sits; returns whether it does.
    pub(super) fn ring(&self, goal: &GoalRef) -> bool {
        let mut state = self.state();
        let Some(seated) = state.seated.get_mut(goal) else {
            return false;
        };
        seated.rung = true;
        seated.bell.rung.notify_one();
        true
    }

    /// Has a goal driven by a new stretch, which has that number; a seat where it has none.
    pub(super) fn attach(&self, goal: &GoalRef) -> (Arc<Bell>, u64, Option<Seat>) {
        let mut state = self.state();
        state.stretches += 1;
        let number = state.stretches;
        let (bell, seat) = match state.seated.get_mut(goal) {
            Some(seated) => {
                seated.rung = true;
                seated.bell.rung.notify_one();
                (seated.bell.clone(), None)
            }
            None => {
                let seat = state.seat(goal.clone());
                (seat.bell.clone(), Some(seat))
            }
        };
        bell.driver.store(number, Ordering::SeqCst);
        (bell, number, seat)
    }

    /// Rings every bell.
    pub(super) fn wake_all(&self) {
        for seated in self.state().seated.values_mut() {
            seated.rung = true;
            seated.bell.rung.notify_one();
        }
    }

    /// Whether the bell was rung since the last call.
    pub(super) fn was_rung(&self, goal: &GoalRef) -> bool {
        self.state()
            .seated
            .get_mut(goal)
            .is_some_and(|seated| std::mem::take(&mut seated.rung))
    }

    /// Gives the seat up, unless the bell was rung in the meantime: then the goal stays. `left` is what whoever drives it
    /// is told.
    pub(super) fn stand_up(&self, seat: Seat, left: Option<Left>) -> Result<(), Seat> {
        let mut state = self.state();
        if state
            .seated
            .get(&seat.goal)
            .is_some_and(|seated| seated.rung)
        {
            return Err(seat);
        }
        state.seated.remove(&seat.goal);
        drop(state);
        seat.bell.left.send_replace(left);
        self.next.notify_one();
        Ok(())
    }

    /// Seats the next goal in turn, if there is a free seat and somebody waits.
    fn next_in_turn(&self) -> Option<Seat> {
        let mut state = self.state();
        if state.seated.len() >= self.active_max {
            return None;
        }
        let tenant = state.turns.pop_front()?;
        let waiting = state.waiting.get_mut(&tenant)?;
        let goal = waiting.pop_front();
        if waiting.is_empty() {
            state.waiting.remove(&tenant);
        } else {
            state.turns.push_back(tenant);
        }
        let goal = goal?;
        state.queued.remove(&goal);
        Some(state.seat(goal))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    /// Whether somebody drives the goal by a stretch.
    pub(super) fn is_driven(&self) -> bool {
        self.driver.load(Ordering::SeqCst) != 0
    }
}

impl State {
    fn seat(&mut self, goal: GoalRef) -> Seat {
        let bell = Arc::new(Bell::default());
        self.seated.insert(
            goal.clone(),
            Seated {
                bell: bell.clone(),
                rung: false,
            },
        );
        Seat { goal, bell }
    }
}

/// Seats waiting goals for ever; ends with the engine.
pub(super) async fn run(engine: Engine) {
    let reads = Arc::new(Semaphore::new(READS_MAX));
    loop {
        engine.shared.seats.next.notified().await;
        while let Ok(permit) = Arc::clone(&reads).acquire_owned().await {
            let next = std::iter::from_fn(|| engine.shared.seats.next_in_turn());
            let seats: Vec<_> = next.take(READ_AT_ONCE).collect();
            if seats.is_empty() {
                break;
            }
            engine.spawn(task::begin(engine.clone(), seats, permit));
        }
    }
}
