//! The people of a proof: they decide approvals, end doubts by what really happened, and repair what is in a stuck goal's
//! way. They are not the goals' owner.

use std::time::Duration;

use anyhow::{Result, bail};
use api::approvals::{ApprovalQuery, ApprovalView, DecisionBody};
use api::client::Wish;
use api::goals::GoalView;
use api::steps::{Settle, SettleResult};
use domain::approval::Decision;
use domain::goal::GoalStatus;
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::books::{End, Page, Port};
use super::effect::EffectId;
use super::judge::Seen;
use super::ledger::{Entry, Ledger};
use super::line::Line;
use super::plot::{Deed, Part, step_name};
use super::random::Random;
use super::receiver::{Receiver, answer_body};
use super::shop::Shop;

/// What the seed keeps apart here.
const DECISION: u64 = 4;
const SETTLEMENT: u64 = 5;
/// How many approvals in a hundred are refused.
const REFUSE_PERCENT: u64 = 12;
/// Pause between two looks at what waits.
const LOOK_AGAIN: Duration = Duration::from_millis(30);
/// Most approvals of one look.
const APPROVALS_MAX: u32 = 200;
/// Goals with doubts that are left for the end; what is more is settled on the way.
const PARKED_MAX: usize = 100;

/// Goals that are helped at once.
const HELPED_AT_ONCE: usize = 16;

/// The people.
pub(crate) struct People<'a> {
    /// The run's seed.
    pub(crate) seed: u64,
    /// The line to the server.
    pub(crate) line: &'a Line,
    /// What is remembered.
    pub(crate) ledger: &'a Ledger,
    /// What really happened.
    pub(crate) receiver: &'a Receiver,
    /// What really happened to rows.
    pub(crate) shop: &'a Shop,
}

