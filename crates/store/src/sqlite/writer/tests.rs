//! What the writer does with a group of requests.

use audit::{Action, Draft};

use crate::chain::Chain;
use crate::error::Error;
use crate::sqlite::Sqlite;
use crate::store::{Kind, Store, StoreConfig};
use crate::verify;

fn evidence(bytes: usize) -> Vec<Draft> {
    let draft = Draft::new(Action::named("test.written"), "nobody", "text", "x");
    vec![draft.with("text", "x".repeat(bytes))]
}

fn sqlite(store: &Store) -> &Sqlite {
    match &store.kind {
        Kind::Sqlite(sqlite) => sqlite,
        Kind::Postgres(_) => unreachable!("these stores are opened from folders"),
    }
}

/// Lets the database have so many more pages, or as many as it likes.
async fn limit(store: &Store, pages: Option<i64>) {
    let set = sqlite(store).write(move |writing| {
        let used: i64 = writing
            .conn
            .query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let most = pages.map_or(i64::from(u32::MAX) - 1, |pages| used + pages);
        writing
            .conn
            .query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?;
        Ok::<(), Error>(())
    });
    set.await.unwrap();
}

#[test]
fn a_writer_that_panics_ends_the_process() {
    use std::os::unix::process::ExitStatusExt as _;

    const NAME: &str = "sqlite::writer::tests::a_writer_that_panics_ends_the_process";
    const DIR: &str = "STORE_PANICS_IN";
    const SIGABRT: i32 = 6;
    if let Ok(dir) = std::env::var(DIR) {
        let store = Store::open(StoreConfig::new(dir)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(sqlite(&store).write::<(), Error, _>(|_| panic!("planted")))
            .unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert_eq!(child.status.signal(), Some(SIGABRT), "{said}");
    assert!(said.contains("so the process ends"), "{said}");
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_keeps_the_rest_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::new(dir.path())).unwrap();
    let chain = Chain::Installation;
    store.append_evidence(&chain, evidence(10)).await.unwrap();
    limit(&store, Some(2)).await;
    let full = store
        .append_evidence(&chain, evidence(100_000))
        .await
        .unwrap_err();
    assert!(matches!(full, Error::NoSpace), "{full:?}");
    limit(&store, None).await;
    store
        .append_evidence(&chain, evidence(100_000))
        .await
        .unwrap();
    drop(store);
    let verified = verify(dir.path(), &crate::VerifyOptions::default()).unwrap();
    assert_eq!(verified[0].result.as_ref().unwrap().entries, 2);
    drop(Store::open(StoreConfig::new(dir.path())).unwrap());
}
