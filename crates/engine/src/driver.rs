//! The embedded driver: who runs which goal when, in one process.
//!
//! A goal with something to do has a seat: a task that holds it in memory. A goal that only waits has none; a timer or a
//! wake-up gives it one. Seats are bounded; goals queue for them by tenant and are served in turn.
//!
//! Where a port is given, others say when a goal is run: it has a seat for as long as somebody drives it by a stretch.

mod dispatch;
mod lead;
mod recover;
mod seats;
mod stretch;
mod task;
mod timers;
mod under_way;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::id::{GoalId, TenantId};
use saga::input::Person;
use store::{Loaded, PostError, Posted, Store};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

use self::lead::Leading;
pub(crate) use self::seats::Seat;
use self::seats::Seats;
pub use self::stretch::{Next, Stretched};
use self::timers::Timers;
use crate::config::EngineConfig;
use crate::error::Error;
use crate::floor::Floor;
use crate::performer::Performer;
use crate::port::Port;
use crate::runner::{Leave, Runner, Turned};

/// Which goal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GoalRef {
    pub(crate) tenant: TenantId,
    pub(crate) goal: GoalId,
}

impl GoalRef {
    /// That the goal is not in the store although it has to be run.
    pub(crate) fn missing(&self) -> Error {
        Error::Missing(self.goal.to_string())
    }
}

/// Drives goals. Cloning it is cheap; all clones are one engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    performer: Arc<dyn Performer>,
    /// Who has goals driven; `None`: this process drives them itself.
    port: Option<Arc<dyn Port>>,
    floor: Floor,
    notifies: bool,
    sweep_every: Duration,
    seats: Seats,
    timers: Timers,
    /// Places to wait for room.
    crowd: Semaphore,
    draining: AtomicBool,
    leading: Leading,
    /// What is done to its end for somebody who may have gone away.
    detached: AtomicUsize,
    /// Told whenever a seat is free again, or something detached has ended.
    stood_up: Notify,
    /// Told whenever the port is to be told something.
    queued: Notify,
    /// Set once all tasks were cut off.
    over: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

/// How busy the engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Goals in memory.
    pub active: usize,
    /// Goals that wait for their turn.
    pub queued: usize,
    /// Goals that wait for a time.
    pub timers: usize,
    /// Effects under way.
    pub effects: u32,
    /// Whether the engine is being shut down.
    pub draining: bool,
}

