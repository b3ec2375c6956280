//! One goal's life: disturbances as the seed has them, then calm until it ends, then the judgement.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::outcome::{Answer, Outcome};
use jiff::SignedDuration;
use saga::event::StepItem;
use saga::input::{Ended, Wish};
use saga::{Effect, EventKind, Input, Moment};
use serde_json::Value;

use super::coverage::Coverage;
use super::plans::plan;
use super::random::Random;
use crate::design::{Act, Design};
use crate::judge::{Hearsay, Judge};
use crate::scene::{Scene, acceptance, adoption};
use crate::text::{place, text};
use crate::world::{Reply, World};

/// Disturbances before calm: three or four times what an undisturbed goal needs to end.
pub(crate) const CHAOS_MAX: usize = 160;
/// Inputs after which a calm goal must have ended.
const CALM_MAX: usize = 2_000;

pub(crate) struct Life<'a> {
    pub(super) random: Random,
    pub(super) scene: Scene,
    pub(super) world: World,
    pub(super) hearsay: Hearsay,
    /// Steps and undos (`true`) that are refused for good until somebody repairs what is in their way.
    pub(super) refused: BTreeSet<(usize, bool)>,
    pub(super) calm: bool,
    pub(super) late: Vec<Late>,
    pub(super) steps: usize,
    judge: Judge,
    coverage: &'a mut Coverage,
    pub(super) accept: Input,
    pub(super) adopt: Input,
    /// Effects that are under way.
    pub(super) air: Vec<Effect>,
    pub(super) told: Vec<Input>,
    pub(super) held: bool,
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

    /// Notes something that is no input.
    pub(super) fn remark(&mut self, remark: &str) {
        self.trace.extend(self.tracing.then(|| remark.to_owned()));
    }

    pub(crate) fn trace(&self) -> String {
        self.trace.join("\n")
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
        if events.is_empty() && self.ends_a_doubt(input) {
            return Err(format!("a late success is not believed: {}", brief(input)));
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

    /// Whether an input says that something in doubt has happened; such an outcome is never stale.
    fn ends_a_doubt(&self, input: &Input) -> bool {
        let (at, undo) = match input {
            Input::Outcome(Ended {
                at,
                undo,
                result: Outcome::Succeeded { .. },
                ..
            }) => (at, *undo),
            Input::Answer(Ended {
                at,
                undo,
                result: Answer::Happened { .. },
                ..
            }) => (at, *undo),
            _ => return false,
        };
        let mut doubts = self.scene.saga.doubts();
        doubts.any(|(doubted, undone)| doubted == *at && undone == undo)
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

    /// The state is what the journal says.
    pub(super) fn recovers(&mut self) -> Result<(), String> {
        let replayed = self.scene.replayed();
        if replayed != self.scene.saga {
            return Err("the journal read again gives another state".into());
        }
        self.scene.saga = replayed;
        Ok(())
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
