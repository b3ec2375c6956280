//! `/api/v1/plans`.

use std::sync::Arc;

use api::goals::GoalSubmission;
use api::plans::PlanCheck;
use axum::extract::State;
use jiff::Timestamp;

use crate::body::{Json, Strict};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::goals::submission;
use crate::plans;
use crate::state::App;

/// Checks a plan or an intent without starting anything.
#[utoipa::path(
    post, path = "/api/v1/plans/check", tag = "plans", request_body = GoalSubmission,
    responses((status = 200, description = "Plan, verdicts, approvals needed and errors, also where the plan is broken", body = PlanCheck)),
)]
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Strict(body): Strict<GoalSubmission>,
) -> Result<Json<PlanCheck>, ApiError> {
    submission::check(&app, &caller, &body, Timestamp::now())?;
    Ok(Json(plans::report(&app, &body)))
}
