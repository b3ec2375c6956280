//! A goal on a stage: the machine, its journal and a clock, and short ways to tell it things.

use std::sync::{Arc, OnceLock};

use domain::digest::{Digest, GoalKey, InstallationSecret};
use domain::goal::{Limits, PlanSource};
use domain::id::{GoalId, StepId, Subject, TenantId};
use domain::outcome::{Answer, Outcome};
use domain::tool::{ClassMatch, ClassRule, EffectClass, Lane, ToolSpec, Toolset};
use jiff::{SignedDuration, Timestamp};
use saga::event::{Acceptance, Adoption, StepItem};
use saga::input::{Ended, Person, Start, Wish};
use saga::{Event, Input, Moment, Payload, PinnedTools, Saga};
use serde_json::{Value, json};

/// Half of the backoff's ceiling: 500 ms after the first attempt.
pub(crate) const JITTER: u32 = 1 << 31;
/// Seconds during which a repeat of `lend` is safe.
pub(crate) const WINDOW_SECONDS: i64 = 5;

/// One goal, what happened to it, and what time it is.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) saga: Saga,
    pub(crate) journal: Vec<Event>,
    pub(crate) now: Moment,
}

impl Scene {
    /// A goal to which nothing has happened.
    pub(crate) fn new() -> Self {
        let now = Moment::at(Timestamp::from_second(1_800_000_000).unwrap());
        Self {
            saga: Saga::new(key()),
            journal: Vec::new(),
            now,
        }
    }

    /// A goal that was accepted.
    pub(crate) fn accepted() -> Self {
        let mut scene = Self::new();
        scene.tell(&Input::Accept(Box::new(acceptance())));
        scene
    }

    /// A goal that has begun to follow a plan.
    pub(crate) fn of(plan: &Value) -> Self {
        let mut scene = Self::accepted();
        scene.give(&Input::AdoptPlan(Box::new(adoption(plan))));
        scene
    }

    /// Decides and applies one input.
    pub(crate) fn tell(&mut self, input: &Input) -> usize {
        let events = self.saga.decide(input, self.now);
        for event in &events {
            self.saga.apply(event);
        }
        let count = events.len();
        self.journal.extend(events);
        count
    }

    /// Tells an input, then what follows until nothing does.
    pub(crate) fn give(&mut self, input: &Input) -> usize {
        let told = self.tell(input);
        while self.tell(&Input::Continue) > 0 {}
        told
    }

    /// Starts an attempt and leaves it in flight.
    pub(crate) fn start(mut self, step: &str, undo: bool) -> Self {
        let told = self.give(&start(step, undo));
        assert_eq!(told, 1, "{step} starts: {:?}", self.saga.ready(self.now));
        self
    }

    /// Ends the newest attempt of a step.
    pub(crate) fn ends(mut self, step: &str, undo: bool, outcome: Outcome) -> Self {
        let told = self.give(&ended(step, undo, self.attempt(step, undo), outcome));
        assert!(told > 0, "the outcome of {step} counts");
        self
    }

    /// Starts an attempt and ends it.
    pub(crate) fn runs(self, step: &str, undo: bool, outcome: Outcome) -> Self {
        self.start(step, undo).ends(step, undo, outcome)
    }

    /// Wishes, which must be granted.
    pub(crate) fn wishes(mut self, wish: Wish) -> Self {
        assert_eq!(self.saga.refusal(&wish), None);
        self.give(&Input::Person(person(wish)));
        self
    }

    /// Gives an input and what follows from it.
    pub(crate) fn given(mut self, input: &Input) -> Self {
        self.give(input);
        self
    }

    /// Lets time pass.
    pub(crate) fn pass(mut self, millis: i64) -> Self {
        self.now.at = self
            .now
            .at
            .saturating_add(SignedDuration::from_millis(millis))
            .unwrap();
        self
    }

    /// The newest attempt of a step, 0 where there is none.
    pub(crate) fn attempt(&self, step: &str, undo: bool) -> u32 {
        let item = self.saga.step_state(step).map(|state| &state.items()[0]);
        item.map_or(0, |item| {
            if undo {
                item.back.attempt
            } else {
                item.forth.attempt
            }
        })
    }

