//! Crashes: the process ends at each write boundary, and the store that is opened next holds all that was answered.

use std::path::Path;

use audit::Action;
use domain::goal::GoalStatus;
use store::{Chain, EntryFilter, Page, Store, StoreConfig};

use crate::child::{self, LANES, ROUNDS};
use crate::world::{goal_id, tenant};

/// Makes sure that a store holds everything that it answered for.
pub async fn holds(store: &Store, lines: &[String]) -> Result<(), String> {
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        let held = match words.as_slice() {
            ["APPENDED", trace, sequence] => {
                holds_goal(store, trace, sequence.parse().unwrap()).await
            }
            ["POSTED", trace, id] => holds_wish(store, trace, id.parse().unwrap()).await,
            ["EVIDENCE", trace] => holds_evidence(store, trace).await,
            ["HELD", trace] => holds_control(store, trace).await,
            ["CHECKPOINT", size] => holds_entries(store, size.parse().unwrap()).await,
            _ => true,
        };
        if !held {
            return Err(format!("{line}: lost"));
        }
    }
    Ok(())
}

async fn holds_goal(store: &Store, trace: &str, sequence: u64) -> bool {
    let goal = store.load(&tenant("acme"), &goal_id(trace)).await.unwrap();
    goal.is_some_and(|goal| goal.saga.sequence() >= sequence)
}

/// It waits, or it was heard: the goal went on after the three events that it waited with.
async fn holds_wish(store: &Store, trace: &str, id: u64) -> bool {
    let goal = store.load(&tenant("acme"), &goal_id(trace)).await.unwrap();
    goal.is_some_and(|goal| {
        goal.inbox.iter().any(|(waiting, _)| *waiting == id) || goal.saga.sequence() > 3
    })
}

async fn holds_evidence(store: &Store, trace: &str) -> bool {
    let mut export = store
        .export(&Chain::Installation, Vec::new())
        .await
        .unwrap();
    let mut text = String::new();
    while let Some(piece) = export.next().await.unwrap() {
        text.push_str(&piece);
    }
    text.contains(&format!("\"resource_id\":\"{trace}\""))
}

async fn holds_control(store: &Store, trace: &str) -> bool {
    let filter = EntryFilter {
        action: Some(Action::ADMIN_CHANGED.as_str().to_owned()),
        resource_id: Some(trace.to_owned()),
        ..EntryFilter::default()
    };
    let entries = store
        .entries(&tenant("acme"), filter, Page::default())
        .await
        .unwrap();
    let gate = store.gate();
    gate.holding(&tenant("acme"), &goal_id(trace)) == Some(trace) && entries.items.len() == 1
}

async fn holds_entries(store: &Store, size: u64) -> bool {
    store
        .checkpoint(&Chain::Tenant(tenant("acme")))
        .await
        .unwrap()
        .size
        >= size
}

/// Opens what a child left and looks at it from all sides.
pub fn check(dir: &Path, lines: &[String]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store =
        Store::open(StoreConfig::new(dir)).map_err(|error| format!("{error}: {error:?}"))?;
    runtime.block_on(holds(&store, lines))?;
    drop(store);
    let damages = store::check_full(dir).map_err(|error| error.to_string())?;
    if damages.is_empty() {
        Ok(())
    } else {
        Err(format!("{damages:?}"))
    }
}

#[test]
fn nothing_answered_is_lost_wherever_the_process_ends() {
    let points = [
        ("begin", 5),
        ("audit", 1),
        ("audit", 9),
        ("append.toolset", 1),
        ("append.journal", 1),
        ("append.journal", 8),
        ("append.payloads", 6),
        ("append.goal", 7),
        ("append.approvals", 4),
        ("append.idempotency", 3),
        ("append.notices", 2),
        ("append.inbox", 3),
        ("post.inbox", 3),
        ("post.approval", 4),
        ("control.set", 2),
        ("checkpoint", 3),
        ("checkpoint.file", 2),
        ("chains", 1),
        ("chains", 14),
        ("commit", 1),
        ("commit", 11),
        ("committed", 1),
        ("committed", 12),
        ("copy", 1),
        ("copied", 1),
        ("copied", 2),
    ];
    for (name, count) in points {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("prove-run"), "").unwrap();
        let fault = format!("{name}:{count}");
        let environment = [("OMNIHUB_FAULT", fault.as_str()), ("STORE_LOG_PAGES", "40")];
        let done = child::run("work", dir.path(), &environment);
        assert!(
            !done.status.success(),
            "{name}:{count} was never reached: {:?}",
            done.lines.last()
        );
        check(dir.path(), &done.lines).unwrap_or_else(|lost| panic!("{name}:{count}: {lost}"));
    }
}

#[test]
fn without_a_crash_everything_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let done = child::run("work", dir.path(), &[]);
    assert!(done.status.success() && done.lines.iter().any(|line| line == "DONE"));
    check(dir.path(), &done.lines).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let store = Store::open(StoreConfig::new(dir.path())).unwrap();
    let filter = store::GoalFilter {
        status: Some(GoalStatus::Completed),
        ..Default::default()
    };
    let ended = runtime
        .block_on(store.goals(&tenant("acme"), filter, Page::default()))
        .unwrap();
    assert_eq!(ended.items.len(), LANES * ROUNDS);
}

#[test]
fn a_sabotaged_journal_loses_what_it_answered() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("prove-run"), "").unwrap();
    // The fault point after the answers and before the COMMIT of a group.
    let done = child::run(
        "work",
        dir.path(),
        &[("STORE_SABOTAGE", "1"), ("OMNIHUB_FAULT", "sabotage:5")],
    );
    assert!(!done.status.success() && !done.lines.is_empty());
    check(dir.path(), &done.lines).expect_err("nothing was lost");
}
