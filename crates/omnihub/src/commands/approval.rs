//! `omnihub approval …`: what waits for a person, and a person's answer.

use anyhow::Result;
use api::approvals::{ApprovalQuery, ApprovalView, DecisionBody};
use clap::{Args, Subcommand};
use domain::approval::Decision;

use crate::context::Context;
use crate::output::{Output, safe};

/// Decide what waits for a person.
#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    /// List approvals, newest first
    List {
        /// Only those that stand here: pending, granted, refused, expired or closed; all: every one
        #[arg(long, default_value = "pending")]
        status: String,
        /// Most approvals
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// The page after this one, as a list before has said
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show the exact effect that is asked about
    Show {
        /// The approval
        #[arg(value_name = "APPROVAL")]
        id: String,
    },
    /// Let the effect that is asked about happen once
    Grant(Answer),
    /// Do not let it happen
    Refuse(Answer),
}

/// An answer to an approval.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The approval
    #[arg(value_name = "APPROVAL")]
    id: String,
    /// Why, for the record
    #[arg(long)]
    reason: Option<String>,
    /// Answer only if this is still the effect's digest [default: that of the effect as it is shown]
    #[arg(long)]
    digest: Option<String>,
}

impl Approval {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List {
                status,
                limit,
                cursor,
            } => {
                let status = (status != "all").then_some(status);
                list(
                    context,
                    &ApprovalQuery {
                        status,
                        limit: Some(limit),
                        cursor,
                    },
                )
                .await
            }
            Self::Show { id } => {
                let approval = context.client()?.approval(&id).await?;
                if context.output.is_json() {
                    return Ok(context.output.json(&approval)?);
                }
                print(context.output, &approval)
            }
            Self::Grant(answer) => decide(context, answer, Decision::Grant).await,
            Self::Refuse(answer) => decide(context, answer, Decision::Refuse).await,
        }
    }
}

async fn list(context: &Context, query: &ApprovalQuery) -> Result<()> {
    let page = context.client()?.approvals(query).await?;
    if context.output.is_json() {
        return Ok(context.output.json(&page)?);
    }
    let rows = page.items.into_iter().map(|approval| {
        let arguments = approval
            .arguments
            .map_or_else(|| "(erased)".to_owned(), |arguments| arguments.to_string());
        let status = approval.status.as_str().to_owned();
        [
            approval.id,
            status,
            approval.workflow_id,
            approval.step,
            approval.tool,
            arguments,
        ]
    });
    let header = ["approval", "status", "goal", "step", "tool", "arguments"];
    context
        .output
        .table(header, rows.collect(), "nothing waits for a person")?;
    if let Some(cursor) = page.next_cursor {
        eprintln!("more: --cursor {cursor}");
    }
    Ok(())
}

async fn decide(context: &Context, answer: Answer, decision: Decision) -> Result<()> {
    let (client, output) = (context.client()?, context.output);
    let approval = client.approval(&answer.id).await?;
    if !output.is_json() {
        print(output, &approval)?;
    }
    let digest = answer.digest.unwrap_or(approval.digest);
    let decided = client
        .decide(
            &answer.id,
            &DecisionBody {
                decision,
                digest,
                reason: answer.reason,
            },
        )
        .await?;
    if output.is_json() {
        return Ok(output.json(&decided)?);
    }
    let by = decided.decided_by.as_deref().unwrap_or("you");
    Ok(output.line(format!("\n{} by {by}", decided.status.as_str()))?)
}

fn print(output: Output, approval: &ApprovalView) -> Result<()> {
    let json = |value: &Option<serde_json::Value>, absent: &str| match value {
        Some(value) => serde_json::to_string_pretty(value)
            .unwrap_or_default()
            .replace('\n', "\n             "),
        None => absent.to_owned(),
    };
    let why = if approval.reason == "step" {
        "the plan asks"
    } else {
        "the tool's lane asks"
    };
    output.line(format!("{}  {}", approval.id, approval.status.as_str()))?;
    let facts = [
        ("goal", approval.workflow_id.clone()),
        ("step", approval.step.clone()),
        ("tool", approval.tool.clone()),
        ("arguments", json(&approval.arguments, "(erased)")),
        (
            "undone by",
            json(&approval.undone_by, "nothing: it cannot be undone"),
        ),
        (
            "asked",
            format!("because {why}, at {}", approval.requested_at),
        ),
        ("expires", approval.expires_at.to_string()),
        ("digest", approval.digest.clone()),
    ];
    for (name, value) in facts {
        output.line(format!("  {name:<11}{}", safe(&value)))?;
    }
    Ok(())
}