    /// The state as recovery builds it: every event applied to a new goal.
    pub(crate) fn replayed(&self) -> Saga {
        let mut saga = Saga::new(key());
        self.journal.iter().for_each(|event| saga.apply(event));
        saga
    }
}

pub(crate) fn start(step: &str, undo: bool) -> Input {
    Input::Start(Start {
        at: at(step),
        undo,
        tool: String::new(),
    })
}

pub(crate) fn ended(step: &str, undo: bool, attempt: u32, result: Outcome) -> Input {
    Input::Outcome(Ended {
        at: at(step),
        undo,
        attempt,
        result,
        jitter: JITTER,
    })
}

pub(crate) fn answered(step: &str, undo: bool, attempt: u32, result: Answer) -> Input {
    Input::Answer(Ended {
        at: at(step),
        undo,
        attempt,
        result,
        jitter: JITTER,
    })
}

pub(crate) fn person(wish: Wish) -> Person {
    Person {
        by: subject("olga"),
        wish,
    }
}

pub(crate) fn at(step: &str) -> StepItem {
    StepItem {
        step: StepId::try_from(step.to_owned()).unwrap(),
        item: None,
    }
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::try_from(name.to_owned()).unwrap()
}

pub(crate) fn succeeded() -> Outcome {
    Outcome::Succeeded {
        output: json!({ "id": "x-1" }),
    }
}

pub(crate) fn acceptance() -> Acceptance {
    Acceptance {
        tenant: TenantId::try_from("acme".to_owned()).unwrap(),
        goal: GoalId::try_from("goal-1".to_owned()).unwrap(),
        owner: subject("ana"),
        request: Payload::new(
            &key(),
            json!({ "user_intent": "do it", "parameters": { "amount": 5 } }),
        ),
        deadline: None,
        limits: Limits {
            goal_seconds_max: 3_600,
            approval_seconds: 600,
            ..Limits::default()
        },
        policy_version: "lanes-1".into(),
    }
}

pub(crate) fn adoption(plan: &Value) -> Adoption {
    Adoption {
        plan: Payload::new(&key(), json!({ "plan": plan })),
        tools: tools(),
        source: PlanSource::Caller,
        playbook: None,
    }
}

/// The key of the goal on the stage.
pub(crate) fn key() -> GoalKey {
    static KEY: OnceLock<GoalKey> = OnceLock::new();
    let make = || {
        let tenant = TenantId::try_from("acme".to_owned()).unwrap();
        let goal = GoalId::try_from("goal-1".to_owned()).unwrap();
        InstallationSecret::new([7; 32]).goal_key(&tenant, &goal)
    };
    KEY.get_or_init(make).clone()
}

/// A tool of each effect class, one that asks, one that is safe to repeat for a while, and the machine's own.
pub(crate) fn tools() -> PinnedTools {
    static TOOLS: OnceLock<Arc<Toolset>> = OnceLock::new();
    let tools = TOOLS.get_or_init(|| {
        let mut lend = tool("lend", EffectClass::AtMostOnce, Lane::Yellow);
        lend.class_rules.push(ClassRule {
            pointer: "/to".into(),
            matches: ClassMatch::Text("known".into()),
            class: EffectClass::Idempotent,
            window_seconds: u64::try_from(WINDOW_SECONDS).ok(),
        });
        let tools = [
            tool("look", EffectClass::Read, Lane::Green),
            tool("put", EffectClass::Idempotent, Lane::Yellow),
            tool("book", EffectClass::Reconcilable, Lane::Yellow),
            tool("send", EffectClass::AtMostOnce, Lane::Yellow),
            tool("sign", EffectClass::Idempotent, Lane::Red),
            tool("wait", EffectClass::Read, Lane::Green),
            tool("respond_to_user", EffectClass::Read, Lane::Green),
            lend,
        ];
        Arc::new(tools.into_iter().collect())
    });
    PinnedTools::new(Digest::from_bytes([1; 32]), tools.clone())
}

fn tool(name: &str, class: EffectClass, lane: Lane) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: String::new(),
        input_schema: json!({}),
        compensation_schema: None,
        output_schema: json!({}),
        class,
        class_rules: Vec::new(),
        lane,
        undone_by: ["put", "book", "send"].map(str::to_owned).into(),
        secrets_at: None,
        concurrency: 8,
        timeout_seconds: 30,
    }
}
