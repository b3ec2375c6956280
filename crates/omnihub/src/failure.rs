//! How the process ends: exit codes, and errors told to people and to programs.

use std::process::ExitCode;

use anyhow::Result;
use api::client::ClientError;
use api::problem::Problem;
use serde_json::{Value, json};

use crate::config::problem::Problems;
use crate::output::Output;

/// Refused by the system, or failed.
const REFUSED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// The server is not reachable.
const UNREACHABLE: u8 = 3;

/// A command line that cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

/// A command that did its work and found that something is not as it should be; its output has said what.
#[derive(Debug, thiserror::Error)]
#[error("not as it should be")]
pub(crate) struct Told;

/// How a command ends that judged something and told what it found. What is wrong stays wrong where nobody heard it out.
///
/// # Errors
/// It is not as it should be, or could not be told.
pub(crate) fn judged(good: bool, told: Result<()>) -> Result<()> {
    match (good, told) {
        (true, told) => told,
        (false, Ok(())) => Err(Told.into()),
        (false, Err(error)) => Err(unheard(error)),
    }
}

/// What kept a command from telling something that nobody may take for good.
pub(crate) fn unheard(error: anyhow::Error) -> anyhow::Error {
    if is_closed_pipe(&error) {
        return Told.into();
    }
    error
}

/// Whether standard output was closed: whoever reads it has heard enough.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Tells an error and returns the exit code that belongs to it.
pub(crate) fn tell(error: &anyhow::Error, output: &Output) -> ExitCode {
    if error.downcast_ref::<Told>().is_some() {
        return ExitCode::from(REFUSED);
    }
    let code = code(error);
    if output.is_json() {
        // The exit code says that it failed; what stands here says why, even to a closed pipe.
        drop(output.json(&json!({ "error": as_json(error) })));
    }
    eprintln!("{}", as_text(error));
    ExitCode::from(code)
}

fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Usage>().is_some() {
        return USAGE;
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Address(_)) => USAGE,
        Some(error) if error.is_unreachable() => UNREACHABLE,
        _ => REFUSED,
    }
}

fn as_text(error: &anyhow::Error) -> String {
    if let Some(problems) = error.downcast_ref::<Problems>() {
        return problems
            .0
            .iter()
            .map(|problem| format!("error: {problem}"))
            .collect::<Vec<_>>()
            .join("\n");
    }
    let mut lines = vec![format!("error: {error}")];
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Refused(problem)) => {
            lines = vec![format!("error: {} ({})", problem.detail, problem.code)];
            lines.extend(
                problem
                    .errors
                    .iter()
                    .map(|wrong| format!("  {}: {}", wrong.pointer, wrong.reason)),
            );
            lines.extend(more(problem));
            lines.extend(advice(problem).map(|advice| format!("  {advice}")));
        }
        Some(ClientError::Unreachable { .. }) => {
            lines.push(
                "  Is it running? `omnihub serve` starts one; --url or OMNIHUB_URL names another."
                    .to_owned(),
            );
        }
        _ => lines.extend(
            error
                .chain()
                .skip(1)
                .map(|cause| format!("  because: {cause}")),
        ),
    }
    lines.join("\n")
}

fn as_json(error: &anyhow::Error) -> Value {
    if let Some(problem) = error
        .downcast_ref::<ClientError>()
        .and_then(ClientError::problem)
    {
        return serde_json::to_value(problem).unwrap_or_default();
    }
    let code = match code(error) {
        USAGE => "usage",
        UNREACHABLE => "unreachable",
        _ => "failed",
    };
    json!({ "code": code, "detail": error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ") })
}

/// What else the server said, such as the nearest playbooks.
fn more(problem: &Problem) -> Vec<String> {
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("  {name}: {text}"),
        other => format!("  {name}: {other}"),
    };
    problem.more.iter().map(line).collect()
}

/// What the caller can do about a problem.
fn advice(problem: &Problem) -> Option<&'static str> {
    Some(match problem.code.as_str() {
        "auth.required" | "auth.invalid_token" => {
            "Use --token or OMNIHUB_TOKEN; with the server's --data-dir at hand a token is minted for you."
        }
        "approval.own_goal" => "Somebody else decides: --as NAME:operator.",
        "goal.no_plan" => {
            "`omnihub playbook list` shows the words that are understood; --plan FILE gives a plan of your own."
        }
        "goal.stuck" => {
            "Repair what is in its way, then `omnihub goal retry` or `omnihub goal settle`."
        }
        _ => return None,
    })
}
