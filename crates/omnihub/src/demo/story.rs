//! The three goals of the demo, submitted and followed over HTTP, each event told as it happens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use api::approvals::DecisionBody;
use api::client::{Client, SubmitOptions, Submitted};
use api::events::EventView;
use api::goals::{GoalSubmission, GoalView};
use domain::approval::Decision;
use serde_json::Value;

use crate::narrate::Narrator;
use crate::output::{Output, Tone};

/// Longest time that one goal may take: every service is on this machine.
const GOAL_MAX: Duration = Duration::from_secs(60);

/// Those who act.
#[derive(Debug)]
pub(crate) struct Cast {
    /// Submits the goals.
    pub clerk: Client,
    /// Decides what waits for a person.
    pub supervisor: Client,
}

/// What one goal did.
#[derive(Debug)]
pub(crate) struct Told {
    /// Its words.
    pub words: &'static str,
    /// The goal at its end.
    pub goal: GoalView,
    /// Its events.
    pub events: Vec<EventView>,
    /// From the client's POST to the goal's end as the client sees it.
    pub took: Duration,
    /// Of that: how long a person was waited for.
    pub waited: Duration,
}

/// Submits a goal and follows it to its end; what waits for a person is decided by another.
///
/// # Errors
/// The server refuses, or the goal does not end in time.
pub(crate) async fn tell(cast: &Cast, words: &'static str, output: Output) -> Result<Told> {
    output.line(format!(
        "\n{}",
        output.paint(Tone::Strong, &format!("▶ “{words}”"))
    ))?;
    let told = tokio::time::timeout(GOAL_MAX, follow(cast, words, output));
    told.await
        .with_context(|| format!("“{words}” did not end within {} s", GOAL_MAX.as_secs()))?
}

async fn follow(cast: &Cast, words: &'static str, output: Output) -> Result<Told> {
    let begun = Instant::now();
    let submission = GoalSubmission {
        user_intent: words.to_owned(),
        ..GoalSubmission::default()
    };
    let Submitted::Started(started) = cast
        .clerk
        .submit(&submission, &SubmitOptions::default())
        .await?
    else {
        bail!("the server waited although nobody asked it to");
    };
    let id = started.workflow_id;
    let (mut stream, mut narrator) = (cast.clerk.follow(&id, 0), Narrator::new(output));
    let (mut events, mut waited) = (Vec::new(), Duration::ZERO);
    while let Some(event) = stream.next().await? {
        output.line(narrator.line(&event))?;
        if event.kind == "approval_asked" {
            let asked = Instant::now();
            decide(cast, &event, output).await?;
            waited += asked.elapsed();
        }
        events.push(event);
    }
    let took = begun.elapsed();
    let goal = cast.clerk.goal(&id, None).await?;
    if let Some(reply) = &goal.reply {
        output.line(format!(
            "          {}",
            output.paint(Tone::Strong, &format!("“{reply}”"))
        ))?;
    }
    Ok(Told {
        words,
        goal,
        events,
        took,
        waited,
    })
}

/// Lets the clerk try to decide what the clerk's own goal asks, which must be refused, then has the supervisor grant it.
async fn decide(cast: &Cast, event: &EventView, output: Output) -> Result<()> {
    let id = event
        .data
        .get("approval")
        .or_else(|| event.data.get("id"))
        .and_then(Value::as_str);
    let id = id.context("the event names no approval")?;
    let approval = cast.supervisor.approval(id).await?;
    let arguments = approval
        .arguments
        .as_ref()
        .map(Value::to_string)
        .unwrap_or_default();
    let note =
        |text: String| output.line(format!("          {}", output.paint(Tone::Faint, &text)));
    note(format!("supervisor reads: {} {arguments}", approval.tool))?;
    let body = DecisionBody {
        decision: Decision::Grant,
        digest: approval.digest,
        reason: Some("fare checked".to_owned()),
    };
    match cast.clerk.decide(id, &body).await {
        Err(error)
            if error
                .problem()
                .is_some_and(|problem| problem.code == "approval.own_goal") =>
        {
            note(
                "the clerk tries to grant it: refused, nobody decides on their own goal".to_owned(),
            )?;
        }
        Err(error) => return Err(error.into()),
        Ok(_) => bail!("the clerk could decide on the clerk's own goal"),
    }
    cast.supervisor.decide(id, &body).await?;
    note("the supervisor grants this exact effect, once".to_owned())?;
    Ok(())
}
