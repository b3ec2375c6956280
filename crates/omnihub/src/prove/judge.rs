//! The judge: holds what a goal says of itself against the receiver's books and the shop's own history.
//!
//! Pure, and independent of the machine: it knows what was planned, what arrived, what was applied and what the goal says,
//! and nothing of how OmniHub came to say it.

mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use domain::goal::{GoalStatus, StepStatus};
use serde::Serialize;

pub(crate) use self::seen::Seen;
use self::seen::Use;
use super::books::{Arrival, End, Page, Port};
use super::effect::EffectId;
use super::plot::{Deed, Part};

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// More than one applied change for one effect, or a second arrival of one that may happen at most once.
    Doubled,
    /// The goal says that it was done or undone, and the receiver says otherwise; or something answered 2xx is gone.
    Lost,
    /// Applied, or maybe applied, and neither said to be done nor in doubt.
    HiddenDoubt,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Which promise.
    pub(crate) wrong: Wrong,
    /// The goal's number in this run.
    pub(crate) goal: u32,
    /// The effect, as its path; `None`: it concerns the whole goal.
    pub(crate) effect: Option<String>,
    /// What was found.
    pub(crate) text: String,
}

/// One goal at rest, with all that is known of it from outside.
pub(crate) struct Case<'a> {
    /// Its number in this run.
    pub(crate) goal: u32,
    /// What its steps were to do.
    pub(crate) parts: &'a [Part],
    /// What it says of itself.
    pub(crate) seen: &'a Seen,
    /// Effects of which a person said that they did not happen, with how often they had arrived by then.
    pub(crate) settled: &'a BTreeMap<EffectId, usize>,
    /// What receiver and shop say of an effect.
    pub(crate) page: &'a dyn Fn(EffectId) -> Page,
}

/// Something that must be true.
struct Claim {
    holds: bool,
    wrong: Wrong,
    effect: EffectId,
    /// What is the case where it is not.
    otherwise: &'static str,
}

/// Every broken promise of a goal at rest.
pub(crate) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (step, part) in (0..).zip(case.parts) {
        case.end_of_step(step, *part, &mut findings);
        if part.deed == Deed::Nothing {
            continue;
        }
        for item in 0..part.uses() {
            let there = EffectId {
                goal: case.goal,
                step,
                item,
                undo: false,
            };
            case.doubled(there, &mut findings);
            case.doubled(there.back(), &mut findings);
            case.said(there, &mut findings);
        }
    }
    findings
}

