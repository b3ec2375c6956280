//! The court: fetches every goal, decision and row, and hands each goal to the judge.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use api::approvals::ApprovalQuery;
use domain::approval::{ApprovalStatus, Decision};
use domain::goal::GoalStatus;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::books::Page;
use super::effect::EffectId;
use super::judge::{Case, Seen, judge};
use super::ledger::Ledger;
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
        // What really happened is read last: a goal that was at rest when it was fetched still is.
        let rows = self.shop.applied()?;
        for (goal, seen) in seen {
            let Some(seen) = seen else { continue };
            *sitting.statuses.entry(seen.status).or_default() += 1;
            if seen.is_at_rest() {
                self.judge(goal, &seen, &rows, &mut sitting);
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

    fn judge(&self, goal: u32, seen: &Seen, rows: &BTreeMap<EffectId, u32>, sitting: &mut Sitting) {
        sitting.doubts += u32::try_from(seen.doubts().count()).unwrap_or(u32::MAX);
        let page = |effect: EffectId| {
            let page = self.receiver.books.page(effect);
            Page {
                applied: page.applied + rows.get(&effect).copied().unwrap_or(0),
                ..page
            }
        };
        let (parts, settled, cancelled) = self
            .ledger
            .goal(goal, |entry| {
                (entry.parts.clone(), entry.settled.clone(), entry.cancelled)
            })
            .unwrap_or_default();
        for finding in judge(&Case {
            goal,
            parts: &parts,
            seen,
            settled: &settled,
            page: &page,
        }) {
            self.ledger.find(finding);
        }
        if cancelled && seen.status == GoalStatus::Completed {
            self.ledger
                .lost(goal, "its cancellation was answered, and it is completed");
        }
        for (step, part) in (0..).zip(&parts) {
            for item in 0..part.uses() {
                self.weigh(
                    EffectId {
                        goal,
                        step,
                        item,
                        undo: false,
                    },
                    *part,
                    (seen, &page),
                    sitting,
                );
            }
        }
    }

    /// Counts what an effect changed, and which kill a write met: a write that was tried again was interrupted.
    fn weigh(
        &self,
        effect: EffectId,
        part: Part,
        (seen, page): (&Seen, &dyn Fn(EffectId) -> Page),
        sitting: &mut Sitting,
    ) {
        sitting.applied += u64::from(page(effect).applied) + u64::from(page(effect.back()).applied);
        let used = seen.used(effect.step, effect.item);
        if let (Deed::Row, 2.., Some(started)) = (part.deed, used.attempts, used.started_at) {
            self.ledger.write().write_was_hit(started);
        }
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
        self.ledger.find(super::judge::Finding {
            wrong: super::judge::Wrong::Lost,
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
