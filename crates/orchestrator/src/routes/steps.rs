//! `/api/v1/goals/{id}/steps/{step}`.

use std::sync::Arc;

use api::code::Code;
use api::goals::Wished;
use api::problem::FieldError;
use api::steps::{Settle, SettleResult};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::id::StepId;
use domain::schema::Schema;
use http::StatusCode;
use saga::Saga;
use saga::event::{Settlement, StepItem};
use saga::input::Wish;
use saga::step::WorkPhase;
use serde_json::{Value, json};
use store::Loaded;

use crate::body::{Json, Segments, Strict, check_reason};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::goals;
use crate::state::App;

/// Most items named where none of them was: enough to go on with.
const ITEMS_NAMED_MAX: usize = 10;

/// Ends a doubt or a stuck undo.
#[utoipa::path(
    post, path = "/api/v1/goals/{id}/steps/{step}/settle", tag = "goals", request_body = Settle,
    params(("id" = String, Path, description = "The workflowId"), ("step" = String, Path, description = "The step's id")),
    responses((status = 202, description = "Durable; the goal then goes on", body = Wished)),
)]
pub(crate) async fn settle(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, step)): Segments<(String, String)>,
    Strict(body): Strict<Settle>,
) -> Result<Response, ApiError> {
    caller.must_operate()?;
    let goal = goals::id(id)?;
    check_reason("/reason", Some(&body.reason))?;
    let step = StepId::try_from(step).map_err(|_| no_step())?;
    let loaded = goals::load(&app, &caller, &goal).await?;
    check_output(&loaded.saga, &step, &body)?;
    let result = match body.result {
        SettleResult::Happened => Settlement::Happened,
        SettleResult::DidNotHappen => Settlement::DidNotHappen,
        SettleResult::Undone => Settlement::Undone,
        SettleResult::TryAgain => Settlement::TryAgain,
    };
    let at = StepItem {
        step: step.clone(),
        item: body.item,
    };
    let wish = Wish::Settle {
        at,
        result,
        output: body.output,
        reason: Some(body.reason),
    };
    let wished = goals::post(&app, &caller, (&goal, wish), |_| Ok(())).await;
    let wished = wished.map_err(|error| naming_items(error, &loaded, &step))?;
    Ok((StatusCode::ACCEPTED, Json(wished)).into_response())
}

/// Checks the output against what the goal pinned as the tool's output schema.
fn check_output(saga: &Saga, step: &StepId, body: &Settle) -> Result<(), ApiError> {
    let planned = saga.plan_step(step.as_str()).ok_or_else(no_step)?;
    if body.output.is_some() && body.result != SettleResult::Happened {
        return Err(ApiError::field(
            "/output",
            "only what happened has an output",
        ));
    }
    let Some(output) = output(saga, step, body) else {
        return Ok(());
    };
    let spec = saga.tools().and_then(|tools| tools.get(&planned.tool));
    let spec = spec.ok_or_else(|| ApiError::internal("the goal's tools are not there"))?;
    let schema = Schema::compile(&spec.output_schema).map_err(ApiError::internal)?;
    let unstated = match body.output {
        Some(_) => "",
        None => "say what it answered: ",
    };
    let rooted = |problem: &domain::schema::Problem| {
        FieldError::new(
            format!("/output{}", problem.pointer),
            format!("{unstated}{}", problem.reason),
        )
    };
    let errors: Vec<FieldError> = schema.errors(&output).iter().map(rooted).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::invalid(errors))
    }
}

/// What later steps and the undo will find as the output; `None`: nothing is given to them.
fn output(saga: &Saga, step: &StepId, body: &Settle) -> Option<Value> {
    if body.output.is_some() || body.result != SettleResult::Happened {
        return body.output.clone();
    }
    let state = saga.step_state(step.as_str())?;
    let place = usize::try_from(body.item.unwrap_or(0)).ok()?;
    let item = state.items().get(place)?;
    // An undo that happened answers nobody; of an effect the machine takes {} for what is not said.
    let of_effect = matches!(item.forth.phase, WorkPhase::Doubt { .. });
    (of_effect && state.fans_out() == body.item.is_some()).then(|| json!({}))
}

/// Says of a fan-out in which no such item is in doubt which items are.
fn naming_items(error: ApiError, loaded: &Loaded, step: &StepId) -> ApiError {
    let state = loaded.saga.step_state(step.as_str());
    let Some(state) = state.filter(|state| state.fans_out() && error.code() == Code::NotInDoubt)
    else {
        return error;
    };
    let is_open = |item: &u32| {
        let at = StepItem {
            step: step.clone(),
            item: Some(*item),
        };
        let is_this =
            |wish: &Wish| matches!(wish, Wish::Settle { at: settled, .. } if *settled == at);
        let waits = loaded.inbox.iter().any(|(_, person)| is_this(&person.wish));
        // What has been made good by other means fits whatever can be settled.
        let wish = Wish::Settle {
            at,
            result: Settlement::Undone,
            output: None,
            reason: None,
        };
        !waits && loaded.saga.refusal(&wish).is_none()
    };
    let open = (0..).take(state.items().len()).filter(is_open);
    let open = open.take(ITEMS_NAMED_MAX).map(|item| item.to_string());
    let open: Vec<String> = open.collect();
    if open.is_empty() {
        return error;
    }
    let reason = format!(
        "items of this step that can be settled: {}",
        open.join(", ")
    );
    error.with_errors(vec![FieldError::new("/item", reason)])
}

fn no_step() -> ApiError {
    ApiError::new(Code::StepNotFound, "the goal's plan has no such step")
}
