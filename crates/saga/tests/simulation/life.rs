//! One goal's life: disturbances as the seed has them, then calm until it ends, then the judgement.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::outcome::Outcome;
use domain::tool::EffectClass;
use jiff::SignedDuration;
use saga::event::StepItem;
use saga::input::{Start, Wish};
use saga::machine::Phase;
use saga::{Effect, EventKind, Input, Moment};
use serde_json::Value;

use super::coverage::Coverage;
use super::plans::plan;
use super::random::Random;
use crate::design::{Act, Design};
use crate::judge::{Hearsay, Judge};
use crate::scene::{Scene, acceptance, adoption};
use crate::text::{place, text};
use crate::world::{Reply, World, outcome_of};

/// Disturbances before calm: three or four times what an undisturbed goal needs to end.
pub(crate) const CHAOS_MAX: usize = 160;
/// Inputs after which a calm goal must have ended.
const CALM_MAX: usize = 2_000;
/// Outcomes that are kept to be told once more.
const TOLD_MAX: usize = 48;

pub(crate) struct Life<'a> {
    pub(super) random: Random,
    pub(super) scene: Scene,
    pub(super) world: World,
    pub(super) hearsay: Hearsay,
    /// Steps and undos (`true`) that are refused for good until somebody repairs what is in their way.
    pub(super) refused: BTreeSet<(usize, bool)>,
    pub(super) calm: bool,
    pub(super) late: Vec<Late>,
    steps: usize,
    judge: Judge,
    coverage: &'a mut Coverage,
    accept: Input,
    adopt: Input,
    /// Effects that are under way.
    air: Vec<Effect>,
    told: Vec<Input>,
    held: bool,
    trace: Vec<String>,
    tracing: bool,
}

/// Something of an attempt that nobody waits for any more.
pub(super) struct Late {
    pub(super) act: Act,
    pub(super) what: News,
}

pub(super) enum News {
    /// What became of it.
    Told(Input),
    /// It is applied only now.
    Happens(Effect),
}

impl<'a> Life<'a> {
    pub(crate) fn new(seed: u64, coverage: &'a mut Coverage) -> Self {
        let mut random = Random::new(seed);
        let plan: Value = plan(&mut random);
        let design = Rc::new(Design::of(&plan));
        let steps = design.steps.len();
        let scene = Scene::new();
        let mut acceptance = acceptance();
        if random.percent(20) {
            let deadline = SignedDuration::from_secs(1 + i64::try_from(random.below(90)).unwrap());
            acceptance.deadline = scene.now.at.saturating_add(deadline).ok();
        }
        let refuses = |(place, undo, percent): (usize, bool, usize)| {
            random.percent(percent).then_some((place, undo))
        };
        let refused = (0..steps)
            .flat_map(|place| [(place, false, 6), (place, true, 14)])
            .filter_map(refuses)
            .collect();
        Self {
            random,
            scene,
            world: World::new(design.clone()),
            hearsay: Hearsay::default(),
            refused,
            calm: false,
            late: Vec::new(),
            steps,
            judge: Judge::new(design),
            coverage,
            accept: Input::Accept(Box::new(acceptance)),
            adopt: Input::AdoptPlan(Box::new(adoption(&plan))),
            air: Vec::new(),
            told: Vec::new(),
            held: false,
            trace: vec![plan.to_string()],
            tracing: false,
        }
    }

    /// Lives with at most so many disturbances; the number of events, or the law that was broken.
    pub(crate) fn live(&mut self, chaos: usize) -> Result<usize, String> {
        for _ in 0..chaos {
            self.disturb()?;
            if self.scene.saga.status().is_end() && self.random.percent(5) {
                break;
            }
        }
        self.calm = true;
        for _ in 0..CALM_MAX {
            if self.settle_down()? {
                self.recovers()?;
                self.judge
                    .conclude(&self.scene.saga, &self.world, &self.hearsay)?;
                return Ok(self.scene.journal.len());
            }
        }
        Err("the goal does not come to its end".into())
    }

    pub(crate) fn tracing(mut self) -> Self {
        self.tracing = true;
        self
    }

    pub(crate) fn trace(&self) -> String {
        self.trace.join("\n")
    }

