//! A whole house in a temporary folder: store, engine, service; tools whose outcomes a test may script.

mod answer;
mod hands;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent::email::EmailConfig;
use agent::outbound::OutboundConfig;
use agent::{Agent, AgentConfig};
use axum::Router;
use axum::body::Body;
use domain::goal::Limits;
use domain::playbook::{Playbook, Playbooks};
use domain::principal::{Principal, Role};
use engine::{Engine, EngineConfig};
use http::Request;
use jiff::Timestamp;
use orchestrator::auth::{AuthConfig, DevelopmentIssuer};
use orchestrator::{AgentPerformer, Orchestrator, OrchestratorConfig, Parts};
use serde_json::{Value, json};
use store::{PostgresConfig, Store, StoreConfig};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

pub(crate) use self::answer::{Answer, mask};
pub(crate) use self::hands::Hands;

/// Longest wait for something that is about to happen.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A service with everything below it.
pub(crate) struct House {
    pub(crate) service: Orchestrator,
    pub(crate) store: Store,
    pub(crate) engine: Engine,
    pub(crate) hands: Arc<Hands>,
    pub(crate) issuer: DevelopmentIssuer,
    pub(crate) router: Router,
    /// What the service does beside its requests.
    attending: JoinSet<()>,
    dir: TempDir,
    /// The database that holds the facts; `None`: they are in the folder.
    database: Option<String>,
}

/// How a house is set up.
pub(crate) struct Plot {
    pub(crate) auth: AuthConfig,
    pub(crate) limits: Limits,
    pub(crate) open_goals_max: u64,
    pub(crate) reserve_mb: u64,
    pub(crate) playbooks: Vec<&'static str>,
}

impl Default for Plot {
    fn default() -> Self {
        Self {
            auth: AuthConfig::default(),
            limits: Limits::default(),
            open_goals_max: 1_000,
            reserve_mb: 0,
            playbooks: vec![
                include_str!("playbooks/greet.yaml"),
                include_str!("playbooks/mail.yaml"),
            ],
        }
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::of(Plot::default()).await
    }

    pub(crate) async fn of(plot: Plot) -> Self {
        let dir = TempDir::new().unwrap();
        Self::at(plot, dir, database()).await
    }

    /// Stops everything and opens the same folder again.
    pub(crate) async fn reopen(self, plot: Plot) -> Self {
        assert!(self.engine.drain(SOON).await);
        let Self {
            service,
            store,
            engine,
            hands,
            router,
            dir,
            database,
            issuer,
            attending,
        } = self;
        drop(attending);
        drop((service, engine, hands, router, issuer));
        drop(store);
        Self::at(plot, dir, database).await
    }

    async fn at(plot: Plot, dir: TempDir, database: Option<String>) -> Self {
        let store = match &database {
            None => open_store(&dir, plot.reserve_mb).await,
            Some(url) => {
                let config = PostgresConfig::new(dir.path().join("data"), url);
                Store::connect(config).await.unwrap()
            }
        };
        let agent =
            Arc::new(Agent::open(agent_config(dir.path().join("outbox"), &plot.limits)).unwrap());
        let hands = Arc::new(Hands::new(AgentPerformer::new(Arc::clone(&agent))));
        let engine = Engine::start(
            store.clone(),
            Arc::clone(&hands) as _,
            EngineConfig::default(),
        )
        .await
        .unwrap();
        let issuer = DevelopmentIssuer::open_or_create(store.dir()).unwrap();
        let read = |text: &&str| Playbook::read("test.yaml", text).unwrap();
        let playbooks = Playbooks::new(plot.playbooks.iter().map(read).collect()).unwrap();
        let config = OrchestratorConfig {
            auth: plot.auth,
            limits: plot.limits,
            open_goals_max: plot.open_goals_max,
            secrets: BTreeSet::new(),
            accepts: true,
            metrics: true,
            drain: SOON,
        };
        let parts = Parts {
            store: store.clone(),
            engine: engine.clone(),
            agent,
            playbooks,
            development: Some(issuer.clone()),
        };
        let service = Orchestrator::new(config, parts).unwrap();
        let router = service.router();
        let mut attending = JoinSet::new();
        let attendant = service.clone();
        attending.spawn(async move { attendant.attend().await });
        Self {
            service,
            store,
            engine,
            hands,
            issuer,
            router,
            attending,
            dir,
            database,
        }
    }

    pub(crate) fn token(&self, subject: &str, tenant: &str, role: Role) -> String {
        let hour = Duration::from_secs(3_600);
        self.issuer
            .mint(&principal(subject, tenant, role), hour, Timestamp::now())
    }

    /// Somebody of the tenant `acme`.
    pub(crate) fn who(&self, subject: &str, role: Role) -> String {
        self.token(subject, "acme", role)
    }

    /// Ana, who is nobody special.
    pub(crate) fn ana(&self) -> String {
        self.who("ana", Role::Authenticated)
    }

