//! Runs one goal: inputs in, committed events out, then the effects that follow.
//!
//! Law: journal before world. The runner applies events to its own copy of the goal while it decides, so that one commit
//! carries everything that follows from one input; effects are handed out only after that commit, and where the commit
//! fails the copy is thrown away and read again (ADR-0004).

mod ahead;
mod turn;

use std::time::{Duration, Instant};

use domain::goal::StepStatus;
use jiff::{SignedDuration, Timestamp};
use saga::input::Person;
use saga::{Effect, Input, Moment, Saga};
use store::{Append, AppendError, Control, Gate, GoalRow, Loaded, Store};
use tokio::sync::oneshot;

use self::turn::Turn;
use crate::accept::AcceptError;
use crate::driver::GoalRef;
use crate::error::Error;
use crate::floor::Floor;
use crate::performer::Performer;

/// How often a goal is read again because others changed it, before it is left for later. Wishes and controls are made
/// by people, so more than a few in a row within one commit do not happen by chance.
const CONFLICTS_MAX: u32 = 50;

/// How long after its event an effect may still begin: the commit lies between (DESIGN §5).
pub(crate) const START_WITHIN: Duration = Duration::from_secs(5);
/// What an attempt may take past its own timeout before it is given up as unknown.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How far two processes' clocks may be apart.
const SKEW: SignedDuration = SignedDuration::from_secs(5);

/// The working copy of one goal.
pub(crate) struct Runner {
    store: Store,
    pub(crate) goal: GoalRef,
    pub(crate) saga: Saga,
    /// Wishes read from the inbox and not yet decided.
    wishes: Vec<(u64, Person)>,
    inbox_read: u64,
    /// Whether another process began what the goal has in flight.
    elsewhere: bool,
    /// The sequence of the newest event that is known to be committed.
    committed: u64,
    /// Whether another driver may have written to the goal since this one had it, and left it to rest.
    contested: bool,
    /// Who is told the goal when it is first at rest.
    pub(crate) told: Option<oneshot::Sender<Saga>>,
}

/// What a turn led to.
pub(crate) struct Turned {
    /// Effects to carry out now; each holds room of its tool.
    pub(crate) effects: Vec<Effect>,
    /// When to run the goal again if nothing else wakes it, by the wall clock.
    pub(crate) wake_at: Option<Timestamp>,
    /// What kept effects from starting.
    pub(crate) kept: Kept,
    /// When it was decided, before it was committed.
    pub(crate) decided: Instant,
    /// The generation of the controls that it was decided by.
    pub(crate) generation: u64,
}

/// What kept effects from starting that could.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    /// Too little disk space is free.
    pub(crate) starved: bool,
    /// There is no room for one.
    pub(crate) crowded: bool,
    /// None was to start here, or another process is at one.
    pub(crate) cut: bool,
    /// Controls hold the goal, or a tool that it wants.
    pub(crate) held: bool,
}

/// What a turn may do besides deciding.
#[derive(Clone, Copy)]
pub(crate) struct Leave<'a> {
    pub(crate) floor: &'a Floor,
    /// Who carries out what can be carried out at once.
    pub(crate) performer: &'a dyn Performer,
    /// Whether anybody is told of what people should know.
    pub(crate) notifies: bool,
    /// Whether effects may start at all.
    pub(crate) starts: bool,
}

impl Runner {
    /// A goal that is about to be accepted.
    pub(crate) fn fresh(store: Store, goal: GoalRef) -> Self {
        let saga = Saga::new(store.secret().goal_key(&goal.tenant, &goal.goal));
        Self {
            store,
            goal,
            saga,
            wishes: Vec::new(),
            inbox_read: 0,
            elsewhere: false,
            committed: 0,
            contested: false,
            told: None,
        }
    }

    /// Until when another process may be at what the goal has in flight; `None`: nobody is.
    ///
    /// What this holder began itself, in this life or one before, is known to have ended with it.
    pub(crate) fn fenced_until(&self, now: Timestamp) -> Option<Timestamp> {
        let slowest = self
            .saga
            .pending()
            .map(|effect| effect.call.timeout_seconds);
        let slowest = Duration::from_secs(u64::from(slowest.max()?));
        let last = self.saga.times().1?;
        let until = (START_WITHIN + slowest + GRACE)
            .try_into()
            .ok()
            .and_then(|rest: SignedDuration| last.saturating_add(rest).ok())
            .and_then(|until| until.saturating_add(SKEW).ok())
            .unwrap_or(Timestamp::MAX);
        (self.elsewhere && until > now).then_some(until)
    }

