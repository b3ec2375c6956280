//! The only place where errors become problem+json (RFC 9457). Internal text goes to the log and never leaves.

use std::sync::Arc;

use api::code::Code;
use api::problem::{FieldError, MEDIA_TYPE, Problem};
use api::strict::Refused;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use engine::AcceptError;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use store::AppendError;

/// Why a request is not granted.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Refusal>);

/// An error on its way to where it is written out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    code: Code,
    problem: Problem,
    headers: HeaderMap,
    /// What happened inside; for the log alone.
    cause: Option<Arc<str>>,
}

impl ApiError {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let problem = Problem::new(code, detail);
        Self(Box::new(Refusal {
            code,
            problem,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// We failed, in a way that nobody outside can mend.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, "the request failed on our side").because(cause)
    }

    /// Fields of the body are wrong.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self::new(Code::Invalid, "the body has wrong or unknown fields").with_errors(errors)
    }

    /// One field of the body is wrong.
    pub(crate) fn field(pointer: &str, reason: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(pointer, reason)])
    }

    /// The role does not allow it.
    pub(crate) fn forbidden(needed: &str) -> Self {
        Self::new(Code::Forbidden, format!("this needs {needed}"))
    }

    /// The token is missing or not good; which of its parts is wrong is not told.
    pub(crate) fn unauthenticated(code: Code) -> Self {
        let (detail, challenge) = match code {
            Code::AuthRequired => (
                "send Authorization: Bearer TOKEN",
                "Bearer realm=\"omnihub\"",
            ),
            _ => (
                "the token is not accepted",
                "Bearer realm=\"omnihub\", error=\"invalid_token\"",
            ),
        };
        Self::new(code, detail).header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// The request's length is stated in two ways.
    pub(crate) fn ambiguous_framing() -> Self {
        Self::new(
            Code::Framing,
            "Content-Length and Transfer-Encoding exclude each other",
        )
        .closing()
    }

    /// The path has no such method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(Code::MethodNotAllowed, "see the Allow header")
    }

    /// The caller may try again after so many seconds.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The connection is of no more use.
    pub(crate) fn closing(self) -> Self {
        self.header(CONNECTION, HeaderValue::from_static("close"))
    }

    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.problem.errors = errors;
        self
    }

    /// Adds a member that belongs to the code.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.problem.more.insert(name.to_owned(), value.into());
        self
    }

    /// What happened inside, for the log.
    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string().into());
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// The wrong places that it names.
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.0.problem.errors
    }
}

impl Refusal {
    /// The answer. Here, where it is handled, a failure of ours is logged once.
    pub(crate) fn answer(mut self, trace_id: &str) -> Response {
        trace_id.clone_into(&mut self.problem.trace_id);
        let code = self.code.as_str();
        if let Some(cause) = &self.cause {
            tracing::error!(code, cause = &**cause, "request failed");
        }
        let status =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut answer = (status, body).into_response();
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        self.headers
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer.headers_mut().extend(self.headers);
        answer
    }
}

impl IntoResponse for ApiError {
    /// An answer without a body; [`crate::context::around`] writes the problem once it knows the trace.
    fn into_response(self) -> Response {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() =
            StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        answer.extensions_mut().insert(*self.0);
        answer
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotJson(reason) => Self::new(Code::NotJson, reason),
            Refused::DuplicateKey(pointer) => Self::new(
                Code::DuplicateKey,
                format!("the key at {pointer:?} is repeated"),
            )
            .with_errors(vec![FieldError::new(pointer, "repeated key")]),
            Refused::TooDeep => Self::new(Code::TooDeep, Refused::TooDeep.to_string()),
            Refused::Fields(errors) => Self::invalid(errors),
        }
    }
}

impl From<saga::Refusal> for ApiError {
    fn from(refusal: saga::Refusal) -> Self {
        use saga::Refusal as R;
        let code = match refusal {
            R::Ended => Code::GoalEnded,
            R::Unwinding => Code::GoalUnwinding,
            R::Stuck => Code::GoalStuck,
            R::NotStuck => Code::GoalNotStuck,
            R::ApprovalClosed => Code::ApprovalClosed,
            R::ApprovalDecided => Code::AlreadyDecided,
            R::WrongDigest => Code::DigestMismatch,
            R::NotInDoubt => Code::NotInDoubt,
            R::ResultDoesNotFit => Code::ResultDoesNotFit,
            R::RepeatUnsafe => Code::RepeatUnsafe,
        };
        Self::new(code, refusal.to_string())
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match &error {
            store::Error::NoSpace => no_space(),
            store::Error::Damaged(damage) => Self::new(
                Code::Damaged,
                "a row that this needs is not what was written",
            )
            .because(damage),
            // Either way another process answers soon.
            store::Error::Closed | store::Error::Restored => {
                Self::new(Code::Unavailable, "the server is going down").retry_after(5)
            }
            store::Error::Unreachable(reason) => {
                tracing::error!(reason, "the database cannot be reached");
                Self::new(Code::Unavailable, "the database does not answer").retry_after(5)
            }
            _ => Self::internal(chain(&error)),
        }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::TooManyOpen(most) => {
                let detail = format!("{most} goals of the tenant are open, which is the limit");
                Self::new(Code::TooManyOpen, detail).retry_after(30)
            }
            AppendError::NoSpace => no_space(),
            AppendError::Store(error) => error.into(),
            AppendError::NotFound
            | AppendError::Conflict { .. }
            | AppendError::Inbox
            | AppendError::Gate
            | AppendError::AlreadyStarted(_)
            | AppendError::Replay(_)
            | AppendError::KeyReused => Self::internal(error),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Store(error) => error.into(),
            AcceptError::Engine(engine::Error::Store(error)) => error.into(),
            AcceptError::Engine(engine::Error::Busy) => Self::new(
                Code::Overload,
                "too many goals of the tenant wait for their turn",
            )
            .retry_after(1),
            AcceptError::Engine(engine::Error::Draining) => {
                Self::new(Code::Unavailable, "the server is going down").retry_after(5)
            }
            AcceptError::Engine(engine::Error::Cancelling(_)) => Self::new(
                Code::EmergencyCancel,
                "an administrator has stopped new goals",
            )
            .retry_after(60),
            AcceptError::Engine(
                error @ (engine::Error::Contended { .. }
                | engine::Error::Append(_)
                | engine::Error::Elsewhere(_)
                | engine::Error::Missing(_)),
            ) => Self::internal(chain(&error)),
        }
    }
}

fn no_space() -> ApiError {
    ApiError::new(
        Code::NoSpace,
        "too little disk space is free for anything new",
    )
    .retry_after(60)
}

/// An error with its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| {
        format!("{text}: {source}")
    })
}

/// Keeps the `Allow` header that the router has set beside the problem.
pub(crate) fn keep_allow(allow: Option<HeaderValue>, error: ApiError) -> ApiError {
    match allow {
        Some(allow) => error.header(ALLOW, allow),
        None => error,
    }
}
