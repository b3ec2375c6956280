//! The two services that the travel desk depends on, each on its own port of loopback: payments, and the airline.
//!
//! They are what such services are: the payment service wants a token and honours idempotency keys, the airline refuses
//! a withdrawn flight for good. Both log every arrival before they look at its key, so that a repeat shows.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The flight that the airline has withdrawn.
pub(crate) const WITHDRAWN: &str = "OS 902";

/// The services, running.
#[derive(Debug)]
pub(crate) struct Services {
    /// The payment service.
    pub payments: Service,
    /// The airline.
    pub airline: Service,
    /// What the payment service wants in `Authorization`.
    pub token: String,
    tasks: JoinSet<()>,
}

/// One service: where it is and what it did.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Its address.
    pub address: SocketAddr,
    book: Arc<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// What `Authorization` must be; `None`: anything.
    authorization: Option<String>,
    pages: Mutex<Pages>,
}

/// What a service has written down.
#[derive(Debug, Clone, Default)]
struct Pages {
    /// Every request, as `POST /payments`, before anything else was looked at.
    arrivals: Vec<String>,
    /// What was done, once for each key.
    entries: Vec<Entry>,
    /// The first answer to each key.
    answers: BTreeMap<String, (Value, StatusCode, Value)>,
}

/// Something that a service did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// What, such as `payment` or `refund`.
    pub kind: &'static str,
    /// Its name.
    pub id: String,
    /// What was asked.
    pub body: Value,
}

impl Services {
    /// Starts both on free ports of loopback.
    ///
    /// # Errors
    /// The system gives no port.
    pub(crate) async fn start(token: String) -> Result<Self> {
        let mut tasks = JoinSet::new();
        let routes = Router::new()
            .route("/payments", post(pay))
            .route("/refunds", post(refund));
        let payments = serve(routes, Some(token.clone()), &mut tasks).await?;
        let routes = Router::new()
            .route("/confirmations", post(confirm))
            .route("/cancellations", post(cancel));
        let airline = serve(routes, None, &mut tasks).await?;
        Ok(Self {
            payments,
            airline,
            token,
            tasks,
        })
    }

    /// Stops both.
    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Service {
    /// What it did, in order.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.book.pages().entries.clone()
    }

    /// Every request that came, in order.
    pub(crate) fn arrivals(&self) -> Vec<String> {
        self.book.pages().arrivals.clone()
    }
}

impl Entry {
    /// Whether it was done for a passenger.
    pub(crate) fn is_for(&self, passenger: &str) -> bool {
        self.body
            .get("passenger")
            .is_some_and(|name| name == passenger)
    }
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request: once for each key, the first answer for every repeat.
    fn answer(
        &self,
        headers: &HeaderMap,
        body: &Value,
        act: impl FnOnce(&mut Pages) -> (StatusCode, Value),
    ) -> (StatusCode, Value) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if self
            .authorization
            .as_deref()
            .is_some_and(|wanted| text("authorization") != Some(wanted))
        {
            return (
                StatusCode::UNAUTHORIZED,
                json!({ "error": "a token is needed" }),
            );
        }
        let Some(key) = text("idempotency-key") else {
            return (
                StatusCode::BAD_REQUEST,
                json!({ "error": "Idempotency-Key is needed" }),
            );
        };
        let mut pages = self.pages();
        if let Some((first, status, answer)) = pages.answers.get(key) {
            let another = json!({ "error": "the key came with another body before" });
            return if first == body {
                (*status, answer.clone())
            } else {
                (StatusCode::UNPROCESSABLE_ENTITY, another)
            };
        }
        let (status, answer) = act(&mut pages);
        pages
            .answers
            .insert(key.to_owned(), (body.clone(), status, answer.clone()));
        (status, answer)
    }
}

impl Pages {
    fn write(&mut self, kind: &'static str, id: String, body: &Value) {
        self.entries.push(Entry {
            kind,
            id,
            body: body.clone(),
        });
    }

    fn has(&self, kind: &str, id: &Value) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.kind == kind && id == entry.id.as_str())
    }
}

async fn serve(
    routes: Router<Arc<Book>>,
    authorization: Option<String>,
    tasks: &mut JoinSet<()>,
) -> Result<Service> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let book = Arc::new(Book {
        authorization,
        ..Book::default()
    });
    let logged = axum::middleware::from_fn_with_state(Arc::clone(&book), log);
    let router = routes.layer(logged).with_state(Arc::clone(&book));
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "a service of the demo ended");
        }
    });
    Ok(Service { address, book })
}

async fn log(
    State(book): State<Arc<Book>>,
    request: Request,
    next: axum::middleware::Next,
) -> Response {
    book.pages()
        .arrivals
        .push(format!("{} {}", request.method(), request.uri().path()));
    next.run(request).await
}

async fn pay(
    State(book): State<Arc<Book>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let answer = book.answer(&headers, &body, |pages| {
        let id = format!("pay-{}", pages.entries.len() + 1);
        pages.write("payment", id.clone(), &body);
        (
            StatusCode::CREATED,
            json!({ "id": id, "amount": body.get("amount") }),
        )
    });
    respond(answer)
}

async fn refund(
    State(book): State<Arc<Book>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let answer = book.answer(&headers, &body, |pages| {
        let payment = body.get("payment").cloned().unwrap_or_default();
        if !pages.has("payment", &payment) {
            return (
                StatusCode::NOT_FOUND,
                json!({ "error": "there is no such payment" }),
            );
        }
        let id = format!("refund-{}", pages.entries.len() + 1);
        pages.write("refund", id.clone(), &body);
        (StatusCode::CREATED, json!({ "id": id, "payment": payment }))
    });
    respond(answer)
}

async fn confirm(
    State(book): State<Arc<Book>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let answer = book.answer(&headers, &body, |pages| {
        if body.get("flight").and_then(Value::as_str) == Some(WITHDRAWN) {
            return (
                StatusCode::GONE,
                json!({ "error": format!("flight {WITHDRAWN} is withdrawn") }),
            );
        }
        let reference = format!("CONF-{:04}", pages.entries.len() + 1);
        pages.write("confirmation", reference.clone(), &body);
        (StatusCode::CREATED, json!({ "reference": reference }))
    });
    respond(answer)
}

async fn cancel(
    State(book): State<Arc<Book>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let answer = book.answer(&headers, &body, |pages| {
        let reference = body.get("reference").cloned().unwrap_or_default();
        if !pages.has("confirmation", &reference) {
            return (
                StatusCode::NOT_FOUND,
                json!({ "error": "there is no such confirmation" }),
            );
        }
        pages.write("cancellation", reference.to_string(), &body);
        (StatusCode::OK, json!({ "reference": reference }))
    });
    respond(answer)
}

fn respond((status, body): (StatusCode, Value)) -> Response {
    (status, Json(body)).into_response()
}
