//! A world for tests and benchmarks: tools, plans, and goals driven by the real machine.

use std::sync::{Arc, LazyLock};

use audit::Draft;
use domain::approval::Decision;
use domain::digest::Digest;
use domain::goal::{Limits, PlanSource};
use domain::id::{GoalId, Subject, TenantId, TraceId};
use domain::outcome::Outcome;
use domain::tool::{EffectClass, Lane, ToolSpec, Toolset};
use jiff::{SignedDuration, Timestamp};
use saga::event::{Acceptance, Adoption};
use saga::input::{Ended, Person, Wish};
use saga::{Event, Input, Moment, Payload, PinnedTools, Saga};
use serde_json::{Value, json};
use store::{Append, GoalRow, Loaded, NewGoal, OPEN_GOALS_MAX, Store};

/// The tools of this world: one that just runs, one that asks first and can be undone.
static TOOLS: LazyLock<Arc<Toolset>> = LazyLock::new(|| {
    let spec = |name: &str, class, lane, undone_by: &[&str]| ToolSpec {
        name: name.to_owned(),
        description: format!("does {name}"),
        input_schema: json!({ "type": "object" }),
        output_schema: json!({ "type": "object" }),
        compensation_schema: None,
        class,
        class_rules: Vec::new(),
        lane,
        undone_by: undone_by.iter().map(|tool| (*tool).to_owned()).collect(),
        secrets_at: None,
        concurrency: 64,
        timeout_seconds: 30,
    };
    Arc::new(Toolset::from_iter([
        spec("respond", EffectClass::Read, Lane::Green, &[]),
        spec("pay", EffectClass::Idempotent, Lane::Red, &["refund"]),
        spec("refund", EffectClass::Idempotent, Lane::Yellow, &[]),
    ]))
});

pub fn tenant(name: &str) -> TenantId {
    TenantId::try_from(name.to_owned()).unwrap()
}

pub fn subject(name: &str) -> Subject {
    Subject::try_from(name.to_owned()).unwrap()
}

pub fn goal_id(trace: &str) -> GoalId {
    GoalId::from(&TraceId::try_from(trace.to_owned()).unwrap())
}

/// A plan of so many steps, one after the other.
pub fn chain_of(steps: usize) -> Value {
    let step = |place: usize| {
        let mut step = json!({ "id": format!("s{place}"), "tool": "respond",
            "input": { "message": "Your order is on its way." } });
        if place > 0 {
            step["after"] = json!([format!("s{}", place - 1)]);
        }
        step
    };
    json!({ "version": 1, "steps": (0..steps).map(step).collect::<Vec<_>>() })
}

/// A plan that asks for one approval.
pub fn asking() -> Value {
    json!({ "version": 1, "steps": [{ "id": "pay", "tool": "pay", "input": { "amount": 12 },
        "compensation": { "tool": "refund", "input": {} } }] })
}

/// A goal as its driver holds it: the machine, and what it has not appended yet.
pub struct Driven {
    pub tenant: TenantId,
    pub goal: GoalId,
    pub owner: Subject,
    pub saga: Saga,
    pub inbox_read: u64,
    /// The approval that was asked last.
    pub asked: Option<(String, Digest)>,
    /// How far the goal's clock is ahead.
    pub ahead: SignedDuration,
    appended: u64,
    events: Vec<Event>,
    evidence: Vec<Draft>,
}

