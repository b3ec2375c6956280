//! The judge: a model of a few lines that reads the journal as it grows, and at the end holds it against the world.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::digest::Digest;
use domain::goal::{GoalStatus, StepStatus};
use domain::tool::EffectClass;
use saga::event::{FailureClass, Settlement};
use saga::{Event, EventKind, Saga};

use crate::design::{Act, Design};
use crate::text::text;
use crate::world::World;

/// What the journal says, as far as the laws speak of it.
pub(crate) struct Judge {
    design: Rc<Design>,
    /// What was done, oldest first.
    done: Vec<Act>,
    undone: BTreeSet<Act>,
    /// Compensations that failed for good.
    failed: BTreeSet<Act>,
    doubts: BTreeSet<Act>,
    flying: BTreeSet<Act>,
    /// The compensation under way, between its attempts too.
    undoing: Option<Act>,
    pub(crate) timers: BTreeSet<Act>,
    /// Effects of which an attempt may have happened.
    maybe: BTreeSet<Act>,
    skipped: BTreeSet<usize>,
    /// What was asked about each effect, and whether it was granted.
    asked: BTreeMap<Act, (Digest, bool)>,
    contradicted: BTreeSet<Act>,
    unwinding: bool,
    paused: bool,
    ended: bool,
}

/// What the judge knows of people's acts that the journal does not.
#[derive(Default)]
pub(crate) struct Hearsay {
    /// A person said what was not so; what follows from it is not held against the machine.
    pub(crate) lies: BTreeSet<Act>,
    /// A person undid it by hand.
    pub(crate) by_hand: BTreeSet<Act>,
}

impl Judge {
    pub(crate) fn new(design: Rc<Design>) -> Self {
        Self {
            design,
            done: Vec::new(),
            undone: BTreeSet::new(),
            failed: BTreeSet::new(),
            doubts: BTreeSet::new(),
            flying: BTreeSet::new(),
            undoing: None,
            timers: BTreeSet::new(),
            maybe: BTreeSet::new(),
            skipped: BTreeSet::new(),
            asked: BTreeMap::new(),
            contradicted: BTreeSet::new(),
            unwinding: false,
            paused: false,
            ended: false,
        }
    }

    /// Reads the next event of the journal.
    pub(crate) fn read(&mut self, event: &Event) -> Result<(), String> {
        let verdict = match &event.kind {
            EventKind::StepStarted {
                at,
                digest,
                wait_ms,
                ..
            } => {
                let act = self.design.act(at, false);
                let verdict = self.may_start(act, digest);
                if wait_ms.is_some() {
                    self.timers.insert(act)
                } else {
                    self.flying.insert(act)
                };
                verdict
            }
            EventKind::CompensationStarted { at, .. } => {
                let act = self.design.act(at, true);
                let verdict = self.may_undo(act);
                self.flying.insert(act);
                self.undoing = Some(act);
                verdict
            }
            EventKind::GoalCompleted { .. }
            | EventKind::GoalFailed { .. }
            | EventKind::GoalCancelled {} => {
                self.ended = true;
                let idle =
                    self.flying.is_empty() && self.doubts.is_empty() && self.timers.is_empty();
                if idle {
                    Ok(())
                } else {
                    Err("it ends with something open")
                }
            }
            _ if self.ended
                && !matches!(
                    event.kind,
                    EventKind::StepSettled { .. } | EventKind::GoalStuck { .. }
                ) =>
            {
                Err("it goes on after its end")
            }
            _ => {
                self.note(&event.kind);
                Ok(())
            }
        };
        verdict.map_err(|law| format!("{law}: {}", text(&event.kind)))
    }

