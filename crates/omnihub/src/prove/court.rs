//! The court: fetches every goal, decision and row, and hands each goal to the judge.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use api::approvals::ApprovalQuery;
use domain::approval::{ApprovalStatus, Decision};
use domain::goal::GoalStatus;
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::books::Page;
use super::effect::EffectId;
use super::judge::{Case, Finding, Seen, Wrong, judge};
use super::ledger::{Entry, Ledger};
use super::line::Line;
use super::plot::{Deed, Part};
use super::receiver::Receiver;
use super::shop::Shop;

/// Goals that are fetched at once.
const AT_ONCE: usize = 16;
/// Approvals of one page.
const PAGE: u32 = 200;

/// The court.
pub(crate) struct Court<'a> {
    /// The line to the server.
    pub(crate) line: &'a Line,
    /// What is remembered, and where findings go.
    pub(crate) ledger: &'a Ledger,
    /// The receiver's books.
    pub(crate) receiver: &'a Receiver,
    /// The shop's history.
    pub(crate) shop: &'a Shop,
}

/// What a sitting saw.
#[derive(Debug, Default)]
pub(crate) struct Sitting {
    /// Goals by where they stand.
    pub(crate) statuses: BTreeMap<GoalStatus, u32>,
    /// Effects in doubt.
    pub(crate) doubts: u32,
    /// Changes that were applied.
    pub(crate) applied: u64,
    /// When each write began that a kill interrupted.
    pub(crate) writes_interrupted: Vec<Timestamp>,
}

impl Court<'_> {
    /// Judges every goal that is at rest.
    ///
    /// # Errors
    /// A goal is not shown.
    pub(crate) async fn sit(&self) -> Result<Sitting> {
        let mut sitting = Sitting::default();
        let goals = self.ledger.goals(|entry| entry.accepted && !entry.gone);
        let seen = goals.into_iter().map(|goal| self.fetch(goal));
        let seen = futures_util::stream::iter(seen).buffered(AT_ONCE);
        let seen: Vec<_> = seen.try_collect().await?;
        let rows = self.shop.applied()?;
        for (goal, seen) in seen {
            let Some(seen) = seen else { continue };
            *sitting.statuses.entry(seen.status).or_default() += 1;
            if !seen.is_at_rest() {
                continue;
            }
            let findings = self.judge(goal, &seen, &rows, &mut sitting);
            // What really happened was read after the goal was: it counts if the goal has not moved meanwhile.
            if !findings.is_empty() && self.fetch(goal).await?.1 == Some(seen) {
                findings
                    .into_iter()
                    .for_each(|finding| self.ledger.find(finding));
            }
        }
        Ok(sitting)
    }

    async fn fetch(&self, goal: u32) -> Result<(u32, Option<Seen>)> {
        let id = self.ledger.id(goal);
        let answer = self
            .line
            .ask(async |clients| clients.operator.goal(&id, None).await)
            .await?;
        match answer.result {
            Ok(view) => Ok((goal, Some(Seen::of(&view)))),
            Err(problem) if problem.status == 404 => {
                self.ledger.goal(goal, |entry| entry.gone = true);
                self.ledger
                    .lost(goal, "its acceptance was answered, and it is gone");
                Ok((goal, None))
            }
            Err(problem) => bail!(
                "goal {goal} is not shown: {}: {}",
                problem.code,
                problem.detail
            ),
        }
    }

    fn judge(
        &self,
        goal: u32,
        seen: &Seen,
        rows: &BTreeMap<EffectId, u32>,
        sitting: &mut Sitting,
    ) -> Vec<Finding> {
        sitting.doubts += u32::try_from(seen.doubts().count()).unwrap_or(u32::MAX);
        let page = |effect: EffectId| {
            let page = self.receiver.books.page(effect);
            let applied = page.applied + rows.get(&effect).copied().unwrap_or(0);
            Page { applied, ..page }
        };
        let notes = self.ledger.read();
        let entry = usize::try_from(goal)
            .ok()
            .and_then(|goal| notes.goals.get(goal));
        let Some(Entry {
            parts,
            settled,
            cancelled,
            ..
        }) = entry
        else {
            return Vec::new();
        };
        for (step, part) in (0..).zip(parts) {
            for item in 0..part.uses() {
                let effect = EffectId {
                    goal,
                    step,
                    item,
                    undo: false,
                };
                weigh(effect, *part, (seen, &page), sitting);
            }
        }
        let mut findings = judge(&Case {
            goal,
            parts,
            seen,
            settled,
            page: &page,
        });
        if *cancelled && seen.status == GoalStatus::Completed {
            let text = "its cancellation was answered, and it is completed".to_owned();
            findings.push(Finding {
                wrong: Wrong::Lost,
                goal,
                effect: None,
                text,
            });
        }
        findings
    }

    /// Holds every decision that was answered against what the approvals say now.
    ///
    /// # Errors
    /// Approvals are not listed.
    pub(crate) async fn hear_decisions(&self) -> Result<()> {
        let mut decisions = self.ledger.read().decisions.clone();
        let mut query = ApprovalQuery {
            status: None,
            limit: Some(PAGE),
            cursor: None,
        };
        loop {
            let answer = self
                .line
                .ask(async |clients| clients.operator.approvals(&query).await)
                .await?;
            let page = match answer.result {
                Ok(page) => page,
                Err(problem) => bail!(
                    "approvals are not listed: {}: {}",
                    problem.code,
                    problem.detail
                ),
            };
            for approval in page.items {
                if let Some(decision) = decisions.remove(&approval.id) {
                    let stands = stands(decision, approval.status);
                    if !stands {
                        self.forgotten(&approval.id, &format!("{:?}", approval.status));
                    }
                }
            }
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        for id in decisions.keys() {
            self.forgotten(id, "gone");
        }
        Ok(())
    }

    fn forgotten(&self, approval: &str, now: &str) {
        let text = format!("the decision on {approval} was answered, and it is {now}");
        self.ledger.find(Finding {
            wrong: Wrong::Lost,
            goal: 0,
            effect: None,
            text,
        });
    }
}

/// Whether a decision that was answered is still there. A granted approval may close or expire unused.
fn stands(decision: Decision, status: ApprovalStatus) -> bool {
    match decision {
        Decision::Grant => !matches!(status, ApprovalStatus::Pending | ApprovalStatus::Refused),
        Decision::Refuse => status == ApprovalStatus::Refused,
    }
}

/// Counts what an effect changed, and when a write began that was tried again: it was interrupted by a kill.
fn weigh(
    effect: EffectId,
    part: Part,
    (seen, page): (&Seen, &dyn Fn(EffectId) -> Page),
    sitting: &mut Sitting,
) {
    sitting.applied += u64::from(page(effect).applied) + u64::from(page(effect.back()).applied);
    let used = seen.used(effect.step, effect.item);
    if let (Deed::Row, 2.., Some(started)) = (part.deed, used.attempts, used.started_at) {
        sitting.writes_interrupted.push(started);
    }
}
