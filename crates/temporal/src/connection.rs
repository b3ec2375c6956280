//! The connection: one a process, dialled until Temporal answers and looked after from then on.

mod hint;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use temporalio_client::tonic::{Code, Request, Status};
use temporalio_client::{
    ClientTlsOptions, Connection, ConnectionOptions, GrpcCompression, RetryOptions, TlsOptions,
};
use temporalio_common::data_converters::DataConverter;
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest;
use tokio::sync::Notify;

use crate::config::Config;
use crate::error::Error;
use crate::{attributes, codec};

/// How long dialling may take; and, by itself, the answer to a first question, which the SDK's own limit does not cover.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often Temporal is asked whether it is there, while it is and while it is not.
const ASK_EVERY: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long the answer may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// A Temporal cluster. Clones are the same connection.
#[derive(Clone)]
pub struct Temporal {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    converter: DataConverter,
    state: RwLock<State>,
    changed: Notify,
}

struct State {
    link: Option<Link>,
    /// Why Temporal cannot be used now; `None`: it can.
    trouble: Option<String>,
}

/// A connection that was made.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// The same, for calls that fail at once where they fail: whoever makes them tries again, with a pause that all share.
    pub(crate) hasty: Connection,
    /// Whether the namespace knows our attributes.
    pub(crate) searchable: bool,
}

impl Temporal {
    /// Begins to connect, and goes on trying; called in a tokio runtime.
    ///
    /// # Errors
    /// A setting that can never work; that Temporal cannot be reached is none, and is said by [`Temporal::connected`].
    pub fn connect(config: Config) -> Result<Self, Error> {
        config.check()?;
        let state = State {
            link: None,
            trouble: Some(format!("{} is being connected to", config.address)),
        };
        let temporal = Self {
            shared: Arc::new(Shared {
                converter: codec::converter(&config.keys),
                config,
                state: RwLock::new(state),
                changed: Notify::new(),
            }),
        };
        let keeper: futures_util::future::BoxFuture<'static, ()> = Box::pin(keep(temporal.clone()));
        tokio::spawn(keeper);
        Ok(temporal)
    }

    /// Whether Temporal answers.
    ///
    /// # Errors
    /// Why it does not, and what to do.
    pub fn connected(&self) -> Result<(), String> {
        let state = self
            .shared
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        state.trouble.clone().map_or(Ok(()), Err)
    }

    /// Waits until Temporal answers.
    pub async fn ready(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if self.connected().is_ok() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.shared.config
    }

    pub(crate) fn converter(&self) -> &DataConverter {
        &self.shared.converter
    }

    /// The connection, where one was made; it dials again by itself where it was cut.
    pub(crate) fn link(&self) -> Result<Link, String> {
        let state = self
            .shared
            .state
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let why = || state.trouble.clone().unwrap_or_default();
        state.link.clone().ok_or_else(why)
    }

    fn set(&self, link: Option<Link>, trouble: Option<String>) {
        let mut state = self
            .shared
            .state
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match (&state.trouble, &trouble) {
            (Some(_), None) => tracing::info!("connected to Temporal"),
            (before, Some(why)) if before.as_ref() != Some(why) => {
                tracing::warn!("Temporal cannot be used: {why}");
            }
            _ => {}
        }
        state.link = link.or(state.link.take());
        state.trouble = trouble;
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

/// Dials until it is connected, then keeps asking whether Temporal is there; ends with the process.
async fn keep(temporal: Temporal) {
    let config = temporal.config();
    let connection = loop {
        match dial(config).await {
            Ok(connection) => break connection,
            Err(why) => temporal.set(None, Some(why)),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    };
    let mut hasty = connection.clone();
    *hasty.retry_options_mut() = RetryOptions::no_retries();
    let mut searchable = None;
    loop {
        let trouble = ask(&hasty, config).await.err();
        if trouble.is_none() && searchable.is_none() {
            let known = attributes::ensure(&connection, &config.namespace);
            // Not for now; the next look asks again.
            if let Ok(known) = tokio::time::timeout(DIAL_TIMEOUT, known).await {
                searchable = Some(known.inspect_err(|why| tracing::warn!("{why}")).is_ok());
            }
        }
        let pause = match &trouble {
            None => ASK_EVERY,
            Some(_) => ASK_AGAIN,
        };
        let link = Link {
            connection: connection.clone(),
            hasty: hasty.clone(),
            searchable: searchable.unwrap_or(false),
        };
        temporal.set(Some(link), trouble);
        tokio::time::sleep(pause).await;
    }
}

async fn dial(config: &Config) -> Result<Connection, String> {
    let url = config.url().map_err(|error| error.to_string())?;
    let tls = config.tls.clone().unwrap_or_default();
    let own = tls.own.map(|own| {
        ClientTlsOptions::builder()
            .client_cert(own.chain)
            .client_private_key(own.key)
            .build()
    });
    let proves = own.is_some();
    let tls = TlsOptions::builder()
        .maybe_server_root_ca_cert(tls.ca)
        .maybe_domain(tls.server_name)
        .maybe_client_tls_options(own)
        .build();
    let options = ConnectionOptions::new(url.clone())
        .identity(config.identity.clone())
        .connect_timeout(DIAL_TIMEOUT)
        .maybe_tls_options((url.scheme() == "https").then_some(tls))
        .maybe_api_key(config.api_key.clone())
        // What is sent are ids.
        .grpc_compression(GrpcCompression::None)
        .build();
    let address = &config.address;
    match tokio::time::timeout(DIAL_TIMEOUT, Connection::connect(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => {
            let chain = chain(&error);
            let hint = hint::hint(&chain, proves);
            Err(format!("{address} cannot be connected to: {chain}{hint}"))
        }
        Err(_) => Err(format!(
            "{address} did not answer within {} s: is it the frontend of Temporal?",
            DIAL_TIMEOUT.as_secs()
        )),
    }
}

/// What is wrong, down to the first cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

/// Asks for the namespace: whether Temporal answers, and knows it.
async fn ask(connection: &Connection, config: &Config) -> Result<(), String> {
    let mut request = Request::new(DescribeNamespaceRequest {
        namespace: config.namespace.clone(),
        ..DescribeNamespaceRequest::default()
    });
    request.set_timeout(ASK_TIMEOUT);
    let mut service = connection.workflow_service();
    match tokio::time::timeout(ASK_TIMEOUT, service.describe_namespace(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(status)) => Err(explain(&status, config)),
        Err(_) => Err(format!(
            "{} does not answer within {} s",
            config.address,
            ASK_TIMEOUT.as_secs()
        )),
    }
}

/// What is wrong and what to do, where a call was refused or failed.
pub(crate) fn explain(status: &Status, config: &Config) -> String {
    let (address, namespace, said) = (&config.address, &config.namespace, status.message());
    match status.code() {
        Code::NotFound if said.contains("Namespace") => format!(
            "there is no namespace {namespace:?} at {address}: temporal operator namespace create -n {namespace}"
        ),
        Code::Unauthenticated => {
            format!("{address} does not know who this is: see temporal.api_key ({said})")
        }
        Code::PermissionDenied => {
            format!(
                "this process may not use namespace {namespace:?} of {address}: see temporal.api_key ({said})"
            )
        }
        _ => format!("{address}: {said}"),
    }
}
