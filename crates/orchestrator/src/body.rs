//! Taking requests apart: bodies within their bounds, queries and path segments as types.

use std::time::Duration;

use api::code::Code;
use api::list::{LIMIT_DEFAULT, LIMIT_MAX, Page, PageQuery};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Largest body, in bytes (CONTRACT §2).
pub(crate) const BODY_BYTES_MAX: usize = 1_024 * 1_024;
/// Longest wait for a whole body (CONTRACT §2).
pub(crate) const BODY_WITHIN: Duration = Duration::from_secs(30);

/// Longest reason that a person may give, in characters.
pub(crate) const REASON_CHARS_MAX: usize = 1_024;

/// How long a body may take; put into requests by tests that cannot wait as long as a real server does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyWithin(pub(crate) Duration);

/// The bytes of a JSON body, within their bounds.
#[derive(Debug)]
pub(crate) struct JsonBytes(pub(crate) Bytes);

/// A JSON body as its type, strictly read.
#[derive(Debug)]
pub(crate) struct Strict<T>(pub(crate) T);

/// A query as its type.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

/// The variable segments of a path.
#[derive(Debug)]
pub(crate) struct Segments<T>(pub(crate) T);

/// A value as a JSON answer.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = ApiError;
    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts) {
            return Err(ApiError::new(
                Code::MediaType,
                "send Content-Type: application/json",
            ));
        }
        let too_large = || {
            ApiError::new(
                Code::BodyTooLarge,
                format!("a body has at most {BODY_BYTES_MAX} bytes"),
            )
            .closing()
        };
        let stated = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if stated.is_some_and(|stated| stated > BODY_BYTES_MAX) {
            return Err(too_large());
        }
        let within = parts
            .extensions
            .get::<BodyWithin>()
            .map_or(BODY_WITHIN, |within| within.0);
        match tokio::time::timeout(within, Limited::new(body, BODY_BYTES_MAX).collect()).await {
            Ok(Ok(collected)) => Ok(Self(collected.to_bytes())),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => {
                Err(ApiError::new(Code::BodyBroken, "the body ended before it was whole").closing())
            }
            Err(_) => Err(ApiError::new(
                Code::Timeout,
                format!("a body must arrive within {within:?}"),
            )
            .closing()),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Strict<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        Ok(Self(api::strict::read(&bytes)?))
    }
}

/// `application/json`, with no parameter but an UTF-8 `charset`.
fn is_json(parts: &Parts) -> bool {
    let mut stated = parts.headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (stated.next(), stated.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut pieces = text.split(';').map(str::trim);
    let json = pieces
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && pieces.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !name.eq_ignore_ascii_case("charset")
            || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(ApiError::new(Code::Query, rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, state).await;
        let path = path.map_err(|_| ApiError::new(Code::PathUnknown, "the path is not UTF-8"))?;
        Ok(Self(path.0))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

/// Which page a query asks the store for.
pub(crate) fn page_of(
    limit: Option<u32>,
    cursor_text: Option<&str>,
) -> Result<store::Page, ApiError> {
    Ok(store::Page {
        limit: limit_of(limit)?,
        before: cursor(cursor_text)?,
    })
}

/// How many items a query asks for.
pub(crate) fn limit_of(limit: Option<u32>) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::new(
        Code::Query,
        format!("limit must be 1 to {LIMIT_MAX}"),
    ))
}

/// The place that a cursor of ours names.
pub(crate) fn cursor(text: Option<&str>) -> Result<Option<u64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let place = text
        .parse()
        .ok()
        .filter(|place: &u64| place.to_string() == text);
    place.map(Some).ok_or_else(|| {
        ApiError::new(
            Code::Query,
            "cursor must be the next_cursor of an earlier page",
        )
    })
}

/// A place as a cursor.
pub(crate) fn next_cursor(place: u64) -> String {
    place.to_string()
}

/// Checks a person's reason, where there is one.
pub(crate) fn check_reason(pointer: &str, reason: Option<&String>) -> Result<(), ApiError> {
    let fits = reason.is_none_or(|reason| (1..=REASON_CHARS_MAX).contains(&reason.chars().count()));
    if fits {
        Ok(())
    } else {
        Err(ApiError::field(
            pointer,
            format!("must have 1 to {REASON_CHARS_MAX} characters"),
        ))
    }
}

/// A page of things that lie in memory in the order of their names; the cursor is a name.
pub(crate) fn by_name<'a, T: 'a, V>(
    things: impl Iterator<Item = &'a T>,
    name: impl Fn(&T) -> &str,
    view: impl Fn(&'a T) -> V,
    query: &PageQuery,
) -> Result<Page<V>, ApiError> {
    let limit = usize::try_from(limit_of(query.limit)?).unwrap_or(usize::MAX);
    let after = query.cursor.as_deref();
    let mut following = things
        .filter(|thing| after.is_none_or(|after| name(thing) > after))
        .peekable();
    let page: Vec<&T> = following.by_ref().take(limit).collect();
    let last = page.last().filter(|_| following.peek().is_some());
    let next_cursor = last.map(|thing| name(thing).to_owned());
    Ok(Page {
        items: page.into_iter().map(view).collect(),
        next_cursor,
    })
}
