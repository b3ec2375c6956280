//! A goal as people read it: where it stands, what its steps did, what the user is told.

use anyhow::Result;
use api::goals::GoalView;
use api::steps::{StepView, Work};
use domain::tool::Lane;
use jiff::Timestamp;

use crate::context::Context;
use crate::output::{Output, safe};

/// Shows a goal.
pub(super) async fn run(context: &Context, id: &str, wait: Option<u32>) -> Result<()> {
    let goal = context.client()?.goal(id, wait).await?;
    print(context, &goal)
}

/// Prints a goal.
pub(super) fn print(context: &Context, goal: &GoalView) -> Result<()> {
    let output = context.output;
    if output.is_json() {
        return Ok(output.json(goal)?);
    }
    let reason = goal
        .reason
        .as_ref()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    output.line(format!(
        "{}  {}{reason}",
        goal.workflow_id,
        output.status(goal.status)
    ))?;
    fact(
        output,
        "words",
        goal.user_intent.as_deref().unwrap_or("(erased)"),
    )?;
    fact(output, "by", &goal.user_id)?;
    let made_by = goal
        .playbook
        .as_ref()
        .map(|playbook| format!("playbook {playbook}"));
    if let Some(made_by) = made_by.or_else(|| {
        goal.plan_source
            .map(|source| format!("{source:?}").to_lowercase())
    }) {
        fact(output, "plan", &made_by)?;
    }
    fact(output, "created", &when(goal.created_at))?;
    if let Some(finished) = goal.finished_at {
        let took = finished.duration_since(goal.created_at).as_millis();
        fact(
            output,
            "finished",
            &format!("{} (after {took} ms)", when(finished)),
        )?;
    }
    if goal.compensation.of > 0 {
        fact(
            output,
            "undone",
            &format!("{} of {}", goal.compensation.done, goal.compensation.of),
        )?;
    }
    if let Some(reply) = &goal.reply {
        fact(output, "reply", reply)?;
    }
    output.line("")?;
    let rows = goal.steps.iter().map(row).collect();
    Ok(output.table(
        ["step", "tool", "lane", "state", "tries", "what"],
        rows,
        "no steps yet",
    )?)
}

fn fact(output: Output, name: &str, value: &str) -> Result<()> {
    Ok(output.line(format!("  {name:<9}{}", safe(value)))?)
}

fn row(step: &StepView) -> [String; 6] {
    let Work {
        state,
        attempts,
        error,
        ..
    } = &step.work;
    let state = serde_json::to_value(state)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default();
    let what = match error {
        Some(error) => format!(
            "{}: {}",
            error.code,
            error.message.as_deref().unwrap_or("(erased)")
        ),
        None => step.summary.clone(),
    };
    let lane = step.lane.map_or("", lane).to_owned();
    [
        step.id.clone(),
        step.tool.clone(),
        lane,
        state,
        attempts.to_string(),
        what,
    ]
}

/// A lane's name.
pub(super) fn lane(lane: Lane) -> &'static str {
    match lane {
        Lane::Green => "green",
        Lane::Yellow => "yellow",
        Lane::Red => "red",
        Lane::Blocked => "blocked",
    }
}

/// A time to the second, in UTC.
pub(super) fn when(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
