//! `omnihub goal …`: submit goals, look at them, follow them, and say what is wanted of them.

mod show;
mod submit;
mod watch;

use anyhow::Result;
use api::client::Wish;
use api::goals::GoalQuery;
use api::steps::{Settle, SettleResult};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use self::submit::Submit;
use crate::context::Context;
use crate::failure::Usage;

/// Submit goals, look at them, stop them.
#[derive(Debug, Subcommand)]
pub(crate) enum Goal {
    /// Submit a goal in plain words
    Submit(Submit),
    /// List goals, newest first
    List(List),
    /// Show a goal with its plan, its steps and its reply
    Show {
        /// The goal
        #[arg(value_name = "GOAL")]
        id: String,
        /// Wait up to so many seconds for its end, or for it to wait for a person
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=60))]
        wait: Option<u32>,
    },
    /// Follow a goal's events as they happen, to its end
    Watch {
        /// The goal
        #[arg(value_name = "GOAL")]
        id: String,
        /// Begin after the event of this number
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
        after: u64,
    },
    /// End a goal and undo what it did
    Cancel(One),
    /// Start no new effect of a goal until it is resumed
    Pause(One),
    /// Let a paused goal go on
    Resume(One),
    /// Try the undo of a stuck goal again, after a repair
    Retry(One),
    /// Say how a doubt, or an undo that is stuck, ended
    Settle(SettleStep),
}

/// Which goals are listed.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that stand here, such as running, waiting or stuck
    #[arg(long)]
    status: Option<String>,
    /// Only those with this tag: NAME or NAME:VALUE
    #[arg(long)]
    tag: Option<String>,
    /// Only those whose words hold this text
    #[arg(long, short)]
    q: Option<String>,
    /// Most goals
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// The page after this one, as a list before has said
    #[arg(long)]
    cursor: Option<String>,
}

/// A goal by its id.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The goal
    #[arg(value_name = "GOAL")]
    id: String,
}

/// How a doubt ended.
#[derive(Debug, Args)]
pub(crate) struct SettleStep {
    /// The goal
    #[arg(value_name = "GOAL")]
    id: String,
    /// The step that is in doubt, or whose undo is stuck
    step: String,
    /// How it ended
    #[arg(long, value_enum)]
    result: SettleWord,
    /// Which item of a fan-out, from 0
    #[arg(long)]
    item: Option<u32>,
    /// What the effect answered, as JSON
    #[arg(long, value_name = "JSON")]
    output: Option<String>,
    /// Why, for the record
    #[arg(long)]
    reason: String,
}

/// How a doubt ended, in one word.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum SettleWord {
    /// The effect happened
    Happened,
    /// The effect did not happen
    DidNotHappen,
    /// What the step did has been made good by other means
    Undone,
    /// Try the effect again under the same key
    TryAgain,
}

impl Goal {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Submit(submit) => submit.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Show { id, wait } => show::run(context, &id, wait).await,
            Self::Watch { id, after } => watch::run(context, &id, after).await,
            Self::Cancel(one) => wish(context, &one.id, Wish::Cancel).await,
            Self::Pause(one) => wish(context, &one.id, Wish::Pause).await,
            Self::Resume(one) => wish(context, &one.id, Wish::Resume).await,
            Self::Retry(one) => wish(context, &one.id, Wish::Retry).await,
            Self::Settle(settle) => settle.run(context).await,
        }
    }
}

impl List {
    async fn run(self, context: &Context) -> Result<()> {
        let query = GoalQuery {
            status: self.status,
            tag: self.tag,
            q: self.q,
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let page = context.client()?.goals(&query).await?;
        if context.output.is_json() {
            return Ok(context.output.json(&page)?);
        }
        let rows = page.items.into_iter().map(|goal| {
            let reason = goal.reason.unwrap_or_default();
            let words = goal.user_intent.unwrap_or_else(|| "(erased)".to_owned());
            [
                goal.workflow_id,
                goal.status.as_str().to_owned(),
                reason,
                show::when(goal.created_at),
                goal.user_id,
                words,
            ]
        });
        let header = ["goal", "status", "reason", "created", "by", "words"];
        context.output.table(header, rows.collect(), "no goals")?;
        if let Some(cursor) = page.next_cursor {
            eprintln!("more: --cursor {cursor}");
        }
        Ok(())
    }
}

async fn wish(context: &Context, id: &str, wish: Wish) -> Result<()> {
    let wished = context.client()?.wish(id, wish).await?;
    if context.output.is_json() {
        return Ok(context.output.json(&wished)?);
    }
    let follow = format!("`omnihub goal watch {id}` shows it happen");
    Ok(context.output.line(format!(
        "{} of {id} is recorded and will be done; {follow}",
        wish.as_str()
    ))?)
}

impl SettleStep {
    async fn run(self, context: &Context) -> Result<()> {
        let output = match &self.output {
            Some(text) => Some(
                serde_json::from_str::<Value>(text)
                    .map_err(|error| Usage(format!("--output is not JSON: {error}")))?,
            ),
            None => None,
        };
        let result = match self.result {
            SettleWord::Happened => SettleResult::Happened,
            SettleWord::DidNotHappen => SettleResult::DidNotHappen,
            SettleWord::Undone => SettleResult::Undone,
            SettleWord::TryAgain => SettleResult::TryAgain,
        };
        let body = Settle {
            result,
            item: self.item,
            output,
            reason: self.reason,
        };
        let wished = context
            .client()?
            .settle(&self.id, &self.step, &body)
            .await?;
        if context.output.is_json() {
            return Ok(context.output.json(&wished)?);
        }
        Ok(context.output.line(format!(
            "the answer for step {} of {} is recorded",
            self.step, self.id
        ))?)
    }
}
