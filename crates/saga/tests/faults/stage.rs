//! One goal driven as the runner drives it, with one fault and one crash, and people who know what they do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use domain::approval::{ApprovalStatus, Decision};
use domain::digest::Digest;
use domain::tool::EffectClass;
use jiff::SignedDuration;
use saga::event::Settlement;
use saga::input::Wish;
use saga::machine::Phase;
use saga::{Effect, Event, EventKind, Input, Saga};
use serde_json::Value;

use crate::design::{Act, Design};
use crate::judge::{Hearsay, Judge};
use crate::scene::{JITTER, Scene, key, person, tools};
use crate::text::text;
use crate::world::{Reply, World};

/// Inputs after which a goal must have ended.
const INPUTS_MAX: usize = 1_000;

/// What one effect comes to at one attempt (`lasting`: and at every later one); before, it is told to try later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) act: Act,
    pub(crate) attempt: u32,
    pub(crate) lasting: bool,
    pub(crate) reply: Reply,
}

/// The process dies once there are so many events; what was under way was `applied` or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crash {
    pub(crate) after: usize,
    pub(crate) applied: bool,
}

/// How a goal ended.
pub(crate) struct Ended {
    pub(crate) status: &'static str,
    pub(crate) was_stuck: bool,
    pub(crate) was_doubted: bool,
    /// A step that must not be repeated was cut off before it happened.
    pub(crate) lost_for_good: bool,
    pub(crate) events: usize,
    pub(crate) trace: String,
}

pub(crate) struct Stage {
    scene: Scene,
    world: World,
    judge: Judge,
    air: VecDeque<Effect>,
    fault: Option<Fault>,
    crash: Option<Crash>,
    lost_for_good: bool,
    seen: BTreeSet<Act>,
    repaired: bool,
}

impl Stage {
    pub(crate) fn new(plan: &Value) -> Self {
        let design = Rc::new(Design::of(plan));
        let mut stage = Self {
            scene: Scene::of(plan),
            world: World::new(design.clone()),
            judge: Judge::new(design),
            air: VecDeque::new(),
            fault: None,
            crash: None,
            lost_for_good: false,
            seen: BTreeSet::new(),
            repaired: false,
        };
        let begun: Vec<Event> = stage.scene.journal.clone();
        begun
            .iter()
            .for_each(|event| stage.judge.read(event).unwrap());
        stage
    }