    /// Olaf, who operates.
    pub(crate) fn olaf(&self) -> String {
        self.who("olaf", Role::Operator)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(request("GET", path, token).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(with_json("POST", path, token, &body.to_string()))
            .await
    }

    pub(crate) async fn put(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(with_json("PUT", path, token, &body.to_string()))
            .await
    }

    /// Submits a goal with a plan of these steps; returns its id.
    pub(crate) async fn submit(&self, token: &str, trace: &str, steps: Value) -> String {
        let body = json!({ "user_intent": "do it", "trace_id": trace, "plan": { "steps": steps } });
        let answer = self.post(token, "/api/v1/goals", body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()["workflowId"].as_str().unwrap().to_owned()
    }

    /// Waits until a goal ends or needs a person, and shows it.
    pub(crate) async fn settled(&self, token: &str, goal: &str) -> Value {
        let request =
            request("GET", &format!("/api/v1/goals/{goal}"), token).header("prefer", "wait=20");
        let answer = self.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(
            answer.headers.contains_key("preference-applied"),
            "the goal did not settle: {}",
            answer.text
        );
        answer.json()
    }

    /// Waits until a goal stands where it should, and shows it.
    pub(crate) async fn until(&self, token: &str, goal: &str, status: &str) -> Value {
        let (tenant, id) = (
            "acme".to_owned().try_into().unwrap(),
            goal.to_owned().try_into().unwrap(),
        );
        let mut news = self.store.watch(&tenant, &id).await.unwrap();
        let wait = async {
            loop {
                news.borrow_and_update();
                let goal = self
                    .get(token, &format!("/api/v1/goals/{goal}"))
                    .await
                    .json();
                if goal["status"] == status {
                    return goal;
                }
                news.changed().await.unwrap();
            }
        };
        tokio::time::timeout(SOON, wait)
            .await
            .unwrap_or_else(|_| panic!("{goal} never was {status}"))
    }

    /// The one approval that a goal waits for.
    pub(crate) async fn approval(&self, token: &str, goal: &str) -> Value {
        self.until(token, goal, "waiting").await;
        let page = self
            .get(token, "/api/v1/approvals?status=pending")
            .await
            .json();
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .find(|item| item["workflowId"] == goal)
            .expect("the goal asks")
            .clone()
    }
}

/// Somebody.
pub(crate) fn principal(subject: &str, tenant: &str, role: Role) -> Principal {
    Principal {
        tenant: tenant.to_owned().try_into().unwrap(),
        subject: subject.to_owned().try_into().unwrap(),
        role,
    }
}

/// Whether the tests run on Postgres. What is about the disk of SQLite has nothing to say there, and a clock that jumps
/// makes connections late.
pub(crate) fn on_postgres() -> bool {
    std::env::var_os("TESTS_ON_POSTGRES").is_some()
}

/// An empty database of a real PostgreSQL, where the tests are to run on one.
fn database() -> Option<String> {
    if !on_postgres() {
        return None;
    }
    let server = servers::or_skip(servers::Postgres::shared())?;
    Some(server.database().unwrap())
}

/// Opens the store as soon as whoever held it has let it go.
async fn open_store(dir: &TempDir, reserve_mb: u64) -> Store {
    let config = StoreConfig {
        reserve_mb,
        ..StoreConfig::new(dir.path().join("data"))
    };
    let opened = async {
        loop {
            match Store::open(config.clone()) {
                Err(store::Error::InUse { .. }) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    };
    tokio::time::timeout(SOON, opened)
        .await
        .expect("the store is let go")
}

fn agent_config(outbox_dir: PathBuf, limits: &Limits) -> AgentConfig {
    AgentConfig {
        databases: std::collections::BTreeMap::new(),
        email: EmailConfig::default(),
        outbound: OutboundConfig {
            allow: vec!["127.0.0.1".into()],
            ..OutboundConfig::default()
        },
        secrets: std::collections::BTreeMap::new(),
        outbox_dir,
        output_bytes_max: limits.output_bytes_max,
    }
}

/// Begins a request by somebody.
pub(crate) fn request(method: &str, path: &str, token: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
}

/// A request with a JSON body.
pub(crate) fn with_json(method: &str, path: &str, token: &str, body: &str) -> Request<Body> {
    request(method, path, token)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// A step that only says something.
pub(crate) fn says(id: &str, after: &[&str]) -> Value {
    json!({ "id": id, "tool": "respond_to_user", "input": { "message": format!("{id} says hello") }, "after": after })
}

/// A step whose outcome the test may script; at most once unless it is undone by another.
pub(crate) fn calls(id: &str, after: &[&str]) -> Value {
    json!({
        "id": id, "tool": "call_webhook", "after": after,
        "input": { "url": "http://127.0.0.1:9/never", "method": "POST", "payload": { "step": id } },
        "compensation": {
            "tool": "call_webhook",
            "input": { "url": "http://127.0.0.1:9/never", "method": "DELETE", "payload": { "undo": id } },
        },
    })
}
