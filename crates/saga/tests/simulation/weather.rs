//! What befalls a goal: effects that end in every way, news that comes late or twice, crashes, time, stray inputs.

use domain::outcome::Outcome;
use domain::tool::EffectClass;
use jiff::SignedDuration;
use saga::event::StepItem;
use saga::input::Start;
use saga::machine::Phase;
use saga::{Effect, Input, Moment};

use super::life::{Late, Life, News};
use crate::world::{Reply, outcome_of, output};

/// Outcomes that are kept to be told once more.
const TOLD_MAX: usize = 48;

impl Life<'_> {
    /// One thing that may happen at any time.
    pub(super) fn disturb(&mut self) -> Result<(), String> {
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

    pub(super) fn start(&mut self) -> Result<(), String> {
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
    pub(super) fn land(&mut self, flight: usize) -> Result<(), String> {
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
                        output: output(act),
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
    pub(super) fn hear(&mut self, which: usize) -> Result<(), String> {
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

    pub(super) fn advance(&mut self, by: SignedDuration) {
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
        self.remark("crash");
        let jitter = u32::try_from(self.random.next() >> 32).unwrap();
        self.give(&Input::Recover { jitter })
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
