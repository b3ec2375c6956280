//! Plans of submissions: where they come from, whether they can work, and the report on them.
//!
//! Without a model a plan is the caller's own or a playbook's. It is made and checked before anything is durable; what is
//! wrong is named by pointers that are rooted at the request's body (CONTRACT §2).

use api::code::Code;
use api::goals::GoalSubmission;
use api::plans::{PlanCheck, StepCheck};
use api::problem::FieldError;
use domain::goal::PlanSource;
use domain::plan::Plan;
use domain::plan::check::{CheckRequest, Checked, Parameters, check};
use domain::plan::parse::{self, PlanError};
use domain::playbook::{Match, Misfit, Reading};
use domain::schema::Problem;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::state::App;

/// A plan that may start, with what the words gave beside it.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The plan document.
    pub(crate) document: Value,
    pub(crate) source: PlanSource,
    pub(crate) playbook: Option<String>,
    /// The goal's parameters, an object.
    pub(crate) parameters: Value,
    /// What the user is told at the end, as a template.
    pub(crate) reply: Option<Value>,
}

/// A plan, good or broken, and what is known of it.
struct Draft {
    prepared: Prepared,
    plan: Plan,
    checked: Checked,
    errors: Vec<FieldError>,
}

/// Makes the plan of a submission and refuses one that cannot work.
pub(crate) fn prepare(app: &App, goal: &GoalSubmission) -> Result<Prepared, ApiError> {
    let draft = draft(app, goal)?;
    if draft.errors.is_empty() {
        return Ok(draft.prepared);
    }
    let detail = format!("the plan has {} errors", draft.errors.len());
    Err(ApiError::new(Code::PlanInvalid, detail).with_errors(draft.errors))
}

/// Reports on the plan of a submission, also where there is none or it is broken.
pub(crate) fn report(app: &App, goal: &GoalSubmission) -> PlanCheck {
    match draft(app, goal) {
        Ok(draft) => PlanCheck {
            valid: draft.errors.is_empty(),
            plan: Some(draft.prepared.document),
            plan_source: Some(draft.prepared.source),
            playbook: draft.prepared.playbook,
            parameters: draft.prepared.parameters,
            code: (!draft.errors.is_empty()).then(|| Code::PlanInvalid.as_str().to_owned()),
            errors: draft.errors,
            approvals: draft
                .checked
                .approvals
                .iter()
                .map(ToString::to_string)
                .collect(),
            steps: steps(&draft.plan, draft.checked),
        },
        Err(error) => PlanCheck {
            valid: false,
            plan: None,
            plan_source: None,
            playbook: None,
            parameters: given(goal),
            code: Some(error.code().as_str().to_owned()),
            errors: match error.errors() {
                [] => vec![FieldError::new("/user_intent", error.code().title())],
                errors => errors.to_vec(),
            },
            steps: Vec::new(),
            approvals: Vec::new(),
        },
    }
}

fn draft(app: &App, goal: &GoalSubmission) -> Result<Draft, ApiError> {
    match &goal.plan {
        Some(document) => Ok(callers(app, goal, document)),
        None => playbooks(app, goal),
    }
}

/// The caller's own plan.
fn callers(app: &App, goal: &GoalSubmission, document: &Value) -> Draft {
    let (plan, malformed) = parse::read(document);
    let prepared = Prepared {
        document: document.clone(),
        source: PlanSource::Caller,
        playbook: None,
        parameters: given(goal),
        reply: None,
    };
    let checked = checked(app, &plan, &prepared.parameters);
    // Steps that could not be read are left out, so places in a malformed plan are not places in the document.
    let errors = if malformed.is_empty() {
        &checked.errors
    } else {
        &malformed
    };
    let errors = errors.iter().map(|error| rooted("/plan", error)).collect();
    Draft {
        prepared,
        plan,
        checked,
        errors,
    }
}

