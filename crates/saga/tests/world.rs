//! A small world: it applies effects, remembers what it applied, and complains of what must never reach it.

use std::collections::BTreeMap;
use std::rc::Rc;

use domain::digest::Digest;
use domain::effect::Call;
use domain::outcome::{Answer, FailureKind, Outcome, Proof, ToolError};
use domain::tool::EffectClass;
use saga::event::StepItem;
use saga::input::Ended;
use saga::{Effect, Input};
use serde_json::{Value, json};

use crate::design::{Act, Design};
use crate::scene::JITTER;

/// What the world applied, and how it answers.
pub(crate) struct World {
    pub(crate) design: Rc<Design>,
    /// The keys under which each effect was applied.
    applied: BTreeMap<Act, Vec<Digest>>,
    /// Effects of which a call is still on its way.
    pub(crate) posted: Vec<Act>,
    /// What should not have happened.
    pub(crate) complaints: Vec<(Act, &'static str)>,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It is applied.
    Done,
    /// It never left: try later.
    Busy,
    /// It arrives and is refused for good.
    Refused,
    /// It is applied, and nobody hears of it.
    CutAfter,
    /// It is not applied, and nobody hears of it.
    CutBefore,
}

impl World {
    pub(crate) fn new(design: Rc<Design>) -> Self {
        Self {
            design,
            applied: BTreeMap::new(),
            posted: Vec::new(),
            complaints: Vec::new(),
        }
    }

    /// How often an effect was applied.
    pub(crate) fn count(&self, act: Act) -> usize {
        self.applied.get(&act).map_or(0, Vec::len)
    }

    /// The effect that a call is for.
    pub(crate) fn act(&self, effect: &Effect) -> Act {
        let at = StepItem {
            step: effect.call.step.clone(),
            item: effect.call.item,
        };
        self.design.act(&at, effect.undo)
    }

    /// Answers a call or a question as told, and changes accordingly.
    pub(crate) fn reply(&mut self, effect: &Effect, reply: Reply) -> Input {
        if effect.ask {
            return self.answer(effect, reply);
        }
        let outcome = match reply {
            Reply::Done => Outcome::Succeeded {
                output: self.apply(effect),
            },
            Reply::Busy => Outcome::transient("http.busy", "later"),
            Reply::Refused => self.refusal(effect),
            Reply::CutAfter => {
                self.apply(effect);
                Outcome::unknown("http.cut", "cut off")
            }
            Reply::CutBefore => Outcome::unknown("http.cut", "cut off"),
        };
        outcome_of(effect, outcome)
    }

    pub(crate) fn answer(&self, effect: &Effect, reply: Reply) -> Input {
        let answer = match reply {
            // The question was not even put.
            Reply::Busy => return outcome_of(effect, Outcome::transient("http.busy", "later")),
            Reply::CutAfter | Reply::CutBefore => Answer::Unknown {
                error: ToolError::new("http.cut", "cut off"),
            },
            Reply::Done | Reply::Refused => self.truth(effect),
        };
        answer_of(effect, answer)
    }

    /// What is true of an effect's key.
    fn truth(&self, effect: &Effect) -> Answer {
        let act = self.act(effect);
        if self.happened(act, &effect.call.key) {
            return Answer::Happened {
                output: output(act),
            };
        }
        Answer::DidNotHappen
    }

    fn happened(&self, act: Act, key: &Digest) -> bool {
        self.applied
            .get(&act)
            .is_some_and(|keys| keys.contains(key))
    }

    /// A refusal for good; it proves something of the key where nothing was applied under it.
    fn refusal(&self, effect: &Effect) -> Outcome {
        let act = self.act(effect);
        let happened = self.happened(act, &effect.call.key) || self.posted.contains(&act);
        let proof = if happened || effect.call.attempt.is_multiple_of(2) {
            Proof::Attempt
        } else {
            Proof::Key
        };
        let error = ToolError::new("http.refused", "no");
        Outcome::Failed {
            kind: FailureKind::Permanent,
            proof,
            error,
        }
    }

    /// Applies an effect as its class promises.
    pub(crate) fn apply(&mut self, effect: &Effect) -> Value {
        let act = self.act(effect);
        let key = effect.call.key;
        let repeated = self.happened(act, &key);
        match self.design.class(act) {
            EffectClass::Read => return output(act),
            EffectClass::Idempotent if repeated => return output(act),
            EffectClass::Idempotent => {}
            EffectClass::Reconcilable | EffectClass::AtMostOnce => {
                if repeated {
                    self.complaints.push((act, "applied again under its key"));
                }
            }
        }
        if act.undo && self.count(act.opposite()) == 0 {
            self.complaints.push((act, "undoes what was not done"));
        }
        self.applied.entry(act).or_default().push(key);
        output(act)
    }
}

/// What every effect answers.
pub(crate) fn output(act: Act) -> Value {
    let items: Vec<usize> = (0..act.place % 4).collect();
    json!({ "id": format!("{}-{}", act.place, act.item), "n": act.place % 3, "items": items })
}

pub(crate) fn outcome_of(effect: &Effect, result: Outcome) -> Input {
    let Call {
        step,
        item,
        attempt,
        ..
    } = effect.call.clone();
    Input::Outcome(Ended {
        at: StepItem { step, item },
        undo: effect.undo,
        attempt,
        result,
        jitter: JITTER,
    })
}

pub(crate) fn answer_of(effect: &Effect, result: Answer) -> Input {
    let Call {
        step,
        item,
        attempt,
        ..
    } = effect.call.clone();
    Input::Answer(Ended {
        at: StepItem { step, item },
        undo: effect.undo,
        attempt,
        result,
        jitter: JITTER,
    })
}
