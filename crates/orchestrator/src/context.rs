//! What every request has: an id, a trace, a peer; and the one place where answers get their last touch.
//!
//! `x-request-id` is taken where it is well formed, else made; W3C `traceparent` is continued. Errors are written out
//! here, because only here their trace is known.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::error::{ApiError, Refusal};
use crate::server::Peer;
use crate::state::App;

/// The header that names a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// One request's names.
#[derive(Debug, Clone)]
pub(crate) struct Context(Arc<Names>);

#[derive(Debug)]
struct Names {
    request_id: String,
    trace_id: String,
    peer: Option<IpAddr>,
}

impl Context {
    fn of(headers: &HeaderMap, peer: Option<IpAddr>) -> Self {
        let made = Uuid::now_v7();
        let request_id = headers
            .get(REQUEST_ID)
            .and_then(taken)
            .unwrap_or_else(|| made.to_string());
        let trace_id = headers
            .get("traceparent")
            .and_then(trace_id)
            .unwrap_or_else(|| made.simple().to_string());
        Self(Arc::new(Names {
            request_id,
            trace_id,
            peer,
        }))
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.0.request_id
    }

    pub(crate) fn trace_id(&self) -> &str {
        &self.0.trace_id
    }

    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.0.peer
    }
}

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let context = parts.extensions.get::<Self>().cloned();
        context.ok_or_else(|| ApiError::internal("a route stands outside the request context"))
    }
}

fn taken(value: &HeaderValue) -> Option<String> {
    let text = value
        .to_str()
        .ok()
        .filter(|text| (1..=REQUEST_ID_BYTES_MAX).contains(&text.len()))?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    text.bytes().all(fits).then(|| text.to_owned())
}

/// The trace id of a `traceparent` (W3C Trace Context §3.2.2); a malformed one is as none.
fn trace_id(value: &HeaderValue) -> Option<String> {
    let mut fields = value.to_str().ok()?.split('-');
    let (version, trace, parent, flags) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let hex = |text: &str, digits: usize| {
        text.len() == digits
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let shaped = hex(version, 2) && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    let more = version == "00" && fields.next().is_some();
    (shaped && version != "ff" && !zero(trace) && !zero(parent) && !more).then(|| trace.to_owned())
}

/// Wraps every route: names the request, counts it, and writes its error out.
pub(crate) async fn around(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let peer = request.extensions().get::<Peer>().copied();
    let context = Context::of(request.headers(), peer.map(|peer| peer.address));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route_name = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    request.extensions_mut().insert(context.clone());
    let span = tracing::info_span!(
        "request",
        request_id = context.request_id(),
        trace_id = context.trace_id(),
        %method,
        route = route_name,
    );
    let answer = async {
        let answer = if peer.is_some_and(|peer| peer.ambiguous) {
            ApiError::ambiguous_framing().into_response()
        } else {
            next.run(request).await
        };
        finish(answer, &context, &method)
    };
    let answer = answer.instrument(span).await;
    app.figures
        .request(&method, route_name, answer.status(), begun.elapsed());
    answer
}

fn finish(mut answer: Response, context: &Context, method: &Method) -> Response {
    if let Some(refusal) = answer.extensions_mut().remove::<Refusal>() {
        answer = refusal.answer(context.trace_id());
    }
    if let Ok(value) = HeaderValue::from_str(context.request_id()) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    if method == Method::CONNECT {
        // Nothing is tunnelled here; what follows on the connection would be read as a tunnel's bytes.
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_traceparent_is_as_none() {
        let read = |text: &str| trace_id(&HeaderValue::from_str(text).unwrap());
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(good).unwrap(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_a_well_formed_request_id_is_taken() {
        let read = |text: &'static str| taken(&HeaderValue::from_static(text));
        assert_eq!(read("a.B_c:9-"), Some("a.B_c:9-".to_owned()));
        for bad in ["", "a b", "a/b", "a\"b", "<script>"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let long = "a".repeat(129);
        assert_eq!(taken(&HeaderValue::from_str(&long).unwrap()), None);
    }
}