    pub(crate) fn with(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(crate) fn crashing(mut self, crash: Crash) -> Self {
        self.crash = Some(crash);
        self
    }

    /// Every effect that is called where nothing fails.
    pub(crate) fn acts(mut self) -> BTreeSet<Act> {
        self.drive();
        self.seen
    }

    pub(crate) fn run(mut self) -> Ended {
        self.drive();
        let happened = |wanted: fn(&EventKind) -> bool| {
            self.scene.journal.iter().any(|event| wanted(&event.kind))
        };
        Ended {
            status: self.scene.saga.status().as_str(),
            was_stuck: happened(|kind| matches!(kind, EventKind::GoalStuck { .. })),
            was_doubted: happened(|kind| matches!(kind, EventKind::StepInDoubt { .. })),
            lost_for_good: self.lost_for_good,
            events: self.scene.journal.len(),
            trace: self.trace(),
        }
    }

    fn drive(&mut self) {
        for _ in 0..INPUTS_MAX {
            if !self.go_on() {
                let told = self
                    .judge
                    .conclude(&self.scene.saga, &self.world, &Hearsay::default());
                assert_eq!(told, Ok(()), "{}", self.trace());
                assert_eq!(self.read_again(), self.scene.saga, "{}", self.trace());
                return;
            }
        }
        panic!("it does not end\n{}", self.trace());
    }

    /// The next thing that a runner, the world or a person does; false: the goal has ended.
    fn go_on(&mut self) -> bool {
        if self.give(&Input::Continue) || self.give(&Input::Tick) {
            return true;
        }
        if let Some(start) = self.scene.saga.ready(self.scene.now).first().cloned() {
            return self.give(&Input::Start(start));
        }
        if let Some(effect) = self.air.pop_front() {
            let reply = self.reply(&effect);
            let input = self.world.reply(&effect, reply);
            return self.give(&input);
        }
        if self.scene.saga.status().is_end() {
            return false;
        }
        if let Some(wish) = self.wish() {
            return self.give(&Input::Person(person(wish)));
        }
        let deadline = self.scene.saga.deadline(self.scene.now);
        let deadline = deadline.unwrap_or_else(|| panic!("nothing can go on\n{}", self.trace()));
        let wait: SignedDuration = deadline.duration_since(self.scene.now.clock());
        self.scene = self
            .scene
            .clone()
            .pass(i64::try_from(wait.as_millis()).unwrap() + 1);
        true
    }

    /// Decides, judges, applies; perhaps the process dies then.
    fn give(&mut self, input: &Input) -> bool {
        let from = self.scene.journal.len();
        self.scene.tell(input);
        for place in from..self.scene.journal.len() {
            let event = self.scene.journal[place].clone();
            if let Err(law) = self.judge.read(&event) {
                panic!("{law}\n{}", self.trace());
            }
            let started = match &event.kind {
                EventKind::StepStarted {
                    at, wait_ms: None, ..
                } => self.scene.saga.pending_at(at, false),
                EventKind::CompensationStarted { at, .. } => self.scene.saga.pending_at(at, true),
                _ => None,
            };
            self.seen
                .extend(started.iter().map(|effect| self.world.act(effect)));
            self.air.extend(started);
        }
        let told = self.scene.journal.len() > from;
        if let Some(crash) = self
            .crash
            .filter(|crash| self.scene.journal.len() >= crash.after)
        {
            self.crash = None;
            self.die(crash);
        }
        told
    }

    /// The process dies, and a new one reads the journal as the store kept it.
    fn die(&mut self, crash: Crash) {
        for effect in std::mem::take(&mut self.air) {
            let act = self.world.act(&effect);
            let applied = crash.applied && !doomed(&effect);
            self.world.reply(
                &effect,
                if applied {
                    Reply::CutAfter
                } else {
                    Reply::CutBefore
                },
            );
            let never_again = self.world.design.class(act) == EffectClass::AtMostOnce;
            self.lost_for_good |= never_again && !act.undo && !applied;
        }
        let read = self.read_again();
        assert_eq!(read, self.scene.saga, "{}", self.trace());
        self.scene.saga = read;
        self.give(&Input::Recover { jitter: JITTER });
    }

    /// What becomes of a call: the fault, or what was told to fail for good.
    fn reply(&self, effect: &Effect) -> Reply {
        let act = self.world.act(effect);
        let attempt = effect.call.attempt;
        match self
            .fault
            .filter(|fault| fault.act == act && !self.repaired)
        {
            Some(fault) if attempt < fault.attempt => Reply::Busy,
            Some(fault) if attempt == fault.attempt || fault.lasting => fault.reply,
            _ if doomed(effect) => Reply::Refused,
            _ => Reply::Done,
        }
    }

    /// What a person who sees the world does now.
    fn wish(&mut self) -> Option<Wish> {
        let saga = &self.scene.saga;
        if let Some((at, undo)) = saga.doubts().next() {
            let happened = self.world.count(self.world.design.act(&at, undo)) > 0;
            let result = if happened {
                Settlement::Happened
            } else {
                Settlement::DidNotHappen
            };
            let output = happened.then(|| crate::world::output(self.world.design.act(&at, false)));
            return Some(Wish::Settle {
                at,
                result,
                output,
                reason: None,
            });
        }
        if saga.phase() == Phase::Stuck {
            self.repaired = true;
            return Some(Wish::RetryGoal);
        }
        let items = saga.steps().flat_map(|(_, state)| state.items());
        let mut asked = items.filter_map(|item| item.approval.as_ref());
        let asked = asked.find(|asked| asked.status == ApprovalStatus::Pending)?;
        let (approval, digest) = (asked.id.clone(), asked.digest);
        Some(Wish::Decide {
            approval,
            digest,
            decision: Decision::Grant,
            reason: None,
        })
    }

    /// The journal written as the store writes it, read, and applied to a new goal.
    fn read_again(&self) -> Saga {
        let mut payloads: BTreeMap<Digest, Vec<u8>> = BTreeMap::new();
        let mut saga = Saga::new(key());
        for event in &self.scene.journal {
            let mut event = event.clone();
            payloads.extend(
                event
                    .kind
                    .payloads_mut()
                    .filter_map(|payload| Some((payload.digest(), payload.bytes()?))),
            );
            let line = serde_json::to_string(&event).unwrap();
            let mut read: Event = serde_json::from_str(&line).unwrap();
            for payload in read.kind.payloads_mut() {
                payload
                    .restore(&key(), &payloads[&payload.digest()])
                    .unwrap();
            }
            if let EventKind::PlanAdopted { adoption } = &mut read.kind {
                adoption.tools.restore(Arc::clone(tools().tools().unwrap()));
            }
            saga.apply(&read);
        }
        saga
    }

    fn trace(&self) -> String {
        self.scene
            .journal
            .iter()
            .map(|event| text(&event.kind))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Whether it is the step of [`super::plans::failing`].
fn doomed(effect: &Effect) -> bool {
    effect.call.step.as_str() == "doomed"
}