    /// One thing that may happen at any time.
    fn disturb(&mut self) -> Result<(), String> {
        // Goals that are stuck, or have failed and do not unwind yet, are few; they meet more than their share.
        let given_up = self.scene.saga.reason().is_some();
        match self.scene.saga.phase() {
            Phase::New if self.random.percent(30) => return self.give(&self.accept.clone()),
            Phase::Accepted if given_up && self.random.percent(70) => return self.wish_anything(),
            Phase::Accepted if self.random.percent(8) => return self.give(&self.adopt.clone()),
            Phase::Running if given_up && self.random.percent(25) => return self.hear_again(),
            Phase::Running if given_up && self.random.percent(25) => return self.wish_anything(),
            Phase::Stuck if self.random.percent(40) => return self.hear_again(),
            Phase::Stuck if self.random.percent(30) => return self.wish_anything(),
            _ => {}
        }
        match self.random.below(100) {
            0..13 => self.give(&Input::Continue),
            13..40 => self.start(),
            40..62 => self.land_any(),
            62..67 => self.hear_late(),
            67..74 => self.pass(),
            74..77 => self.give(&Input::Tick),
            77..79 => self.crash(),
            79..84 => self.wish_anything(),
            84..88 => self.act(),
            88 => {
                self.held = !self.held;
                Ok(())
            }
            _ => self.stray(),
        }
    }

    /// One step towards the end without disturbance; whether there is nothing left to do.
    fn settle_down(&mut self) -> Result<bool, String> {
        let before = self.scene.journal.len();
        self.held = false;
        self.give(&Input::Continue)?;
        self.give(&Input::Tick)?;
        if self.scene.journal.len() > before {
            return Ok(false);
        }
        if !self.late.is_empty() {
            self.hear(0)?;
        } else if !self.air.is_empty() {
            self.land(0)?;
        } else if self.scene.saga.sequence() == 0 {
            self.give(&self.accept.clone())?;
        } else if self.scene.saga.plan().is_none() && !self.scene.saga.status().is_end() {
            self.give(&self.adopt.clone())?;
        } else if !self.scene.saga.ready(self.scene.now).is_empty() {
            self.start()?;
        } else if self.scene.saga.status().is_end() {
            return Ok(true);
        } else if !self.act_if_asked()? {
            let Some(deadline) = self.scene.saga.deadline(self.scene.now) else {
                return Err(format!(
                    "nothing can go on: {}",
                    self.scene.saga.status().as_str()
                ));
            };
            self.advance(deadline.duration_since(self.scene.now.clock()));
            self.give(&Input::Tick)?;
        }
        Ok(false)
    }

    /// Decides, judges and applies one input.
    pub(super) fn give(&mut self, input: &Input) -> Result<(), String> {
        self.coverage.note(&self.scene.saga, input);
        let events = self.scene.saga.decide(input, self.scene.now);
        if self.tracing {
            let texts: Vec<_> = events.iter().map(|event| text(&event.kind)).collect();
            self.trace
                .push(format!("{} → {}", brief(input), texts.join("; ")));
        }
        if let Input::Person(person) = input {
            let refused = self.scene.saga.refusal(&person.wish).is_some();
            let vain = matches!(person.wish, Wish::PauseGoal | Wish::ResumeGoal);
            if refused != events.is_empty() && (refused || !vain) {
                return Err(format!(
                    "the judge of wishes and the machine differ: {}",
                    brief(input)
                ));
            }
        }
        for event in events {
            self.judge.read(&event)?;
            self.scene.saga.apply(&event);
            if let EventKind::StepStarted {
                at, wait_ms: None, ..
            } = &event.kind
            {
                self.air.extend(self.scene.saga.pending_at(at, false));
            } else if let EventKind::CompensationStarted { at, .. } = &event.kind {
                self.air.extend(self.scene.saga.pending_at(at, true));
            }
            self.scene.journal.push(event);
        }
        self.drop_what_nobody_awaits();
        self.status_is_honest()
    }

