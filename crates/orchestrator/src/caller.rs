//! Who a request comes from: the one extractor that every route with a right stands behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use api::code::Code;
use axum::extract::FromRequestParts;
use domain::id::Subject;
use domain::principal::Principal;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jiff::Timestamp;

use crate::context::Context;
use crate::error::ApiError;
use crate::state::App;

/// A verified caller.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// When its token expires.
    pub(crate) expires: Timestamp,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let context = Context::from_request_parts(parts, app).await?;
        let token = bearer(&parts.headers)?;
        let verified = app.auth.verify(token, Timestamp::now()).map_err(|denied| {
            tracing::debug!(
                reason = denied.reason,
                issuer = denied.issuer,
                "token refused"
            );
            if denied.good {
                return ApiError::new(
                    Code::NoTenant,
                    "the token names no tenant, and its issuer has no default",
                );
            }
            app.figures.logins_failed.fetch_add(1, Ordering::Relaxed);
            app.failed_logins
                .count(&denied, context.peer(), context.request_id());
            ApiError::unauthenticated(Code::TokenInvalid)
        })?;
        Ok(Self {
            principal: verified.principal,
            expires: verified.expires,
        })
    }
}

/// The one bearer token of a request (RFC 6750 §2.1); from nowhere else.
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let mut stated = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = stated.next() else {
        return Err(ApiError::unauthenticated(Code::AuthRequired));
    };
    let text = value.to_str().ok().filter(|_| stated.next().is_none());
    let token = text
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty());
    token.ok_or_else(|| ApiError::unauthenticated(Code::TokenInvalid))
}

impl Caller {
    pub(crate) fn subject(&self) -> &Subject {
        &self.principal.subject
    }

    /// Only operators and admins go on.
    pub(crate) fn must_operate(&self) -> Result<(), ApiError> {
        allowed(self.principal.role.operates(), "the role operator or admin")
    }

    /// Only auditors and admins go on.
    pub(crate) fn must_audit(&self) -> Result<(), ApiError> {
        allowed(self.principal.role.audits(), "the role auditor or admin")
    }

    /// Only admins go on.
    pub(crate) fn must_administer(&self) -> Result<(), ApiError> {
        allowed(
            self.principal.role == domain::principal::Role::Admin,
            "the role admin",
        )
    }

    /// Whether goals of this owner are there for the caller at all.
    pub(crate) fn sees(&self, owner: &Subject) -> bool {
        self.principal.role.sees_all_goals() || *owner == self.principal.subject
    }
}

fn allowed(may: bool, needed: &str) -> Result<(), ApiError> {
    if may {
        Ok(())
    } else {
        Err(ApiError::forbidden(needed))
    }
}
