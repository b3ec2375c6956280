//! `omnihub goal watch`: a goal's events as they happen, over cut connections, to its end.

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Result;
use api::client::Client;
use indicatif::{ProgressBar, ProgressStyle};

use super::show;
use crate::context::Context;
use crate::failure::Told;
use crate::narrate::Narrator;

/// How often the sign of life moves.
const TICK: Duration = Duration::from_millis(120);

/// Follows a goal after the event of that number; fails where the goal did not do what was wanted.
pub(super) async fn run(context: &Context, client: &Client, id: &str, after: u64) -> Result<()> {
    let output = context.output;
    let mut follow = client.follow(id, after);
    let mut narrator = Narrator::new(output);
    let spinner = spinner();
    let mut last = String::new();
    while let Some(event) = follow.next().await? {
        last.clone_from(&event.kind);
        if output.is_json() {
            output.json_line(&event)?;
            continue;
        }
        let line = narrator.line(&event);
        match &spinner {
            Some(spinner) => spinner.suspend(|| output.line(line))?,
            None => output.line(line)?,
        }
        if let Some(spinner) = &spinner {
            spinner.set_message(narrator.now().to_owned());
        }
    }
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let goal = client.goal(id, None).await?;
    if !output.is_json() {
        if let Some(reply) = &goal.reply {
            output.line(format!("\n{}", crate::output::safe(reply)))?;
        }
        if last.is_empty() {
            show::print(context, &goal)?;
        }
    }
    if goal.status == domain::goal::GoalStatus::Completed {
        Ok(())
    } else {
        Err(Told.into())
    }
}

/// A sign of life on a terminal; `None`: nobody sees it.
fn spinner() -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() || !std::io::stdout().is_terminal() {
        return None;
    }
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(TICK);
    Some(spinner)
}