    /// Takes what the goal has in flight for ended, whoever began it.
    pub(crate) fn take_over(&mut self) {
        self.elsewhere = false;
    }

    /// What the goal has in flight that this process began, or was to begin.
    pub(crate) fn in_flight_here(&self) -> impl Iterator<Item = Effect> + '_ {
        self.saga.pending().filter(|_| !self.elsewhere)
    }

    /// Tells whoever asked for it that the goal is at rest, if it is.
    pub(crate) fn tell(&mut self) {
        if !self.saga.status().is_at_rest() {
            return;
        }
        if let Some(told) = self.told.take().filter(|told| !told.is_closed()) {
            // Whoever asked may go at any time.
            drop(told.send(self.saga.clone()));
        }
    }

    /// A goal as it was read from its journal.
    pub(crate) fn loaded(store: Store, goal: GoalRef, loaded: Loaded) -> Self {
        Self {
            store,
            goal,
            committed: loaded.saga.sequence(),
            saga: loaded.saga,
            wishes: loaded.inbox,
            inbox_read: 0,
            elsewhere: loaded.elsewhere,
            contested: false,
            told: None,
        }
    }

    /// Reads the goal again: what was decided and not written is forgotten.
    pub(crate) async fn reload(&mut self) -> Result<(), Error> {
        let loaded = self.store.load(&self.goal.tenant, &self.goal.goal).await?;
        let loaded = loaded.ok_or_else(|| self.goal.missing())?;
        self.contested |= loaded.saga.sequence() != self.committed;
        self.committed = loaded.saga.sequence();
        self.saga = loaded.saga;
        self.wishes = loaded.inbox;
        self.inbox_read = 0;
        self.elsewhere = loaded.elsewhere;
        Ok(())
    }

    /// Reads wishes that came in since.
    pub(crate) async fn read_inbox(&mut self) -> Result<(), Error> {
        self.wishes = self.store.inbox(&self.goal.tenant, &self.goal.goal).await?;
        Ok(())
    }

    /// Decides inputs and everything that follows, commits it, and says which effects are owed.
    ///
    /// # Cancel safety
    /// Not cancel safe: a commit may or may not have happened. The driver never drops it.
    pub(crate) async fn turn(
        &mut self,
        inputs: &[Input],
        leave: Leave<'_>,
    ) -> Result<Turned, Error> {
        let mut leave = leave;
        let mut starved = false;
        for _ in 0..CONFLICTS_MAX {
            let gate = self.store.gate();
            let (now, decided) = (self.moment(&gate), Instant::now());
            let turn = self.decide(inputs, now, &gate, leave);
            if turn.events.is_empty() {
                self.forget_wishes().await?;
                let kept = Kept {
                    starved,
                    ..turn.kept
                };
                return Ok(self.turned(Vec::new(), &gate, (now, decided), kept));
            }
            let effects = self.admitted(&turn.events);
            let taken = turn.taken.clone();
            let kept = Kept {
                starved,
                ..turn.kept
            };
            let append = self.append(turn, &gate, now, None);
            let Err(error) = self.store.append(append).await else {
                self.wishes.clear();
                self.inbox_read = 0;
                self.committed = self.saga.sequence();
                self.elsewhere &= effects.is_empty();
                return Ok(self.turned(effects, &gate, (now, decided), kept));
            };
            self.withdraw(&taken, leave.floor);
            self.reload().await?;
            if inputs
                .iter()
                .any(|input| matches!(input, Input::Recover { .. }))
            {
                // Somebody else may have begun something since the goal was read.
                if let Some(until) = self.fenced_until(Timestamp::now()) {
                    return Err(Error::Elsewhere(until));
                }
                self.take_over();
            }
            match error {
                AppendError::Conflict { .. } | AppendError::Inbox | AppendError::Gate => {}
                AppendError::NoSpace if leave.starts => {
                    starved = true;
                    leave.starts = false;
                }
                error => return Err(Error::Append(error)),
            }
        }
        Err(Error::Contended {
            goal: self.goal.goal.to_string(),
            attempts: CONFLICTS_MAX,
        })
    }

    /// Takes wishes out of the inbox that were read and change nothing.
    async fn forget_wishes(&mut self) -> Result<(), Error> {
        if self.inbox_read > 0 {
            self.store
                .forget_wishes(&self.goal.tenant, &self.goal.goal, self.inbox_read)
                .await?;
            self.inbox_read = 0;
        }
        Ok(())
    }

    /// Decides the acceptance of a fresh goal and commits it; effects may start at once.
    pub(crate) async fn accept(
        &mut self,
        inputs: &[Input],
        created: &store::NewGoal,
        leave: Leave<'_>,
    ) -> Result<Turned, AcceptError> {
        for _ in 0..CONFLICTS_MAX {
            let gate = self.store.gate();
            let (now, decided) = (Moment::at(Timestamp::now()), Instant::now());
            let turn = self.decide(inputs, now, &gate, leave);
            if let Some(control) = self.cancelling(&gate) {
                self.withdraw(&turn.taken, leave.floor);
                return Err(Error::Cancelling(control.reason.clone()).into());
            }
            let effects = self.admitted(&turn.events);
            let (taken, kept) = (turn.taken.clone(), turn.kept);
            let append = self.append(turn, &gate, now, Some(created.clone()));
            match self.store.append(append).await {
                Ok(_) => {
                    self.committed = self.saga.sequence();
                    return Ok(self.turned(effects, &gate, (now, decided), kept));
                }
                Err(AppendError::Gate) => {
                    self.withdraw(&taken, leave.floor);
                    *self = Self::fresh(self.store.clone(), self.goal.clone());
                }
                Err(error) => {
                    self.withdraw(&taken, leave.floor);
                    return Err(error.into());
                }
            }
        }
        Err(AppendError::Gate.into())
    }

    /// The control by which the goal is to be cancelled.
    fn cancelling<'a>(&self, gate: &'a Gate) -> Option<&'a Control> {
        gate.cancelling(&self.goal.tenant, &self.goal.goal, |tool| {
            uses(&self.saga, tool)
        })
    }

    /// Gives back room that was taken for effects that will not start.
    fn withdraw(&self, taken: &[String], floor: &Floor) {
        for tool in taken {
            floor.give_back(tool);
        }
    }

    fn moment(&self, gate: &Gate) -> Moment {
        let wall = Timestamp::now();
        let held = match self.saga.times().0 {
            Some(accepted) => gate.held_total(&self.goal.tenant, &self.goal.goal, accepted, wall),
            None => SignedDuration::ZERO,
        };
        Moment::held(wall, held)
    }

    fn append(
        &self,
        turn: Turn,
        gate: &Gate,
        now: Moment,
        created: Option<store::NewGoal>,
    ) -> Append {
        let count = u64::try_from(turn.events.len()).unwrap_or(u64::MAX);
        Append {
            tenant: self.goal.tenant.clone(),
            goal: self.goal.goal.clone(),
            expected: self.saga.sequence().saturating_sub(count),
            inbox_read: self.inbox_read,
            gate: gate.generation(),
            admits: turn.starts || created.is_some(),
            starts: turn.starts,
            wakes: self.contested,
            events: turn.events,
            evidence: turn.evidence,
            row: GoalRow {
                status: self.saga.status(),
                reason: self.saga.reason().map(|reason| reason.code.clone()),
                wake_at: self.wake_at(gate, now),
            },
            created,
            notices: turn.notices,
        }
    }

    fn turned(
        &self,
        effects: Vec<Effect>,
        gate: &Gate,
        (now, decided): (Moment, Instant),
        kept: Kept,
    ) -> Turned {
        let deadline = self.saga.deadline(now).map(|deadline| wall(deadline, now));
        let held = gate.holding(&self.goal.tenant, &self.goal.goal).is_some();
        Turned {
            effects,
            wake_at: deadline.filter(|_| !held),
            kept,
            decided,
            generation: gate.generation(),
        }
    }

    /// When a driver that knows nothing of the goal must run it; `None`: only a wish moves it on.
    fn wake_at(&self, gate: &Gate, now: Moment) -> Option<Timestamp> {
        let busy = self.saga.pending().next().is_some() || !self.saga.ready(now).is_empty();
        let held = gate.holding(&self.goal.tenant, &self.goal.goal).is_some();
        if busy || held {
            return Some(now.at);
        }
        self.saga.deadline(now).map(|deadline| wall(deadline, now))
    }
}

/// A time on the clock that stands still during holds, as the wall clock will show it if nothing is held from now on.
fn wall(deadline: Timestamp, now: Moment) -> Timestamp {
    deadline
        .saturating_add(SignedDuration::from_micros(now.held))
        .unwrap_or(Timestamp::MAX)
}

/// Whether a goal has yet to use a tool for a step of its plan, or is about to know whether it did.
pub(crate) fn uses(saga: &Saga, tool: &str) -> bool {
    use StepStatus::{InDoubt, Running, Waiting};
    let mut steps = saga.steps();
    steps.any(|(step, state)| {
        step.tool == tool && matches!(state.status(), Waiting | Running | InDoubt)
    })
}

/// A uniformly random number, for backoff; where the system has none, no jitter.
pub(crate) fn jitter() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
