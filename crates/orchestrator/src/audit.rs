//! The tenant's evidence: looked up, and exported so that it can be verified elsewhere.

use ::audit::{Action, Draft};
use api::audit::AuditQuery;
use api::code::Code;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use serde_json::value::RawValue;
use store::{Chain, EntryFilter, Export};

use crate::body::{next_cursor, page_of};
use crate::caller::Caller;
use crate::context::Context;
use crate::error::ApiError;
use crate::state::App;

/// Lists entries as their canonical text, newest first.
pub(crate) async fn list(
    app: &App,
    caller: &Caller,
    query: AuditQuery,
) -> Result<api::list::Page<Box<RawValue>>, ApiError> {
    let page = page_of(query.limit, query.cursor.as_deref())?;
    let filter = EntryFilter {
        from: query.from,
        to: query.to,
        actor_id: query.actor_id,
        action: query.action,
        resource_id: query.resource_id,
        correlation_id: query.correlation_id,
    };
    let listed = app
        .store
        .entries(&caller.principal.tenant, filter, page)
        .await?;
    let items: Result<Vec<_>, _> = listed
        .items
        .into_iter()
        .map(RawValue::from_string)
        .collect();
    let items = items.map_err(ApiError::internal)?;
    Ok(api::list::Page {
        items,
        next_cursor: listed.next.map(next_cursor),
    })
}

/// Shows one entry as its canonical text.
pub(crate) async fn show(app: &App, caller: &Caller, id: &str) -> Result<String, ApiError> {
    let entry = app.store.entry(&caller.principal.tenant, id).await?;
    entry.ok_or_else(|| ApiError::new(Code::EntryNotFound, "the tenant has no such entry"))
}

/// Begins an export; that it was made is its own last entry.
pub(crate) async fn export(
    app: &App,
    caller: &Caller,
    context: &Context,
) -> Result<Body, ApiError> {
    let tenant = &caller.principal.tenant;
    let evidence = Draft::new(
        Action::AUDIT_EXPORTED,
        caller.subject().as_str(),
        "tenant",
        tenant.as_str(),
    )
    .correlated(context.request_id());
    let export = app
        .store
        .export(&Chain::Tenant(tenant.clone()), vec![evidence])
        .await?;
    Ok(Body::from_stream(stream::unfold(Some(export), piece)))
}

/// The next piece of an export. Where a row cannot be read the answer is cut, so that nobody takes it for whole.
async fn piece(export: Option<Export>) -> Option<(Result<Bytes, store::Error>, Option<Export>)> {
    let mut export = export?;
    match export.next().await {
        Ok(Some(lines)) => Some((Ok(lines.into()), Some(export))),
        Ok(None) => None,
        Err(error) => {
            tracing::error!(%error, "export cut short");
            Some((Err(error), None))
        }
    }
}
