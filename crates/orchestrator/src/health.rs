//! Whether the service can work, and what it counts.

use std::time::Duration;

use api::health::Health;

use crate::figures::{Gauge, Summary};
use crate::state::App;

/// Longest wait for the database's sign of life.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The first component that fails, or none.
pub(crate) async fn ready(app: &App) -> Health {
    if app.engine.health().draining {
        return Health::failing("engine");
    }
    match tokio::time::timeout(ANSWER_WITHIN, app.store.open_goals(0, 1)).await {
        Ok(Ok(_)) if app.store.space_is_low() => Health::failing("disk"),
        Ok(Ok(_)) => match (app.engine.trouble(), app.config.accepts) {
            (None, _) => Health::ok(),
            // What is accepted is durable, and is driven as soon as somebody can be told of it.
            (Some(_), true) => Health::degraded("temporal"),
            (Some(_), false) => Health::failing("temporal"),
        },
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not answer");
            Health::failing("database")
        }
        Err(_) => Health::failing("database"),
    }
}

/// All figures in Prometheus text.
pub(crate) fn figures(app: &App) -> String {
    let engine = app.engine.health();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let store = app.store.figures();
    let gauges = [
        Gauge {
            name: "omnihub_goals_active",
            help: "Goals in memory.",
            value: count(engine.active),
        },
        Gauge {
            name: "omnihub_goals_queued",
            help: "Goals that wait for their turn.",
            value: count(engine.queued),
        },
        Gauge {
            name: "omnihub_goals_timed",
            help: "Goals that wait for a time.",
            value: count(engine.timers),
        },
        Gauge {
            name: "omnihub_effects_running",
            help: "Effects under way.",
            value: u64::from(engine.effects),
        },
    ];
    let commits = Summary {
        name: "omnihub_commit_duration_seconds",
        help: "Commits of the journal, and how long they took.",
        count: store.groups,
        sum: store.committing,
    };
    app.figures.text(&gauges, &commits)
}
