//! Approvals: the questions people are asked about exact effects, and their answers.

use api::approvals::{ApprovalQuery, ApprovalView, DecisionBody};
use api::code::Code;
use api::list::Page;
use domain::approval::ApprovalStatus;
use domain::digest::Digest;
use jiff::{SignedDuration, Timestamp};
use saga::Moment;
use saga::event::AskReason;
use saga::input::Wish;
use serde_json::{Value, json};
use store::{Approval, ApprovalFilter, Loaded};

use crate::body::{check_reason, next_cursor, page_of};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::goals;
use crate::state::App;

/// Lists approvals that the caller may see, newest first.
pub(crate) async fn list(
    app: &App,
    caller: &Caller,
    query: &ApprovalQuery,
) -> Result<Page<ApprovalView>, ApiError> {
    let page = page_of(query.limit, query.cursor.as_deref())?;
    let status = query.status.as_deref().map(status).transpose()?;
    let goal_owner = (!caller.principal.role.sees_all_goals()).then(|| caller.subject().clone());
    let filter = ApprovalFilter {
        status,
        goal: None,
        goal_owner,
    };
    let listed = app
        .store
        .approvals(&caller.principal.tenant, filter, page)
        .await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for approval in &listed.items {
        items.push(shown(app, caller, approval).await?);
    }
    Ok(Page {
        items,
        next_cursor: listed.next.map(next_cursor),
    })
}

/// Shows an approval.
pub(crate) async fn show(app: &App, caller: &Caller, id: &str) -> Result<ApprovalView, ApiError> {
    let approval = find(app, caller, id).await?;
    shown(app, caller, &approval).await
}

/// Records a decision.
pub(crate) async fn decide(
    app: &App,
    caller: &Caller,
    id: &str,
    body: DecisionBody,
) -> Result<ApprovalView, ApiError> {
    let approval = find(app, caller, id).await?;
    // Before the role: to an owner no role would be of use.
    if approval.goal_owner == *caller.subject() {
        return Err(ApiError::new(
            Code::OwnGoal,
            "somebody else must decide what your own goal asks",
        ));
    }
    caller.must_operate()?;
    check_reason("/reason", body.reason.as_ref())?;
    let digest = Digest::try_from(body.digest)
        .map_err(|error| ApiError::field("/digest", error.to_string()))?;
    let wish = Wish::Decide {
        approval: approval.id.clone(),
        digest,
        decision: body.decision,
        reason: body.reason,
    };
    match goals::post(app, caller, (&approval.goal, wish), |_| Ok(())).await {
        Ok(_) => show(app, caller, id).await,
        // A goal that is over has nothing left to decide, whatever it was asked.
        Err(error) if error.code() == Code::GoalEnded => Err(closed()),
        Err(error) => Err(error),
    }
}

fn closed() -> ApiError {
    ApiError::new(Code::ApprovalClosed, "the goal is over or is being undone")
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Approval, ApiError> {
    let approval = app.store.approval(&caller.principal.tenant, id).await?;
    let approval = approval.filter(|approval| caller.sees(&approval.goal_owner));
    approval.ok_or_else(|| {
        ApiError::new(
            Code::ApprovalNotFound,
            "the tenant has no such approval, or it is not yours to see",
        )
    })
}

fn status(name: &str) -> Result<ApprovalStatus, ApiError> {
    use ApprovalStatus as S;
    let all = [S::Pending, S::Granted, S::Refused, S::Expired, S::Closed];
    let found = all.into_iter().find(|status| status.as_str() == name);
    found.ok_or_else(|| {
        let names = all.map(ApprovalStatus::as_str).join(", ");
        ApiError::new(Code::Query, format!("status must be one of {names}"))
    })
}

/// Shows an approval with what only its goal knows: the exact arguments, and what would undo the effect.
async fn shown(app: &App, caller: &Caller, approval: &Approval) -> Result<ApprovalView, ApiError> {
    let tenant = &caller.principal.tenant;
    let loaded = app
        .store
        .load(tenant, &approval.goal)
        .await?
        .ok_or_else(goals::not_found)?;
    let now = Timestamp::now();
    let held = app
        .store
        .gate()
        .held_total(tenant, &approval.goal, loaded.created_at, now);
    Ok(view(approval, &loaded, Moment::held(now, held)))
}

fn view(approval: &Approval, loaded: &Loaded, now: Moment) -> ApprovalView {
    let step = loaded.saga.plan_step(approval.at.step.as_str());
    let place = approval
        .at
        .item
        .map_or(0, |item| usize::try_from(item).unwrap_or(usize::MAX));
    let state = loaded.saga.step_state(approval.at.step.as_str());
    let asked = state.and_then(|state| state.items().get(place)?.approval.as_ref());
    let asked = asked.filter(|asked| asked.id == approval.id);
    let undo = step.and_then(|step| step.compensation.as_ref());
    let stated = SignedDuration::from_secs(i64::from(approval.expires_in_seconds));
    let expires_at = loaded.saga.approval_expires(&approval.id, now);
    ApprovalView {
        id: approval.id.clone(),
        workflow_id: approval.goal.to_string(),
        step: approval.at.step.to_string(),
        item: approval.at.item,
        tool: step.map(|step| step.tool.clone()).unwrap_or_default(),
        arguments: asked.map(|asked| Value::clone(&asked.input)),
        labels: Vec::new(),
        digest: approval.digest.to_string(),
        reason: match approval.reason {
            AskReason::Lane => "lane".to_owned(),
            AskReason::Step => "step".to_owned(),
        },
        undone_by: undo.map(|undo| json!({ "tool": undo.tool, "input": undo.input })),
        requested_at: approval.requested.at,
        expires_at: expires_at.unwrap_or_else(|| {
            approval
                .requested
                .at
                .saturating_add(stated)
                .unwrap_or(Timestamp::MAX)
        }),
        status: approval.status,
        decided_by: approval.decided_by.as_ref().map(ToString::to_string),
        decided_at: approval.decided_at,
    }
}
