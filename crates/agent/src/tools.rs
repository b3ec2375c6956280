//! The tools built in (CONTRACT §3): for each what it declares and how one effect of it is carried out.
//!
//! A tool never decides whether it may run or run again; it says what became of one attempt, no more than it can prove.

use std::time::Duration;

use tokio::time::Instant;

use domain::effect::Call;
use domain::outcome::Outcome;
use domain::tool::{ToolSpec, WAIT};

use crate::Agent;
use crate::outbound::Outbound;
use crate::secrets::{SECRET_BYTES_MAX, Secrets};

mod email;
mod fetch;
mod received;
pub(crate) mod records;
mod respond;
mod wait;
pub(crate) mod webhook;

/// What the tools that use HTTP work with.
#[derive(Clone, Copy)]
struct Web<'a> {
    outbound: &'a Outbound,
    secrets: &'a Secrets,
    deadline: Instant,
    output_bytes_max: usize,
}

/// Bytes of an output beside what was answered: names, a status and a content type need less.
const BESIDE_ANSWER_BYTES_MAX: usize = 1_024;

impl Web<'_> {
    /// Bytes of an answer that fit into an output, as JSON writes them.
    fn answer_max(self) -> usize {
        self.output_bytes_max
            .saturating_sub(BESIDE_ANSWER_BYTES_MAX)
    }

    /// Bytes of an answer that are read: a secret across the end of what is kept has to be seen whole.
    fn body_max(self) -> usize {
        self.answer_max() + SECRET_BYTES_MAX
    }
}

/// What every URL that may be asked for begins with. In the schemas, so that a plan with another is refused.
const URL_PATTERN: &str = "^[Hh][Tt][Tt][Pp][Ss]?:";

/// What every tool but the record tools declares.
pub(crate) fn specs(outbound: &Outbound) -> Vec<ToolSpec> {
    vec![
        webhook::spec(outbound.class_rules()),
        fetch::spec(),
        email::spec(),
        respond::spec(),
        wait::spec(),
    ]
}

/// Carries out what neither changes anything nor waits for anything; `None`: the call's tool does either.
pub(crate) fn perform_at_once(call: &Call) -> Option<Outcome> {
    (call.tool == respond::NAME).then(|| respond::perform(call))
}

/// Carries out one attempt of one effect whose input keeps to the tool's schema.
pub(crate) async fn perform(agent: &Agent, call: &Call) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(u64::from(call.timeout_seconds));
    let secrets = &agent.secrets;
    let web = Web {
        outbound: &agent.outbound,
        secrets,
        deadline,
        output_bytes_max: agent.output_bytes_max,
    };
    match call.tool.as_str() {
        respond::NAME => respond::perform(call),
        webhook::NAME => secrets.redact_outcome(webhook::perform(call, web).await),
        fetch::NAME => secrets.redact_outcome(fetch::perform(call, web).await),
        email::NAME => secrets.redact_outcome(email::perform(call, &agent.mailer, deadline).await),
        WAIT => Outcome::permanent(
            "tool.internal",
            "wait is a timer of the machine; it has no effect to carry out",
        ),
        _ => agent.databases.perform(call).await,
    }
}