    /// An effect whose outcome the goal learned otherwise is still under way; its own outcome comes late.
    fn drop_what_nobody_awaits(&mut self) {
        let saga = &self.scene.saga;
        let owed = |effect: &Effect| {
            let at = StepItem {
                step: effect.call.step.clone(),
                item: effect.call.item,
            };
            saga.pending_at(&at, effect.undo)
                .is_some_and(|pending| pending.call.attempt == effect.call.attempt)
        };
        let (air, dropped) = std::mem::take(&mut self.air).into_iter().partition(owed);
        self.air = air;
        for effect in dropped {
            let act = self.world.act(&effect);
            let input = self.world.reply(&effect, Reply::Done);
            self.late.push(Late {
                act,
                what: News::Told(input),
            });
        }
    }

    fn status_is_honest(&self) -> Result<(), String> {
        let saga = &self.scene.saga;
        if saga.pending().count() != self.air.len() {
            return Err("what the world owes is not what is under way".into());
        }
        if !saga.decide(&Input::Continue, self.scene.now).is_empty() {
            return Ok(());
        }
        let far = Moment::at(
            self.scene
                .now
                .at
                .saturating_add(SignedDuration::from_hours(900))
                .unwrap(),
        );
        let moves =
            !self.air.is_empty() || !saga.ready(far).is_empty() || !self.judge.timers.is_empty();
        match saga.status().as_str() {
            "waiting" if moves => Err("waiting, although something can go on".into()),
            "running" | "compensating" if !moves => {
                Err("nothing can go on, and nobody is asked".into())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let ready = self.scene.saga.ready(self.scene.now);
        if ready.is_empty() || self.held {
            return self.land_any();
        }
        let start = self.random.pick(&ready).clone();
        self.give(&Input::Start(start))
    }

    fn land_any(&mut self) -> Result<(), String> {
        if self.air.is_empty() {
            return self.give(&Input::Continue);
        }
        let flight = self.random.below(self.air.len());
        self.land(flight)
    }

    /// Ends an effect that is under way.
    fn land(&mut self, flight: usize) -> Result<(), String> {
        let effect = self.air.swap_remove(flight);
        let act = self.world.act(&effect);
        let refused = self.refused.contains(&(act.place, act.undo));
        let roll = if self.calm { 0 } else { self.random.below(100) };
        let reply = match roll {
            // Questions and undos are cut off more often: few goals come so far.
            50.. if effect.ask || effect.undo => {
                let input = self.cut(effect);
                return self.tell(input);
            }
            70..82 => Reply::Busy,
            82.. => {
                let input = self.cut(effect);
                return self.tell(input);
            }
            _ if refused => Reply::Refused,
            _ => Reply::Done,
        };
        let input = self.world.reply(&effect, reply);
        if !self.calm && self.random.percent(12) {
            self.late.push(Late {
                act,
                what: News::Told(input.clone()),
            });
        }
        self.tell(input)
    }

    /// Nobody hears how an effect ends; perhaps later, perhaps it even happens later.
    fn cut(&mut self, effect: Effect) -> Input {
        let act = self.world.act(&effect);
        let may_come_late = matches!(
            self.world.design.class(act),
            EffectClass::Idempotent | EffectClass::AtMostOnce
        );
        let way = self.random.below(5);
        if way == 0 && may_come_late && !effect.ask {
            let input = self.world.reply(&effect, Reply::CutBefore);
            self.world.posted.push(act);
            self.late.push(Late {
                act,
                what: News::Happens(effect),
            });
            return input;
        }
        let input = self.world.reply(
            &effect,
            if way < 3 {
                Reply::CutAfter
            } else {
                Reply::CutBefore
            },
        );
        if self.random.percent(70) {
            let truth = match (effect.ask, way < 3) {
                (true, _) => self.world.answer(&effect, Reply::Done),
                (false, true) => outcome_of(
                    &effect,
                    Outcome::Succeeded {
                        output: crate::world::output(act),
                    },
                ),
                (false, false) => {
                    outcome_of(&effect, Outcome::transient("http.unsent", "it never left"))
                }
            };
            self.late.push(Late {
                act,
                what: News::Told(truth),
            });
        }
        input
    }

    fn tell(&mut self, input: Input) -> Result<(), String> {
        if self.told.len() < TOLD_MAX {
            self.told.push(input.clone());
        }
        self.give(&input)
    }

    fn hear_late(&mut self) -> Result<(), String> {
        if self.late.is_empty() {
            return Ok(());
        }
        let which = self.random.below(self.late.len());
        self.hear(which)
    }

    /// Late news reaches the goal, in whatever order.
    fn hear(&mut self, which: usize) -> Result<(), String> {
        let late = self.late.swap_remove(which);
        match late.what {
            News::Told(input) => self.tell(input),
            News::Happens(effect) => {
                let posted = self.world.posted.iter().position(|act| *act == late.act);
                self.world.posted.swap_remove(posted.unwrap());
                let input = self.world.reply(&effect, Reply::Done);
                self.tell(input)
            }
        }
    }

    fn pass(&mut self) -> Result<(), String> {
        let millis = *self.random.pick(&[
            10, 300, 1_000, 1_000, 3_000, 3_000, 3_000, 11_000, 11_000, 11_000, 30_000, 700_000,
        ]);
        self.advance(SignedDuration::from_millis(millis));
        Ok(())
    }

    fn advance(&mut self, by: SignedDuration) {
        let Moment { at, held } = self.scene.now;
        let held =
            SignedDuration::from_micros(held) + if self.held { by } else { SignedDuration::ZERO };
        self.scene.now = Moment::held(at.saturating_add(by).unwrap(), held);
    }

    /// The process ends; a new one reads the journal.
    fn crash(&mut self) -> Result<(), String> {
        self.recovers()?;
        for effect in std::mem::take(&mut self.air) {
            self.cut(effect);
        }
        self.trace.extend(self.tracing.then(|| "crash".to_owned()));
        let jitter = u32::try_from(self.random.next() >> 32).unwrap();
        self.give(&Input::Recover { jitter })
    }

    /// The state is what the journal says.
    fn recovers(&mut self) -> Result<(), String> {
        let replayed = self.scene.replayed();
        if replayed != self.scene.saga {
            return Err("the journal read again gives another state".into());
        }
        self.scene.saga = replayed;
        Ok(())
    }

    /// Something stale, repeated or out of place.
    fn stray(&mut self) -> Result<(), String> {
        match self.random.below(10) {
            0 => self.give(&self.accept.clone()),
            1 => self.give(&self.adopt.clone()),
            2 | 3 if !self.held => {
                let start = self.some_start();
                self.give(&Input::Start(start))
            }
            4 => self.crash(),
            _ => self.hear_again(),
        }
    }

    /// An outcome that the goal was told before reaches it once more.
    fn hear_again(&mut self) -> Result<(), String> {
        // What tools said about earlier attempts is rare, so it is repeated more often.
        let answers: Vec<&Input> = self
            .told
            .iter()
            .filter(|told| matches!(told, Input::Answer(_)))
            .collect();
        let again = if !answers.is_empty() && self.random.percent(40) {
            (*self.random.pick(&answers)).clone()
        } else if !self.told.is_empty() {
            self.random.pick(&self.told).clone()
        } else {
            return Ok(());
        };
        self.give(&again)
    }

    fn some_start(&mut self) -> Start {
        Start {
            at: self.some_place(),
            undo: self.random.percent(50),
            tool: String::new(),
        }
    }

    pub(super) fn some_place(&mut self) -> StepItem {
        let step = format!("s{}", self.random.below(self.steps));
        let item = self
            .random
            .percent(40)
            .then(|| u32::try_from(self.random.below(3)).unwrap());
        StepItem {
            step: step.try_into().unwrap(),
            item,
        }
    }
}

/// An input in a few words.
fn brief(input: &Input) -> String {
    match input {
        Input::Accept(_) => "accept".into(),
        Input::AdoptPlan(_) => "adopt".into(),
        Input::Continue => "continue".into(),
        Input::Start(start) => format!(
            "start {}{}",
            if start.undo { "undo of " } else { "" },
            place(&start.at)
        ),
        Input::Outcome(ended) => {
            format!(
                "{} {} undo={} {:?}",
                place(&ended.at),
                ended.attempt,
                ended.undo,
                ended.result
            )
        }
        Input::Answer(ended) => {
            format!(
                "{} {} undo={} {:?}",
                place(&ended.at),
                ended.attempt,
                ended.undo,
                ended.result
            )
        }
        Input::Recover { .. } => "recover".into(),
        Input::Tick => "tick".into(),
        Input::Person(person) => format!("{:?}", person.wish),
    }
}