/// The plan of the playbook that the words ask for.
fn playbooks(app: &App, goal: &GoalSubmission) -> Result<Draft, ApiError> {
    let found = match app.playbooks.read_words(&goal.user_intent) {
        Reading::Match(found) => found,
        Reading::Ambiguous(found) => return Err(ambiguous(&found)),
        Reading::None { nearest, misfits } => {
            let detail = if misfits.is_empty() {
                "no playbook fits these words, no plan was given, and no model is configured"
            } else {
                "a playbook has these words, but not with these values"
            };
            let near = format!(
                "nearest playbooks: {}",
                if nearest.is_empty() {
                    "none".into()
                } else {
                    nearest.join(", ")
                }
            );
            let mut errors: Vec<FieldError> = misfits.iter().flat_map(misfit).collect();
            errors.push(FieldError::new("/user_intent", near));
            return Err(ApiError::new(Code::NoPlan, detail)
                .with("nearest", nearest)
                .with_errors(errors));
        }
    };
    let beside = goal.parameters.clone().map_or(Value::Null, Value::Object);
    let merged = found.playbook.merge(&found.spoken, &beside);
    let parameters =
        merged.map_err(|problems| ApiError::invalid(problems.iter().map(parameter).collect()))?;
    let plan = found.playbook.plan.clone();
    let prepared = Prepared {
        document: serde_json::to_value(&plan).map_err(ApiError::internal)?,
        source: PlanSource::Playbook,
        playbook: Some(found.playbook.name.clone()),
        reply: found.playbook.reply.clone(),
        parameters,
    };
    let checked = checked(app, &plan, &prepared.parameters);
    let name = &found.playbook.name;
    let of_playbook = |error: &PlanError| {
        let reason = format!("playbook {name:?}, plan{}: {}", error.pointer, error.reason);
        FieldError::new("/user_intent", reason).coded(error.code)
    };
    let errors = checked.errors.iter().map(of_playbook).collect();
    Ok(Draft {
        prepared,
        plan,
        checked,
        errors,
    })
}

/// What is wrong with the values that the words give.
fn misfit(misfit: &Misfit) -> impl Iterator<Item = FieldError> {
    misfit.problems.iter().map(|problem| {
        let (name, pointer) = (&misfit.playbook, &problem.pointer);
        let reason = format!("playbook {name:?}, parameters{pointer}: {}", problem.reason);
        FieldError::new("/user_intent", reason)
    })
}

fn ambiguous(found: &[Match<'_>]) -> ApiError {
    let reading = |found: &Match<'_>| json!({ "playbook": found.playbook.name, "parameters": found.parameters });
    let readings: Vec<Value> = found.iter().map(reading).collect();
    let names: Vec<&str> = found
        .iter()
        .map(|found| found.playbook.name.as_str())
        .collect();
    let reason = format!("may mean {}", names.join(" or "));
    ApiError::new(Code::Ambiguous, "say it in other words, or give the plan")
        .with("readings", readings)
        .with_errors(vec![FieldError::new("/user_intent", reason)])
}

fn checked(app: &App, plan: &Plan, parameters: &Value) -> Checked {
    check(&CheckRequest {
        plan,
        tools: app.agent.schemas(),
        parameters: Parameters::Values(parameters),
        limits: &app.config.limits,
        secrets: &app.config.secrets,
    })
}

fn given(goal: &GoalSubmission) -> Value {
    Value::Object(goal.parameters.clone().unwrap_or_default())
}

fn rooted(root: &str, error: &PlanError) -> FieldError {
    FieldError::new(format!("{root}{}", error.pointer), error.reason.clone()).coded(error.code)
}

fn parameter(problem: &Problem) -> FieldError {
    FieldError::new(
        format!("/parameters{}", problem.pointer),
        problem.reason.clone(),
    )
}

fn steps(plan: &Plan, checked: Checked) -> Vec<StepCheck> {
    let tools = plan.steps.iter().map(|step| step.tool.clone());
    let view = |(step, tool): (domain::plan::check::StepCheck, String)| StepCheck {
        id: step.id.to_string(),
        tool,
        lane: step.lane,
        verdict: step.verdict,
        asks: step.asks,
        reason: step.reason,
        class: step.class,
        undone_by: step.undone_by,
        irreversible: step.irreversible,
    };
    checked.steps.into_iter().zip(tools).map(view).collect()
}
