//! `prove crash` on real children of this binary: green where nothing is broken, red where one guarantee is.

use serde_json::Value;

use crate::world::{Ran, World};

/// Runs the proof; what it keeps of a broken promise goes when its report was read.
fn crash(kills: &str, more: &[&str]) -> (Ran, Value) {
    let arguments = [
        "prove", "crash", "--json", "--goals", "16", "--kills", kills,
    ];
    let ran = World::new("").run(&[&arguments, more].concat());
    let report: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let detail = report["error"]["detail"].as_str().unwrap_or_default();
    let kept = detail
        .split_once("is kept in ")
        .and_then(|(_, rest)| rest.split_once(": "));
    let kept = kept.map(|(folder, _)| folder);
    if let Some(folder) = report["kept_in"].as_str().or(kept) {
        std::fs::remove_dir_all(folder).unwrap();
    }
    (ran, report)
}

fn count(report: &Value, what: &str) -> u64 {
    report[what]
        .as_u64()
        .unwrap_or_else(|| panic!("{what}: {report}"))
}

#[test]
fn killed_servers_double_nothing_lose_nothing_and_hide_nothing() {
    let (ran, report) = crash("10", &[]);
    assert_eq!(ran.code, 0, "{report:#}");
    assert_eq!(report["kept"], true);
    for wrong in ["doubled", "lost", "hidden_doubt", "unfinished"] {
        assert_eq!(count(&report, wrong), 0, "{report:#}");
    }
    assert_eq!(
        (count(&report, "kills"), count(&report, "restarts")),
        (10, 10)
    );
    assert!(count(&report, "kills_that_hit") > 0, "{report:#}");
    assert!(
        count(&report, "arrivals") > 0 && count(&report, "audit_entries") > 0,
        "{report:#}"
    );
}

#[test]
fn an_unwritten_journal_is_noticed() {
    let (ran, report) = crash("6", &["--sabotage", "journal"]);
    assert_eq!(ran.code, 1, "{report:#}");
    // Where a checkpoint was signed in between, the store itself refuses to start without what it signs.
    let refused = report["error"]["detail"]
        .as_str()
        .is_some_and(|detail| detail.contains("were signed, and the database does not hold"));
    assert!(
        refused || count(&report, "lost") + count(&report, "doubled") > 0,
        "{report:#}"
    );
}

#[test]
fn a_key_that_changes_is_noticed() {
    let (ran, report) = crash("6", &["--sabotage", "key"]);
    assert_eq!(ran.code, 1, "{report:#}");
    assert!(count(&report, "doubled") > 0, "{report:#}");
}

#[test]
fn a_broken_promise_is_a_failure_also_where_nobody_reads_the_report() {
    let key = [
        "prove",
        "crash",
        "--goals",
        "16",
        "--kills",
        "6",
        "--sabotage",
        "key",
    ];
    let ran = World::new("").run_unheard(&key);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!ran.stderr.contains("error"), "{ran:?}");
}

#[test]
fn an_undo_that_is_only_said_is_noticed() {
    let (ran, report) = crash("6", &["--sabotage", "undo"]);
    assert_eq!(ran.code, 1, "{report:#}");
    assert!(count(&report, "lost") > 0, "{report:#}");
}

#[test]
fn no_server_breaks_a_guarantee_outside_of_a_proof() {
    let ran = World::new("").run(&["serve", "--port", "0", "--sabotage", "key"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("--sabotage is for proofs only"),
        "{ran:?}"
    );
    assert_eq!(ran.stdout, "", "it never listened");
}
