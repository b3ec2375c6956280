//! Every input that a goal can be given, addressed to the step that a situation is about.

use domain::approval::Decision;
use domain::digest::Digest;
use domain::outcome::{Answer, FailureKind, Outcome, Proof, ToolError};
use saga::Input;
use saga::event::Settlement;
use saga::input::Wish;
use serde_json::json;

use super::situations::{SUBJECT, Situation};
use crate::scene::{JITTER, acceptance, adoption, answered, at, ended, person, start, succeeded};

/// An input and what the table calls it.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) input: Input,
}

/// Every input, for one situation.
pub(crate) fn inputs(situation: &Situation) -> Vec<Named> {
    let named = |name: &str, input: Input| Named {
        name: name.to_owned(),
        input,
    };
    let mut all = vec![
        named("accept", Input::Accept(Box::new(acceptance()))),
        named(
            "adopt",
            Input::AdoptPlan(Box::new(adoption(&situation.plan))),
        ),
        named("continue", Input::Continue),
        named("start", start(SUBJECT, false)),
        named("start undo", start(SUBJECT, true)),
        named("start undo of the first", start("first", true)),
        named("recover", Input::Recover { jitter: JITTER }),
        named("tick", Input::Tick),
    ];
    for undo in [false, true] {
        all.extend(endings(situation, undo));
    }
    all.extend(
        wishes(situation)
            .into_iter()
            .map(|(name, wish)| named(name, Input::Person(person(wish)))),
    );
    all
}

/// Ends of the newest attempt, of the one before, and of one that was never made.
fn endings(situation: &Situation, undo: bool) -> Vec<Named> {
    let newest = situation.scene.attempt(SUBJECT, undo);
    let direction = if undo { "undo " } else { "" };
    let mut all = Vec::new();
    let mut add = |name: String, input: Input| all.push(Named { name, input });
    for (name, outcome) in outcomes() {
        add(
            format!("{direction}{name}"),
            ended(SUBJECT, undo, newest, outcome.clone()),
        );
        if newest > 1 {
            add(
                format!("{direction}{name}, attempt before"),
                ended(SUBJECT, undo, newest - 1, outcome),
            );
        }
    }
    for (name, answer) in answers() {
        add(
            format!("{direction}{name}"),
            answered(SUBJECT, undo, newest, answer),
        );
    }
    add(
        format!("{direction}succeeded, attempt to come"),
        ended(SUBJECT, undo, newest + 1, succeeded()),
    );
    all
}

fn outcomes() -> [(&'static str, Outcome); 5] {
    let error = ToolError::new("row.refused", "no");
    [
        ("succeeded", succeeded()),
        ("transient", Outcome::transient("http.busy", "later")),
        ("permanent", Outcome::permanent("http.refused", "no")),
        (
            "permanent for the key",
            Outcome::Failed {
                kind: FailureKind::Permanent,
                proof: Proof::Key,
                error,
            },
        ),
        ("unknown", Outcome::unknown("http.cut", "cut off")),
    ]
}

fn answers() -> [(&'static str, Answer); 3] {
    [
        (
            "answer happened",
            Answer::Happened {
                output: json!({ "id": "x-1" }),
            },
        ),
        ("answer did not happen", Answer::DidNotHappen),
        (
            "answer unknown",
            Answer::Unknown {
                error: ToolError::new("http.cut", "cut off"),
            },
        ),
    ]
}

fn wishes(situation: &Situation) -> Vec<(&'static str, Wish)> {
    let item = situation
        .scene
        .saga
        .step_state(SUBJECT)
        .map(|state| &state.items()[0]);
    let asked = item.and_then(|item| item.approval.as_ref());
    let approval = asked.map_or_else(|| "apr-none".to_owned(), |asked| asked.id.clone());
    let wrong = Digest::from_bytes([0; 32]);
    let digest = asked.map_or(wrong, |asked| asked.digest);
    let decide = |digest, decision| Wish::Decide {
        approval: approval.clone(),
        digest,
        decision,
        reason: None,
    };
    let settle = |result| Wish::Settle {
        at: at(SUBJECT),
        result,
        output: None,
        reason: Some("looked".into()),
    };
    vec![
        ("pause", Wish::PauseGoal),
        ("resume", Wish::ResumeGoal),
        ("cancel", Wish::CancelGoal { emergency: false }),
        (
            "cancel in an emergency",
            Wish::CancelGoal { emergency: true },
        ),
        ("retry", Wish::RetryGoal),
        ("grant", decide(digest, Decision::Grant)),
        ("refuse", decide(digest, Decision::Refuse)),
        ("grant of another digest", decide(wrong, Decision::Grant)),
        ("settle happened", settle(Settlement::Happened)),
        ("settle did not happen", settle(Settlement::DidNotHappen)),
        ("settle undone", settle(Settlement::Undone)),
        ("settle try again", settle(Settlement::TryAgain)),
    ]
}
