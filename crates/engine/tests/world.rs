//! A store in a temporary directory, an engine on it, and tools that are scripted by what they are given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::digest::Digest;
use domain::effect::Call;
use domain::goal::{GoalStatus, Limits, PlanSource};
use domain::id::{GoalId, StepId, Subject, TenantId, TraceId};
use domain::outcome::{Answer, Outcome};
use domain::tool::{EffectClass, Lane, ToolSpec, Toolset};
use engine::{Engine, EngineConfig, NewGoal, Performer};
use futures_util::future::{BoxFuture, FutureExt as _};
use saga::event::{Acceptance, Adoption};
use saga::input::{Person, Wish};
use saga::{Payload, PinnedTools, Saga};
use serde_json::{Value, json};
use store::Store;
use tokio::sync::Semaphore;

use crate::place::Place;

/// How long a test waits for what must come; reaching it is a failure, not a measurement.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Tools whose input says what they do: `{"do": "succeed" | "fail" | "block"}`.
pub(crate) struct Tools {
    pub(crate) calls: Mutex<Vec<Call>>,
    /// Effects under way of each tool, now and at most.
    pub(crate) under_way: Mutex<BTreeMap<String, (u32, u32)>>,
    /// What `block` waits for.
    pub(crate) gate: Semaphore,
}

/// The tools as the engine gets them.
struct Scripted(Arc<Tools>);

impl Performer for Scripted {
    fn perform(&self, call: Call) -> BoxFuture<'static, Outcome> {
        let tools = self.0.clone();
        async move {
            tools.enter(&call);
            let what = call.input["do"].as_str().unwrap_or("succeed").to_owned();
            let outcome = match what.as_str() {
                "fail" => Outcome::permanent("test.failed", "as scripted"),
                "panic" => panic!("as scripted"),
                "block" => {
                    tools.gate.acquire().await.unwrap().forget();
                    Outcome::Succeeded {
                        output: json!({ "did": "block" }),
                    }
                }
                other => Outcome::Succeeded {
                    output: json!({ "did": other }),
                },
            };
            tools
                .under_way
                .lock()
                .unwrap()
                .get_mut(&call.tool)
                .unwrap()
                .0 -= 1;
            outcome
        }
        .boxed()
    }

    /// `say`: its first attempt may fail.
    fn at_once(&self, call: &Call) -> Option<Outcome> {
        if call.tool != "say" {
            return None;
        }
        self.0.calls.lock().unwrap().push(call.clone());
        let fails = call.input["do"] == "fail once" && call.attempt == 1;
        Some(match fails {
            true => Outcome::transient("test.failed", "as scripted"),
            false => Outcome::Succeeded { output: json!({}) },
        })
    }

    fn ask(&self, _: Call) -> BoxFuture<'static, Answer> {
        async { Answer::DidNotHappen }.boxed()
    }
}

impl Tools {
    fn enter(&self, call: &Call) {
        self.calls.lock().unwrap().push(call.clone());
        let mut under_way = self.under_way.lock().unwrap();
        let (now, most) = under_way.entry(call.tool.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
    }

    /// The steps that were called, in order, undo marked by `-`.
    pub(crate) fn called(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let name = |call: &Call| match call.undoes {
            Some(_) => format!("-{}", call.step),
            None => call.step.to_string(),
        };
        calls.iter().map(name).collect()
    }
}

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) tools: Arc<Tools>,
    /// Where goals are driven by Temporal: the connection, and this process' worker.
    pub(crate) cluster: Option<temporal::Temporal>,
    worker: Option<temporal::Worker>,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::try_from("acme".to_owned()).unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::try_from(name.to_owned()).unwrap()
}

/// Settings under which nothing that was missed is found by a look at all open goals: tests are to see it missed.
pub(crate) fn unswept() -> EngineConfig {
    EngineConfig {
        sweep_every: Duration::from_secs(3_600),
        ..EngineConfig::default()
    }
}

pub(crate) fn goal(name: &str) -> GoalId {
    GoalId::from(&TraceId::try_from(name.to_owned()).unwrap())
}

impl World {
    pub(crate) async fn new(place: Place) -> Self {
        Self::with(place, unswept()).await
    }