impl Driven {
    /// A goal that nobody has heard of.
    pub fn new(store: &Store, tenant: &TenantId, trace: &str) -> Self {
        let goal = goal_id(trace);
        let saga = Saga::new(store.goal_key(tenant, &goal));
        let (tenant, owner) = (tenant.clone(), subject("ana"));
        Self {
            tenant,
            goal,
            owner,
            saga,
            inbox_read: 0,
            asked: None,
            ahead: SignedDuration::ZERO,
            appended: 0,
            events: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// A goal as the store has it.
    pub async fn load(store: &Store, tenant: &TenantId, trace: &str) -> Self {
        let loaded = store.load(tenant, &goal_id(trace)).await.unwrap().unwrap();
        Self::loaded(store, tenant, trace, loaded)
    }

    /// A goal that was loaded.
    pub fn loaded(store: &Store, tenant: &TenantId, trace: &str, loaded: Loaded) -> Self {
        let appended = loaded.saga.sequence();
        Self {
            saga: loaded.saga,
            appended,
            ..Self::new(store, tenant, trace)
        }
    }

    /// Whether nothing of it was appended yet.
    pub fn is_new(&self) -> bool {
        self.appended == 0
    }

    /// Accepts the goal with a plan.
    pub fn accept(&mut self, store: &Store, plan: &Value) {
        let key = store.goal_key(&self.tenant, &self.goal);
        let request = json!({ "user_intent": "refund order 1042 and tell the customer", "parameters": {},
            "tags": { "team": "support" } });
        self.input(&Input::Accept(Box::new(Acceptance {
            tenant: self.tenant.clone(),
            goal: self.goal.clone(),
            owner: self.owner.clone(),
            request: Payload::new(&key, request),
            deadline: None,
            limits: Limits::default(),
            policy_version: "lanes-1".to_owned(),
        })));
        self.input(&Input::AdoptPlan(Box::new(Adoption {
            plan: Payload::new(&key, json!({ "plan": plan })),
            tools: PinnedTools::new(Digest::from_bytes([7; 32]), TOOLS.clone()),
            source: PlanSource::Caller,
            playbook: None,
        })));
        self.settle_down();
    }

    /// Starts everything that can start.
    pub fn start(&mut self) {
        for start in self.saga.ready(self.now()) {
            self.input(&Input::Start(start));
        }
    }

    /// Lets everything in flight succeed.
    pub fn succeed(&mut self) {
        let pending: Vec<_> = self.saga.pending().collect();
        for effect in pending {
            self.input(&Input::Outcome(Ended {
                at: saga::event::StepItem {
                    step: effect.call.step.clone(),
                    item: effect.call.item,
                },
                undo: effect.undo,
                attempt: effect.call.attempt,
                result: Outcome::Succeeded {
                    output: json!({ "reply": "Your order is on its way." }),
                },
                jitter: 0,
            }));
        }
        self.settle_down();
    }

    /// Reads a wish out of the inbox.
    pub fn hear(&mut self, id: u64, person: Person) {
        self.inbox_read = id;
        self.input(&Input::Person(person));
        self.settle_down();
    }

    /// The wish that grants what was asked last.
    pub fn grant(&self) -> Person {
        let (approval, digest) = self.asked.clone().unwrap();
        let reason = Some("looks right".to_owned());
        Person {
            by: subject("boss"),
            wish: Wish::Decide {
                approval,
                digest,
                decision: Decision::Grant,
                reason,
            },
        }
    }

    /// Everything that follows from the state alone.
    fn settle_down(&mut self) {
        while self.input(&Input::Continue) {}
    }

    /// The time by the goal's clock.
    fn now(&self) -> Moment {
        Moment::at(now().at.saturating_add(self.ahead).unwrap())
    }

    pub fn input(&mut self, input: &Input) -> bool {
        let events = self.saga.decide(input, self.now());
        let some = !events.is_empty();
        for event in events {
            self.saga.apply(&event);
            if let saga::EventKind::ApprovalAsked {
                approval, digest, ..
            } = &event.kind
            {
                self.asked = Some((approval.clone(), *digest));
            }
            self.evidence
                .extend(saga::evidence::draft(&self.saga, &event));
            self.events.push(event);
        }
        some
    }

    /// What was decided since the last append, to be appended.
    pub fn append(&mut self) -> Append {
        let expected = self.appended;
        self.appended = self.saga.sequence();
        Append {
            tenant: self.tenant.clone(),
            goal: self.goal.clone(),
            expected,
            inbox_read: self.inbox_read,
            gate: 1,
            admits: false,
            starts: false,
            wakes: false,
            events: std::mem::take(&mut self.events),
            evidence: std::mem::take(&mut self.evidence),
            row: GoalRow {
                status: self.saga.status(),
                reason: self.saga.reason().map(|reason| reason.code.clone()),
                wake_at: self.saga.deadline(self.now()),
            },
            created: (expected == 0).then(|| NewGoal {
                owner: self.owner.clone(),
                idempotency: None,
                open_goals_max: OPEN_GOALS_MAX,
            }),
            notices: Vec::new(),
        }
    }
}

pub fn now() -> Moment {
    Moment::at(Timestamp::now())
}