impl Engine {
    /// Starts to drive: every open goal of the store, and those to come.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn start(
        store: Store,
        performer: Arc<dyn Performer>,
        config: EngineConfig,
    ) -> Result<Self, Error> {
        let engine = Self::new(store, performer, config, None);
        engine.spawn(timers::run(engine.clone()));
        engine.spawn(seats::run(engine.clone()));
        match engine.store().is_shared() {
            false => engine.recover().await?,
            true => {
                engine.try_to_lead().await;
                engine.spawn(lead::run(engine.clone()));
            }
        }
        Ok(engine)
    }

    /// Starts to have goals driven by whoever is behind a port: every open goal of the store, and those to come. `here`: in
    /// this process, too, by [`Engine::stretch`].
    pub async fn start_with(
        store: Store,
        performer: Arc<dyn Performer>,
        config: EngineConfig,
        (port, here): (Arc<dyn Port>, bool),
    ) -> Self {
        store.set_dispatched(dispatch::LEASE, here);
        store.set_driving(false);
        let engine = Self::new(store, performer, config, Some(Arc::clone(&port)));
        engine.try_to_lead().await;
        engine.spawn(lead::run(engine.clone()));
        engine.spawn(dispatch::run(engine.clone(), port, here));
        engine
    }

    fn new(
        store: Store,
        performer: Arc<dyn Performer>,
        config: EngineConfig,
        port: Option<Arc<dyn Port>>,
    ) -> Self {
        let shared = Shared {
            store,
            performer,
            port,
            floor: Floor::default(),
            notifies: config.notifies,
            sweep_every: config.sweep_every,
            seats: Seats::new(&config),
            timers: Timers::default(),
            crowd: Semaphore::new(config.crowd_max),
            draining: AtomicBool::new(false),
            leading: Leading::default(),
            detached: AtomicUsize::new(0),
            stood_up: Notify::new(),
            queued: Notify::new(),
            over: watch::Sender::new(false),
            tasks: Mutex::new(JoinSet::new()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Puts what a person wants into the goal's inbox; when this returns it is durable and will be decided. `guard` sees
    /// the goal first and may refuse.
    ///
    /// # Errors
    /// The wish is refused, or the store failed; nothing has changed.
    pub async fn wish<G, F>(
        &self,
        tenant: &TenantId,
        goal: &GoalId,
        person: Person,
        guard: F,
    ) -> Result<Posted, PostError<G>>
    where
        G: Send + 'static,
        F: FnOnce(&Loaded) -> Result<(), G> + Send + 'static,
    {
        let goal = GoalRef {
            tenant: tenant.clone(),
            goal: goal.clone(),
        };
        let engine = self.clone();
        // The caller may go away at any time; a wish that became durable is decided all the same.
        let posted = self.detached(async move {
            let posted = engine
                .store()
                .post(&goal.tenant, &goal.goal, person, guard)
                .await?;
            engine.wake(&goal);
            Ok(posted)
        });
        posted
            .await
            .unwrap_or(Err(PostError::Store(store::Error::Closed)))
    }

    /// How busy the engine is.
    pub fn health(&self) -> Health {
        let (active, queued) = self.shared.seats.counts();
        Health {
            active,
            queued,
            timers: self.shared.timers.len(),
            effects: self.shared.floor.taken(),
            draining: self.draining(),
        }
    }

    /// Why goals cannot be had driven now: whoever is behind the port cannot be told of them. `None`: nothing is wrong.
    pub fn trouble(&self) -> Option<String> {
        self.shared.port.as_ref().and_then(|port| port.trouble())
    }

    /// Stops: no effect starts any more, those under way may end and are recorded, and so may what is being accepted or
    /// wished. Returns whether all did in time.
    pub async fn drain(&self, within: Duration) -> bool {
        self.shared.draining.store(true, Ordering::SeqCst);
        self.shared.seats.wake_all();
        let all_ended = async {
            loop {
                let freed = self.shared.stood_up.notified();
                let detached = self.shared.detached.load(Ordering::SeqCst);
                if detached == 0 && self.shared.seats.counts().0 == 0 {
                    return;
                }
                freed.await;
            }
        };
        let ended = tokio::time::timeout(within, all_ended).await.is_ok();
        self.shared
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
        self.shared.over.send_replace(true);
        // Another process need not wait for the lease to run out.
        if let Err(error) = self.store().step_down().await {
            tracing::warn!("cannot give the lead up: {error}");
        }
        ended
    }

    /// Sees to it that the goal is run soon. Only a hint: what it is to find is in the store.
    pub(crate) fn wake(&self, goal: &GoalRef) {
        match self.shared.port {
            Some(_) => {
                self.shared.seats.ring(goal);
                self.shared.queued.notify_one();
            }
            None if !self.draining() && self.leads() => self.shared.seats.wake(goal),
            None => {}
        }
    }

    /// A seat for a new goal, or `None` where others wait for one.
    pub(crate) fn seat(&self, goal: &GoalRef) -> Result<Option<Seat>, Error> {
        if self.draining() {
            return Err(Error::Draining);
        }
        match self.shared.port.is_none() && self.leads() {
            true => self.shared.seats.take(goal),
            false => Ok(None),
        }
    }

    /// Drives a goal that sits.
    pub(crate) fn drive(&self, seat: Seat, runner: Runner, turned: Turned) {
        self.spawn(task::run(self.clone(), seat, runner, turned));
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What a turn may do; `starts`: effects may start.
    pub(crate) fn leave(&self, starts: bool) -> Leave<'_> {
        Leave {
            floor: &self.shared.floor,
            performer: &*self.shared.performer,
            notifies: self.shared.notifies,
            starts,
        }
    }

    pub(crate) fn floor(&self) -> &Floor {
        &self.shared.floor
    }

    fn draining(&self) -> bool {
        self.shared.draining.load(Ordering::SeqCst)
    }

    /// Gives up the seat of a goal that did not come to be.
    pub(crate) fn vacate(&self, seat: Seat) {
        let mut seat = seat;
        while let Err(stayed) = self.shared.seats.stand_up(seat, None) {
            self.shared.seats.was_rung(&stayed.goal);
            seat = stayed;
        }
        self.shared.stood_up.notify_one();
    }

    /// Runs something to its end even if nobody waits for it any more. `None`: the engine was stopped.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = tokio::sync::oneshot::channel();
        let counted = Detached::new(self.clone());
        self.spawn(async move {
            let worked = work.await;
            drop(counted);
            // The one who asked may have gone away.
            done.send(worked).unwrap_or_default();
        });
        result.await.ok()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self
            .shared
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

/// Something detached that has not ended.
struct Detached(Engine);

impl Detached {
    fn new(engine: Engine) -> Self {
        engine.shared.detached.fetch_add(1, Ordering::SeqCst);
        Self(engine)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        self.0.shared.detached.fetch_sub(1, Ordering::SeqCst);
        self.0.shared.stood_up.notify_one();
    }
}
