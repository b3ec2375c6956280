//! `omnihub goal watch`: a goal's events as they happen, over cut connections, to its end.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use api::client::{Client, ClientError, Follow};
use api::events::EventView;
use api::goals::GoalView;
use domain::goal::GoalStatus;
use indicatif::{ProgressBar, ProgressStyle};

use super::show;
use crate::context::Context;
use crate::failure;
use crate::narrate::Narrator;
use crate::output::safe;

/// A token that was refused sooner than this was never good; one refused later has run out.
const TOKEN_LIVED: Duration = Duration::from_secs(60);
/// How often the sign of life moves.
const TICK: Duration = Duration::from_millis(120);

/// Follows a goal after the event of that number; fails where the goal did not do what was wanted.
pub(super) async fn run(context: &Context, id: &str, after: u64) -> Result<()> {
    let output = context.output;
    let mut follower = Follower::new(context, id, after)?;
    let mut narrator = Narrator::new(output);
    let spinner = spinner();
    while let Some(event) = follower.next().await? {
        if output.is_json() {
            output.json_line(&event)?;
            continue;
        }
        let line = narrator.line(&event);
        match &spinner {
            Some(spinner) => {
                spinner.suspend(|| output.line(line))?;
                spinner.set_message(narrator.now().to_owned());
            }
            None => output.line(line)?,
        }
    }
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let goal = follower.client.goal(id, None).await?;
    let told = match output.is_json() {
        true => Ok(()),
        false => tell(context, &goal, follower.last == after),
    };
    failure::judged(goal.status == GoalStatus::Completed, told)
}

/// Says what is left to say of a goal; of one without news, all of it.
fn tell(context: &Context, goal: &GoalView, whole: bool) -> Result<()> {
    if let Some(reply) = &goal.reply {
        context.output.line(format!("\n{}", safe(reply)))?;
    }
    match whole {
        true => show::print(context, goal),
        false => Ok(()),
    }
}

/// A goal's events, also past the life of a token that this command minted for itself.
struct Follower<'a> {
    context: &'a Context,
    id: &'a str,
    last: u64,
    client: Client,
    events: Follow,
    minted: Instant,
}

impl<'a> Follower<'a> {
    fn new(context: &'a Context, id: &'a str, last: u64) -> Result<Self> {
        let client = context.client()?;
        let events = client.follow(id, last);
        Ok(Self {
            context,
            id,
            last,
            client,
            events,
            minted: Instant::now(),
        })
    }

    async fn next(&mut self) -> Result<Option<EventView>> {
        loop {
            match self.events.next().await {
                Ok(Some(event)) => {
                    self.last = event.sequence;
                    return Ok(Some(event));
                }
                Ok(None) => return Ok(None),
                Err(error) if self.has_run_out(&error) => {
                    *self = Self::new(self.context, self.id, self.last)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn has_run_out(&self, error: &ClientError) -> bool {
        let refused = error
            .problem()
            .is_some_and(|problem| problem.code == "auth.invalid_token");
        refused && self.minted.elapsed() > TOKEN_LIVED
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