    pub(crate) async fn with(place: Place, config: EngineConfig) -> Self {
        // What the engine says, where RUST_LOG asks for it; the first of the process counts.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        drop(
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_test_writer()
                .try_init(),
        );
        let store = place.location().open().await.unwrap();
        let gate = Semaphore::new(0);
        let tools = Arc::new(Tools {
            calls: Mutex::default(),
            under_way: Mutex::default(),
            gate,
        });
        let performer: Arc<dyn Performer> = Arc::new(Scripted(tools.clone()));
        let (mut cluster, mut worker) = (None, None);
        let engine = match place.cluster(&store) {
            None => {
                let engine = Engine::start(store.clone(), performer, config);
                engine.await.unwrap()
            }
            Some(config_of) => {
                let temporal = temporal::Temporal::connect(config_of).unwrap();
                let port = (Arc::new(temporal.clone()) as Arc<dyn engine::Port>, true);
                let engine = Engine::start_with(store.clone(), performer, config, port).await;
                worker = Some(temporal.work(engine.clone()));
                cluster = Some(temporal);
                engine
            }
        };
        Self {
            place,
            store,
            engine,
            tools,
            cluster,
            worker,
        }
    }

    /// Takes and answers from now on, and drives nothing any more.
    pub(crate) async fn leave_driving_to_others(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop(PATIENCE).await;
        }
    }

    /// Drives again.
    pub(crate) fn drive_again(&mut self) {
        let cluster = self.cluster.as_ref().unwrap();
        self.worker = Some(cluster.work(self.engine.clone()));
    }

    /// How many of the SDK's workers this process has had.
    pub(crate) fn workers(&self) -> u64 {
        self.worker.as_ref().unwrap().runs()
    }

    /// The workflow of a goal, as Temporal has it.
    pub(crate) async fn workflow(&self, name: &str) -> temporal::Workflow {
        let cluster = self.cluster.as_ref().unwrap();
        cluster.workflow(&tenant(), &goal(name)).await.unwrap()
    }

    /// Ends the process' work as a crash would, as far as one process can, and starts again on the same directory.
    pub(crate) async fn crash(self) -> Self {
        let Self {
            place,
            store,
            engine,
            tools,
            worker,
            ..
        } = self;
        engine.drain(Duration::ZERO).await;
        if let Some(worker) = worker {
            worker.stop(PATIENCE).await;
        }
        drop((engine, tools));
        // The writer ends with the last clone of the store, which tasks that were cut off may still hold for a moment.
        drop(store);
        for _ in 0..1_000 {
            if place.location().open().await.map(drop).is_ok() {
                break;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self::with(place, unswept()).await
    }

    pub(crate) async fn submit(&self, name: &str, steps: Value) -> GoalStatus {
        self.try_submit(name, steps).await.unwrap()
    }

    pub(crate) async fn try_submit(
        &self,
        name: &str,
        steps: Value,
    ) -> Result<GoalStatus, engine::AcceptError> {
        Ok(self.accept(name, steps).await?.status)
    }

    pub(crate) async fn accept(
        &self,
        name: &str,
        steps: Value,
    ) -> Result<engine::Accepted, engine::AcceptError> {
        self.engine.accept(self.new_goal(name, steps)).await
    }

    pub(crate) fn new_goal(&self, name: &str, steps: Value) -> NewGoal {
        let (tenant, goal) = (tenant(), goal(name));
        let key = self.store.secret().goal_key(&tenant, &goal);
        let tools = Arc::new(toolset());
        let bytes = serde_json::to_vec(&*tools).unwrap();
        let digest = self.store.secret().digest(&[b"tools", &bytes]);
        let request = Payload::new(&key, json!({ "user_intent": "a test", "parameters": {} }));
        let plan = Payload::new(&key, json!({ "plan": { "version": 1, "steps": steps } }));
        let owner = subject("owner");
        NewGoal {
            acceptance: Acceptance {
                tenant,
                goal,
                owner: owner.clone(),
                request,
                deadline: None,
                limits: Limits::default(),
                policy_version: "test".into(),
            },
            adoption: Adoption {
                plan,
                tools: PinnedTools::new(digest, tools),
                source: PlanSource::Caller,
                playbook: None,
            },
            created: store::NewGoal {
                owner,
                idempotency: None,
                open_goals_max: 1_000_000,
            },
        }
    }

    pub(crate) async fn saga(&self, name: &str) -> Saga {
        self.store
            .load(&tenant(), &goal(name))
            .await
            .unwrap()
            .unwrap()
            .saga
    }

    pub(crate) async fn status(&self, name: &str) -> GoalStatus {
        self.saga(name).await.status()
    }

    /// Waits until the goal's journal satisfies a condition.
    pub(crate) async fn until(&self, name: &str, what: impl Fn(&Saga) -> bool) -> Saga {
        let mut committed = self.store.watch(&tenant(), &goal(name)).await.unwrap();
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let saga = self.saga(name).await;
                if what(&saga) {
                    return saga;
                }
                committed.changed().await.unwrap();
            }
        });
        match waited.await {
            Ok(saga) => saga,
            Err(_) => panic!("{name} is {:?}", self.saga(name).await.status()),
        }
    }

    pub(crate) async fn until_status(&self, name: &str, status: GoalStatus) -> Saga {
        self.until(name, |saga| saga.status() == status).await
    }

    /// Waits until a condition on the engine holds.
    pub(crate) async fn until_engine(&self, what: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !what(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        waited
            .await
            .unwrap_or_else(|_| panic!("engine is {:?}", self.engine.health()));
    }

    pub(crate) async fn wish(&self, name: &str, wish: Wish) {
        let person = Person {
            by: subject("operator"),
            wish,
        };
        let granted = |_: &store::Loaded| Ok::<_, std::convert::Infallible>(());
        self.engine
            .wish(&tenant(), &goal(name), person, granted)
            .await
            .unwrap();
    }

    /// The digest of the only approval that is open.
    pub(crate) async fn open_approval(&self, name: &str, step: &str) -> (String, Digest) {
        let saga = self.saga(name).await;
        let step = StepId::try_from(step.to_owned()).unwrap();
        let asked = saga.step_state(step.as_str()).unwrap().items()[0]
            .approval
            .clone()
            .unwrap();
        (asked.id, asked.digest)
    }
}

fn toolset() -> Toolset {
    let tool = |name: &str, class, lane| ToolSpec {
        name: name.into(),
        description: "a tool of the tests".into(),
        input_schema: json!({}),
        output_schema: json!({}),
        class,
        class_rules: Vec::new(),
        lane,
        undone_by: vec!["act".into()],
        secrets_at: None,
        compensation_schema: None,
        concurrency: 4,
        timeout_seconds: 30,
    };
    [
        tool("act", EffectClass::Idempotent, Lane::Yellow),
        tool("once", EffectClass::AtMostOnce, Lane::Yellow),
        tool("risky", EffectClass::Idempotent, Lane::Red),
        tool("say", EffectClass::Read, Lane::Green),
        tool("wait", EffectClass::Read, Lane::Green),
    ]
    .into_iter()
    .collect()
}
