//! `omnihub goal submit`: words, parameters and perhaps a plan of one's own; then leave, wait or watch.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use api::client::{Client, SubmitOptions, Submitted};
use api::goals::{GoalSubmission, GoalView, Mode};
use api::plans::PlanCheck;
use api::strict::{self, Refused};
use clap::Args;
use domain::goal::GoalStatus;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{show, watch};
use crate::context::Context;
use crate::failure::{self, Usage};
use crate::output::Output;

/// Seconds that one request waits for the goal's end (CONTRACT §2: up to 60).
const WAIT_SECONDS: u32 = 30;

/// Submit a goal in plain words.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// What is wanted, in plain words
    #[arg(required = true, num_args = 1..)]
    words: Vec<String>,
    /// A plan of your own, as a JSON file: {"steps": […]}
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// A parameter; the value is taken as JSON where it is JSON, else as text
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// A tag
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,
    /// What you call the goal; its id is `goal-` and this
    #[arg(long)]
    trace_id: Option<String>,
    /// When it fails unless it has ended, such as 2026-12-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    deadline: Option<Timestamp>,
    /// The same key and body give the first answer again
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Say what would happen, and start nothing
    #[arg(long, conflicts_with_all = ["watch", "wait"])]
    dry_run: bool,
    /// Follow the goal to its end
    #[arg(long, conflicts_with = "wait")]
    watch: bool,
    /// Wait until the goal ends or waits for a person, then show it
    #[arg(long)]
    wait: bool,
}

impl Submit {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let (client, output) = (context.client()?, context.output);
        let body = self.body()?;
        if self.dry_run {
            return check(context, &client, &body).await;
        }
        let wait = self.wait.then_some(WAIT_SECONDS);
        let options = SubmitOptions {
            idempotency_key: self.idempotency_key.clone(),
            wait,
        };
        let started = match client.submit(&body, &options).await? {
            Submitted::Settled(goal) => return end(context, &goal),
            Submitted::Started(started) => started,
        };
        let id = started.workflow_id.as_str();
        if self.wait {
            return end(context, &settled(&client, id).await?);
        }
        if self.watch {
            return watch::run(context, id, 0).await;
        }
        if output.is_json() {
            return Ok(output.json(&started)?);
        }
        Ok(output.line(format!(
            "{id} started; `omnihub goal watch {id}` follows it"
        ))?)
    }

    fn body(&self) -> Result<GoalSubmission> {
        let parameters = self
            .parameters
            .iter()
            .map(|(name, value)| Ok((name.clone(), json_or_text(name, value)?)))
            .collect::<Result<Map<String, Value>>>()?;
        let tags: BTreeMap<_, _> = self.tags.iter().cloned().collect();
        Ok(GoalSubmission {
            user_intent: self.words.join(" "),
            trace_id: self.trace_id.clone(),
            mode: if self.dry_run {
                Mode::DryRun
            } else {
                Mode::Run
            },
            parameters: (!parameters.is_empty()).then_some(parameters),
            plan: self.plan.as_ref().map(read_plan).transpose()?,
            deadline: self.deadline,
            tags: (!tags.is_empty()).then_some(tags),
            ..GoalSubmission::default()
        })
    }
}

/// Says what a goal would do.
async fn check(context: &Context, client: &Client, body: &GoalSubmission) -> Result<()> {
    let check = client.check(body).await?;
    failure::judged(check.valid, tell(context.output, &check))
}

fn tell(output: Output, check: &PlanCheck) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(check)?);
    }
    let source = check
        .playbook
        .clone()
        .unwrap_or_else(|| "a plan of your own".to_owned());
    let verdict = if check.valid {
        format!("could start, by {source}")
    } else {
        "could not start".to_owned()
    };
    output.line(verdict)?;
    let rows = check.steps.iter().map(|step| {
        let lane = step.lane.map_or("unknown", show::lane);
        let asks = if step.asks { "asks a person" } else { "" };
        [
            step.id.clone(),
            step.tool.clone(),
            lane.to_owned(),
            asks.to_owned(),
        ]
    });
    output.table(
        ["step", "tool", "lane", "approval"],
        rows.collect(),
        "no steps",
    )?;
    for wrong in &check.errors {
        output.line(format!("{}: {}", wrong.pointer, wrong.reason))?;
    }
    Ok(())
}

/// Waits until a goal ends or waits for a person.
async fn settled(client: &Client, id: &str) -> Result<GoalView> {
    loop {
        let goal = client.goal(id, Some(WAIT_SECONDS)).await?;
        if goal.status.is_end()
            || matches!(
                goal.status,
                GoalStatus::Waiting | GoalStatus::Stuck | GoalStatus::Paused
            )
        {
            return Ok(goal);
        }
    }
}

/// Shows how a goal ended; a goal that did not do what was wanted is a failure of the command.
fn end(context: &Context, goal: &GoalView) -> Result<()> {
    let good = !matches!(
        goal.status,
        GoalStatus::Failed | GoalStatus::Cancelled | GoalStatus::Stuck
    );
    failure::judged(good, show::print(context, goal))
}

fn read_plan(path: &PathBuf) -> Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("the plan {}", path.display()))?;
    strict::read_value(&text)
        .map_err(|refused| Usage(format!("{}: {}", path.display(), why(&refused))).into())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "it takes NAME=VALUE".to_owned())
}

/// JSON that the server would refuse is refused; what is no JSON is text.
fn json_or_text(name: &str, text: &str) -> Result<Value> {
    match strict::read_value(text.as_bytes()) {
        Ok(value) => Ok(value),
        Err(Refused::NotJson(_)) => Ok(Value::from(text)),
        Err(refused) => Err(Usage(format!("--param {name}: {}", why(&refused))).into()),
    }
}

fn why(refused: &Refused) -> String {
    match refused {
        Refused::NotJson(why) => format!("not JSON: {why}"),
        Refused::Fields(errors) => {
            let errors = errors
                .iter()
                .map(|wrong| format!("{:?} {}", wrong.pointer, wrong.reason));
            errors.collect::<Vec<_>>().join("; ")
        }
        Refused::DuplicateKey(_) | Refused::TooDeep => refused.to_string(),
    }
}