impl Case<'_> {
    /// Whether a goal that has ended says of each step what its end means.
    fn end_of_step(&self, step: u32, part: Part, findings: &mut Vec<Finding>) {
        for item in 0..part.uses() {
            let effect = EffectId {
                goal: self.goal,
                step,
                item,
                undo: false,
            };
            let state = self.seen.state(step, item);
            let fits = match self.seen.status {
                GoalStatus::Completed => {
                    matches!(state, StepStatus::Succeeded | StepStatus::Skipped)
                }
                GoalStatus::Failed | GoalStatus::Cancelled => match state {
                    StepStatus::Succeeded => !part.has_undo(),
                    StepStatus::Running | StepStatus::InDoubt | StepStatus::CompensationFailed => {
                        false
                    }
                    _ => true,
                },
                _ => true,
            };
            if !fits {
                let said = format!(
                    "the goal is {}, the step {state:?}",
                    self.seen.status.as_str()
                );
                findings.push(finding(Wrong::Lost, effect, said));
            }
        }
    }

    fn doubled(&self, effect: EffectId, findings: &mut Vec<Finding>) {
        let page = (self.page)(effect);
        if page.applied > 1 {
            findings.push(finding(
                Wrong::Doubled,
                effect,
                format!("applied {} times", page.applied),
            ));
            return;
        }
        // Only after a refusal that was answered, or by a person's word, is it known that an arrival did nothing.
        let doubtful = |(at, arrival): (usize, &Arrival)| {
            !was_refused(arrival) && at >= self.spoken_for(effect)
        };
        let Some(first) = page.arrivals.iter().enumerate().position(doubtful) else {
            return;
        };
        let mut from_first = page.arrivals.iter().skip(first);
        let end = from_first.next().map(|arrival| arrival.end);
        if let (Some(end), true) = (
            end,
            from_first.any(|arrival| arrival.port == Port::Undeclared),
        ) {
            let text = format!("arrived again after {end:?}");
            findings.push(finding(Wrong::Doubled, effect, text));
        }
    }

    /// Whether what the goal says of one use of a step is what happened.
    fn said(&self, there: EffectId, findings: &mut Vec<Finding>) {
        let said = self.seen.used(there.step, there.item);
        for claim in self.claims(there, said) {
            if !claim.holds {
                let text = format!("{:?}, but {}", said.state, claim.otherwise);
                findings.push(finding(claim.wrong, claim.effect, text));
            }
        }
    }

    /// What must be true where a goal says this of one use of a step.
    fn claims(&self, there: EffectId, said: Use) -> Vec<Claim> {
        let back = there.back();
        let (done, undone) = ((self.page)(there), (self.page)(back));
        let claim = |holds, wrong, effect, otherwise| Claim {
            holds,
            wrong,
            effect,
            otherwise,
        };
        let lost = |holds, effect, otherwise| claim(holds, Wrong::Lost, effect, otherwise);
        let hidden = |holds, effect, otherwise| claim(holds, Wrong::HiddenDoubt, effect, otherwise);

        let was_done = lost(done.applied > 0, there, "never applied");
        let was_undone = lost(undone.applied > 0, back, "its undo was never applied");
        let not_done = hidden(done.applied == 0, there, "applied");
        let not_undone = hidden(undone.applied == 0, back, "its undo was applied");
        match said.state {
            StepStatus::Succeeded => vec![was_done, not_undone],
            StepStatus::Compensated => vec![was_done, was_undone],
            StepStatus::CompensationFailed => {
                let known = self.known(back, &undone);
                let known = hidden(known, back, "its undo may have been applied");
                vec![was_done, not_undone, known]
            }
            // The undo is in doubt where the output is known.
            StepStatus::InDoubt if said.has_output => vec![was_done],
            StepStatus::InDoubt => vec![not_undone],
            StepStatus::Failed | StepStatus::Cancelled => {
                let known = hidden(self.known(there, &done), there, "maybe applied");
                vec![not_done, not_undone, known]
            }
            StepStatus::Waiting | StepStatus::Skipped => {
                let arrived = hidden(done.arrivals.is_empty(), there, "it arrived");
                vec![not_done, not_undone, arrived]
            }
            StepStatus::Running => Vec::new(),
        }
    }

    /// Whether OmniHub could know that nothing was applied: every arrival was refused in so many words, or a person said so.
    fn known(&self, effect: EffectId, page: &Page) -> bool {
        page.arrivals
            .iter()
            .skip(self.spoken_for(effect))
            .all(was_refused)
    }

    /// How many of an effect's arrivals a person has looked into.
    fn spoken_for(&self, effect: EffectId) -> usize {
        self.settled.get(&effect).copied().unwrap_or(0)
    }
}

fn was_refused(arrival: &Arrival) -> bool {
    matches!(arrival.end, End::Answered(400..500))
}

fn finding(wrong: Wrong, effect: EffectId, text: String) -> Finding {
    Finding {
        wrong,
        goal: effect.goal,
        effect: Some(effect.to_string()),
        text,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = match self.wrong {
            Wrong::Doubled => "doubled",
            Wrong::Lost => "lost",
            Wrong::HiddenDoubt => "hidden doubt",
        };
        match &self.effect {
            Some(effect) => write!(f, "{wrong}: {effect}: {}", self.text),
            None => write!(f, "{wrong}: goal {}: {}", self.goal, self.text),
        }
    }
}
