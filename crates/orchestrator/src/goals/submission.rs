//! What a submission must keep to before a plan is made of it.

use api::code::Code;
use api::goals::GoalSubmission;
use api::problem::FieldError;
use domain::goal::{TAG_NAME_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX, WORDS_CHARS_MAX};
use domain::id::TraceId;
use domain::plan::reference::escape;
use jiff::{SignedDuration, Timestamp};

use crate::caller::Caller;
use crate::error::ApiError;
use crate::state::App;

/// Checks everything about a submission but its plan; returns the trace id that it states.
pub(crate) fn check(
    app: &App,
    caller: &Caller,
    goal: &GoalSubmission,
    now: Timestamp,
) -> Result<Option<TraceId>, ApiError> {
    let mut errors = Vec::new();
    if !(1..=WORDS_CHARS_MAX).contains(&goal.user_intent.chars().count()) {
        errors.push(FieldError::new(
            "/user_intent",
            format!("must have 1 to {WORDS_CHARS_MAX} characters"),
        ));
    }
    let trace = goal.trace_id.clone().map(TraceId::try_from).transpose();
    let trace = trace.unwrap_or_else(|error| {
        errors.push(FieldError::new("/trace_id", error.to_string()));
        None
    });
    check_tags(goal, &mut errors);
    check_deadline(app, goal, now, &mut errors);
    if !errors.is_empty() {
        return Err(ApiError::invalid(errors));
    }
    if goal
        .user_id
        .as_ref()
        .is_some_and(|user| user != caller.subject().as_str())
    {
        return Err(ApiError::new(
            Code::WrongUser,
            "user_id must be the token's subject",
        ));
    }
    Ok(trace)
}

fn check_tags(goal: &GoalSubmission, errors: &mut Vec<FieldError>) {
    let Some(tags) = &goal.tags else { return };
    if tags.len() > TAGS_MAX {
        errors.push(FieldError::new(
            "/tags",
            format!("must be at most {TAGS_MAX}"),
        ));
        return;
    }
    for (name, value) in tags {
        let pointer = || format!("/tags/{}", escape(name));
        if !(1..=TAG_NAME_CHARS_MAX).contains(&name.chars().count()) {
            errors.push(FieldError::new(
                pointer(),
                format!("the name must have 1 to {TAG_NAME_CHARS_MAX} characters"),
            ));
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX {
            errors.push(FieldError::new(
                pointer(),
                format!("must have at most {TAG_VALUE_CHARS_MAX} characters"),
            ));
        }
    }
}

fn check_deadline(app: &App, goal: &GoalSubmission, now: Timestamp, errors: &mut Vec<FieldError>) {
    let Some(deadline) = goal.deadline else {
        return;
    };
    let most = SignedDuration::from_secs(i64::from(app.config.limits.goal_seconds_max));
    if deadline <= now {
        errors.push(FieldError::new("/deadline", "must lie in the future"));
    } else if deadline.duration_since(now) > most {
        errors.push(FieldError::new(
            "/deadline",
            format!("must lie within {} seconds from now", most.as_secs()),
        ));
    }
}
