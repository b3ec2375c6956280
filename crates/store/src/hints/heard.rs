//! What was heard and not looked at yet, however many messages it came in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::{GoalId, TenantId};
use tokio::sync::Notify;

use super::message::Hint;

/// Goals that are kept by name; past it all that are watched are looked at, which is hardly more.
const GOALS_MAX: usize = 4_096;

/// What hints say is worth a look. Nothing in it is known to be true.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Everything is.
    pub(crate) all: bool,
    /// Goals, with the sequences that they are said to have reached.
    pub(crate) goals: HashMap<(TenantId, GoalId), u64>,
    /// The generation that the controls are said to have.
    pub(crate) controls: u64,
    /// Notices are.
    pub(crate) notices: bool,
    /// The driver's queue is.
    pub(crate) queue: bool,
}

/// News between the task that hears and the one that looks.
#[derive(Default)]
pub(crate) struct Heard {
    news: Mutex<News>,
    some: Notify,
}

impl Heard {
    /// Takes a hint in. Never waits.
    pub(super) fn hear(&self, hint: Hint) {
        self.lock().add(hint);
        self.some.notify_one();
    }

    /// Waits for news and takes them.
    ///
    /// # Cancel safety
    /// News that were not taken stay.
    pub(crate) async fn next(&self) -> News {
        self.some.notified().await;
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        // The news are whole at every point where a thread could have panicked.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    fn add(&mut self, hint: Hint) {
        self.all |= hint.all;
        self.controls = self.controls.max(hint.controls.unwrap_or(0));
        self.notices |= hint.notices;
        self.queue |= hint.queue;
        for (tenant, goals) in hint.goals {
            for (goal, sequence) in goals {
                let reached = self.goals.entry((tenant.clone(), goal)).or_insert(0);
                *reached = sequence.max(*reached);
            }
        }
        if self.goals.len() > GOALS_MAX {
            self.goals = HashMap::new();
            self.all = true;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use domain::id::{GoalId, TenantId, TraceId};

    use super::{GOALS_MAX, Heard, Hint};

    fn goals(numbers: std::ops::Range<usize>) -> Vec<(TenantId, GoalId, u64)> {
        let goal = |number| {
            let trace = TraceId::try_from(format!("g{number}")).unwrap();
            let tenant = TenantId::try_from("acme".to_owned()).unwrap();
            (tenant, GoalId::from(&trace), 7)
        };
        numbers.map(goal).collect()
    }

    #[tokio::test]
    async fn news_are_put_together_and_never_more_than_their_bound() {
        let heard = Heard::default();
        heard.hear(Hint::controls(4));
        heard.hear(Hint::controls(2));
        heard.hear(Hint::queued());
        heard.hear(Hint::committed(&goals(0..GOALS_MAX), (false, true)));
        let news = heard.next().await;
        assert_eq!((news.controls, news.queue, news.notices), (4, true, true));
        assert_eq!((news.goals.len(), news.all), (GOALS_MAX, false));

        heard.hear(Hint::committed(&goals(0..GOALS_MAX), (false, false)));
        heard.hear(Hint::committed(
            &goals(GOALS_MAX..GOALS_MAX + 1),
            (false, false),
        ));
        let news = heard.next().await;
        assert_eq!((news.goals.len(), news.all, news.queue), (0, true, false));
    }
}