impl People<'_> {
    /// Decides what is asked and settles what is too much, for ever.
    ///
    /// # Errors
    /// The server refuses what it may not refuse.
    ///
    /// # Cancel safety
    /// It may be dropped at any time: a call that was not answered may have been heard.
    pub(crate) async fn attend(&self) -> Result<()> {
        tokio::try_join!(self.keep_deciding(), self.keep_helping()).map(|_| ())
    }

    async fn keep_deciding(&self) -> Result<()> {
        loop {
            self.decide_all().await?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn keep_helping(&self) -> Result<()> {
        loop {
            let parked = self.ledger.goals(|entry| entry.parked && !entry.gone);
            let early = parked.len().saturating_sub(PARKED_MAX);
            self.help_all(parked.into_iter().take(early)).await?;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Does for goals what only a person can do; returns those that have not ended.
    ///
    /// # Errors
    /// The server refuses what it may not refuse.
    pub(crate) async fn help_all(&self, goals: impl IntoIterator<Item = u32>) -> Result<Vec<u32>> {
        let helped = goals
            .into_iter()
            .map(async |goal| anyhow::Ok((!self.help(goal).await?).then_some(goal)));
        let helped = stream::iter(helped).buffered(HELPED_AT_ONCE);
        helped
            .try_filter_map(async |open| Ok(open))
            .try_collect()
            .await
    }

    /// Decides every approval that is pending.
    ///
    /// # Errors
    /// The server refuses what it may not refuse.
    pub(crate) async fn decide_all(&self) -> Result<()> {
        let query = ApprovalQuery {
            status: Some("pending".to_owned()),
            limit: Some(APPROVALS_MAX),
            cursor: None,
        };
        let answer = self
            .line
            .ask(async |clients| clients.operator.approvals(&query).await)
            .await?;
        match answer.result {
            Ok(page) => try_join_all(page.items.iter().map(|asked| self.decide(asked)))
                .await
                .map(|_| ()),
            Err(problem) => bail!(
                "approvals are not listed: {}: {}",
                problem.code,
                problem.detail
            ),
        }
    }

    async fn decide(&self, asked: &ApprovalView) -> Result<()> {
        let numbers: Vec<u64> = asked.id.bytes().map(u64::from).chain([DECISION]).collect();
        let refuse = Random::new(self.seed, &numbers).percent(REFUSE_PERCENT);
        let decision = if refuse {
            Decision::Refuse
        } else {
            Decision::Grant
        };
        let body = DecisionBody {
            decision,
            digest: asked.digest.clone(),
            reason: Some("the proof says so".to_owned()),
        };
        let answer = self
            .line
            .ask(async |clients| clients.operator.decide(&asked.id, &body).await)
            .await?;
        match answer.result {
            Ok(_) => drop(
                self.ledger
                    .write()
                    .decisions
                    .insert(asked.id.clone(), decision),
            ),
            // Decided by a call that nobody answered, or closed meanwhile.
            Err(problem) if matches!(problem.status, 404 | 409) => {}
            Err(problem) => bail!(
                "approval {} was not decided: {}: {}",
                asked.id,
                problem.code,
                problem.detail
            ),
        }
        Ok(())
    }

    /// Returns whether the goal has ended.
    async fn help(&self, goal: u32) -> Result<bool> {
        let id = self.ledger.id(goal);
        let answer = self
            .line
            .ask(async |clients| clients.operator.goal(&id, None).await)
            .await?;
        let view = match answer.result {
            Ok(view) => view,
            Err(problem) if problem.status == 404 => {
                self.ledger.goal(goal, |entry| entry.gone = true);
                self.ledger
                    .lost(goal, "its acceptance was answered, and it is gone");
                return Ok(true);
            }
            Err(problem) => bail!(
                "goal {goal} is not shown: {}: {}",
                problem.code,
                problem.detail
            ),
        };
        if view.status.is_end() {
            self.ledger.goal(goal, |entry| entry.parked = false);
            return Ok(true);
        }
        if view.status == GoalStatus::Stuck {
            self.receiver.books.repair(goal);
            let answer = self
                .line
                .ask(async |clients| clients.operator.wish(&id, Wish::Retry).await)
                .await?;
            match answer.result {
                Ok(_) => self.ledger.write().retried += 1,
                Err(problem) if problem.status == 409 => {}
                Err(problem) => bail!(
                    "goal {goal} was not tried again: {}: {}",
                    problem.code,
                    problem.detail
                ),
            }
        }
        self.settle_doubts(goal, &view).await?;
        Ok(false)
    }

    /// Ends the doubts of a goal by what really happened, where that cannot change any more.
    async fn settle_doubts(&self, goal: u32, view: &GoalView) -> Result<()> {
        let doubts: Vec<_> = Seen::of(view).doubts().collect();
        if doubts.is_empty() || !self.receiver.past_is_over() {
            return Ok(());
        }
        let parts = self
            .ledger
            .goal(goal, |entry| entry.parts.clone())
            .unwrap_or_default();
        for (step, item, undo) in doubts {
            let effect = EffectId {
                goal,
                step,
                item,
                undo,
            };
            let part = usize::try_from(step)
                .ok()
                .and_then(|step| parts.get(step))
                .copied();
            let page = self.receiver.books.page(effect);
            let (Some(part), false) = (
                part,
                page.arrivals.iter().any(|arrival| arrival.end == End::Open),
            ) else {
                continue;
            };
            let result = self.settlement(effect, part, &page)?;
            self.ledger.goal(goal, |entry| match result {
                SettleResult::TryAgain => drop(entry.tried_again.insert(effect)),
                SettleResult::DidNotHappen => {
                    entry.settled.insert(effect, page.arrivals.len());
                }
                SettleResult::Happened | SettleResult::Undone => {}
            });
            self.settle(effect, part, result).await?;
        }
        Ok(())
    }

    fn settlement(&self, effect: EffectId, part: Part, page: &Page) -> Result<SettleResult> {
        let port = match (part.deed, effect.undo) {
            (Deed::Call { there, .. }, false) => there,
            (Deed::Call { back, .. }, true) => back.unwrap_or(Port::Undeclared),
            (Deed::Row | Deed::Nothing, _) => Port::Declared,
        };
        let [goal, step, item, way] = effect.numbers();
        let tried = |entry: &mut Entry| entry.tried_again.contains(&effect);
        let tried = self.ledger.goal(effect.goal, tried).unwrap_or(true);
        if !tried
            && port == Port::Declared
            && Random::new(self.seed, &[SETTLEMENT, goal, step, item, way]).percent(50)
        {
            return Ok(SettleResult::TryAgain);
        }
        let applied = page.applied > 0 || self.shop.has_applied(effect)?;
        Ok(if applied {
            SettleResult::Happened
        } else {
            SettleResult::DidNotHappen
        })
    }

    async fn settle(&self, effect: EffectId, part: Part, result: SettleResult) -> Result<()> {
        let id = self.ledger.id(effect.goal);
        let step = step_name(usize::try_from(effect.step).unwrap_or_default());
        let happened = result == SettleResult::Happened && !effect.undo;
        let output = happened.then(|| json!({ "status_code": 200, "body": answer_body(effect) }));
        let item = part.items.map(|_| effect.item);
        let body = Settle {
            result,
            item,
            output,
            reason: "looked it up at the receiver".to_owned(),
        };
        let answer = self
            .line
            .ask(async |clients| clients.operator.settle(&id, &step, &body).await)
            .await?;
        match answer.result {
            Ok(_) => self.ledger.write().doubts_settled += 1,
            Err(problem) if problem.status == 409 => {}
            Err(problem) => bail!(
                "{effect} was not settled: {}: {} {:?}",
                problem.code,
                problem.detail,
                problem.errors
            ),
        }
        Ok(())
    }
}