    fn may_start(&self, act: Act, digest: &Digest) -> Result<(), &'static str> {
        let step = &self.design.steps[act.place];
        let maybe = self.maybe.contains(&act);
        let settled = |need: &usize| {
            let open = self
                .flying
                .iter()
                .chain(&self.doubts)
                .chain(&self.timers)
                .any(|open| open.place == *need);
            !open
                && (self.skipped.contains(need) || self.done.iter().any(|done| done.place == *need))
        };
        if self.paused {
            return Err("an effect starts during a pause");
        }
        if self.flying.contains(&act) || self.timers.contains(&act) || self.done.contains(&act) {
            return Err("an effect starts twice");
        }
        if maybe && step.class == EffectClass::AtMostOnce {
            return Err("an effect that must not be repeated is repeated");
        }
        if self.unwinding && !maybe {
            return Err("a step starts while the goal unwinds");
        }
        if step.asks && self.asked.get(&act) != Some(&(*digest, true)) {
            return Err("a step starts without its approval");
        }
        // What may have happened is tried again to find out, whatever became of its needs meanwhile.
        if !maybe && !step.needs.iter().all(settled) {
            return Err("a step starts before what it needs");
        }
        Ok(())
    }

    fn may_undo(&self, act: Act) -> Result<(), &'static str> {
        if !self.unwinding || self.paused {
            return Err("a compensation starts in a goal that does not unwind");
        }
        if !self.flying.is_empty() || !self.timers.is_empty() {
            return Err("a compensation starts beside something else");
        }
        if self.maybe.contains(&act) && self.design.class(act) == EffectClass::AtMostOnce {
            return Err("a compensation that must not be repeated is repeated");
        }
        let expected = self.undoing.or_else(|| self.next_undo());
        // What turned out not to have been done is not undone, but a doubt about its undo is still cleared up.
        let clears_up = !self.done.contains(&act.opposite()) && self.maybe.contains(&act);
        if expected != Some(act) && !clears_up {
            return Err("a compensation is out of order");
        }
        Ok(())
    }

    /// The newest success that can be undone now.
    fn next_undo(&self) -> Option<Act> {
        let unsettled: Vec<usize> = self
            .doubts
            .iter()
            .chain(&self.failed)
            .map(|act| act.place)
            .collect();
        let barred = |place| {
            unsettled
                .iter()
                .any(|below| self.design.steps[*below].ancestors.contains(&place))
        };
        let open = |act: &Act| {
            !self.undone.contains(act)
                && !self.failed.contains(act)
                && !self.doubts.contains(act)
                && !barred(act.place)
        };
        let undoable = self
            .done
            .iter()
            .rev()
            .filter(|act| self.design.steps[act.place].undo.is_some());
        undoable.map(|act| act.opposite()).find(open)
    }

    fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::StepSucceeded { at, attempt: 0, .. } => {
                self.skipped.insert(self.design.act(at, false).place);
            }
            EventKind::StepSucceeded { at, .. } => self.succeeded(self.design.act(at, false)),
            EventKind::CompensationSucceeded { at, .. } => {
                self.succeeded(self.design.act(at, true))
            }
            EventKind::StepFailed { at, failure, .. } => {
                let act = self.design.act(at, false);
                self.flying.remove(&act);
                if failure.kind == FailureClass::Unknown {
                    self.maybe.insert(act);
                }
            }
            EventKind::CompensationFailed {
                at,
                failure,
                retry_in_ms,
                ..
            } => {
                let act = self.design.act(at, true);
                self.undo_attempt_failed(act, failure.kind, retry_in_ms.is_none());
            }
            EventKind::StepSkipped { at, .. } => {
                self.skipped.insert(self.design.act(at, false).place);
            }
            EventKind::StepInDoubt { at, undo, .. } => {
                let act = self.design.act(at, *undo);
                self.flying.remove(&act);
                self.undoing = self.undoing.filter(|undoing| *undoing != act);
                self.doubts.insert(act);
                self.maybe.insert(act);
            }
            EventKind::StepSettled {
                at,
                undo,
                result,
                contradicts,
                ..
            } => {
                self.settled(self.design.act(at, *undo), *result, *contradicts);
            }
            EventKind::ApprovalAsked { at, digest, .. } => {
                self.asked
                    .insert(self.design.act(at, false), (*digest, false));
            }
            EventKind::ApprovalGranted { at, .. } => {
                self.asked
                    .entry(self.design.act(at, false))
                    .and_modify(|asked| asked.1 = true);
            }
            EventKind::GoalPaused { .. } => self.paused = true,
            EventKind::GoalResumed { .. } | EventKind::CancelRequested { .. } => {
                self.paused = false
            }
            EventKind::UnwindingStarted { .. } => {
                self.unwinding = true;
                self.timers.clear();
            }
            EventKind::RetryRequested { .. } => self.failed.clear(),
            EventKind::GoalStuck { .. } => self.ended = false,
            _ => {}
        }
    }

    fn succeeded(&mut self, act: Act) {
        self.flying.remove(&act);
        self.timers.remove(&act);
        if act.undo {
            self.undoing = self.undoing.filter(|undoing| *undoing != act);
            self.undone.insert(act);
        } else {
            self.done.push(act);
        }
    }

    fn undo_attempt_failed(&mut self, act: Act, kind: FailureClass, last: bool) {
        self.flying.remove(&act);
        if kind == FailureClass::Unknown {
            self.maybe.insert(act);
        } else if last {
            self.maybe.remove(&act);
        }
        if last {
            self.undoing = self.undoing.filter(|undoing| *undoing != act);
            self.undo_failed(act);
        }
    }

    /// The undo of what did not happen is nobody's loss.
    fn undo_failed(&mut self, act: Act) {
        if self.done.contains(&act.opposite()) {
            self.failed.insert(act);
        }
    }

    fn settled(&mut self, act: Act, result: Settlement, contradicts: bool) {
        self.doubts.remove(&act);
        self.failed.remove(&act);
        if contradicts {
            self.contradicted.extend([act, act.opposite()]);
        }
        match (result, act.undo) {
            (Settlement::Happened, false) => self.done.push(act),
            (Settlement::DidNotHappen, false) => {
                self.done.retain(|done| *done != act);
                self.undoing = self.undoing.filter(|undoing| *undoing != act.opposite());
                self.failed.remove(&act.opposite());
            }
            (Settlement::Happened | Settlement::Undone, true) => {
                self.undone.insert(act);
            }
            (Settlement::DidNotHappen, true) => {
                self.undone.remove(&act);
                self.maybe.remove(&act);
                self.undo_failed(act);
            }
            (Settlement::Undone, false) | (Settlement::TryAgain, _) => {}
        }
    }

    /// Holds the end against the world.
    pub(crate) fn conclude(
        &self,
        saga: &Saga,
        world: &World,
        hearsay: &Hearsay,
    ) -> Result<(), String> {
        let Some(end) = Some(saga.status()).filter(|status| status.is_end()) else {
            return Err(format!("the goal never ends: {}", saga.status().as_str()));
        };
        let excused = |act: Act| {
            [act, act.opposite()].iter().any(|act| {
                hearsay.lies.contains(act)
                    || hearsay.by_hand.contains(act)
                    || self.contradicted.contains(act)
            })
        };
        if let Some((act, complaint)) = world.complaints.iter().find(|(act, _)| !excused(*act)) {
            return Err(format!("{act:?} was {complaint}"));
        }
        for (place, (_, state)) in saga.steps().enumerate() {
            for (item, found) in state.items().iter().enumerate() {
                let act = Act {
                    place,
                    item: u32::try_from(item).unwrap(),
                    undo: false,
                };
                if excused(act) {
                    continue;
                }
                let did = (world.count(act), world.count(act.opposite()));
                let effect =
                    self.design.steps[place].class != EffectClass::Read && found.forth.attempt > 0;
                if !agrees(
                    end,
                    found.status,
                    did,
                    (effect, self.design.steps[place].undo.is_some()),
                ) {
                    let status = found.status;
                    return Err(format!(
                        "{end:?}, but {act:?} is {status:?} and was done and undone {did:?} times"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a step's state at the end fits how often the world did and undid it.
fn agrees(
    end: GoalStatus,
    status: StepStatus,
    did: (usize, usize),
    (effect, undoable): (bool, bool),
) -> bool {
    let once = usize::from(effect);
    match (end, status) {
        (GoalStatus::Completed, StepStatus::Succeeded) => did == (once, 0),
        (GoalStatus::Failed | GoalStatus::Cancelled, StepStatus::Succeeded) => {
            did == (once, 0) && (!undoable || once == 0)
        }
        (GoalStatus::Failed | GoalStatus::Cancelled, StepStatus::Compensated) => did == (once, 1),
        (
            GoalStatus::Failed | GoalStatus::Cancelled,
            StepStatus::Failed | StepStatus::Cancelled,
        ) => did == (0, 0),
        (_, StepStatus::Skipped) => did == (0, 0),
        _ => false,
    }
}
