//! Signs every chain of evidence that has grown, at least once a minute, and hands the checkpoint to the witness.
//!
//! A witness that cannot be reached does not stop the work: it gets the newest checkpoint of the chain at the next turn. A
//! checkpoint is never taken back.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use agent::outbound::{Outbound, Request, Resolver};
use anyhow::{Context as _, Result, bail};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use store::{SignedCheckpoint, Store};
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::signals;
use crate::config::Loaded;

/// How often a chain that has grown is signed (CONTRACT §5: at least every 60 s).
const EVERY: Duration = Duration::from_secs(30);
/// How long a witness may take.
const WITNESS_MAX: Duration = Duration::from_secs(10);

/// Who gets every checkpoint beside the data directory.
pub(crate) enum Witness {
    /// Nobody.
    None,
    /// A file that grows by a line each.
    File(PathBuf),
    /// A server that gets each by POST.
    Server(Url, Box<Outbound>),
}

impl Witness {
    /// The witness of the settings.
    ///
    /// # Errors
    /// `audit.witness` names none.
    pub(crate) fn open(loaded: &Loaded) -> Result<Self> {
        let Some(witness) = &loaded.settings.audit.witness else {
            return Ok(Self::None);
        };
        if !witness.contains("://") {
            let path = PathBuf::from(witness);
            let appendable = OpenOptions::new().append(true).create(true).open(&path);
            appendable.map_err(|error| {
                loaded.blame("audit.witness", format!("{}: {error}", path.display()))
            })?;
            return Ok(Self::File(path));
        }
        let url = Url::parse(witness)
            .map_err(|error| loaded.blame("audit.witness", format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(loaded.blame("audit.witness", "is not http or https").into());
        }
        let outbound = Outbound::open(&loaded.settings.outbound, Resolver::System)?;
        Ok(Self::Server(url, Box::new(outbound)))
    }

    async fn tell(&self, signed: &SignedCheckpoint) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::File(path) => {
                let (path, line) = (path.clone(), audit::export_line(&signed.note));
                tokio::task::spawn_blocking(move || append(&path, &line)).await?
            }
            Self::Server(url, outbound) => {
                let mut headers = HeaderMap::new();
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                );
                let body = signed.note.clone().into_bytes().into();
                let request = Request {
                    method: Method::POST,
                    url: url.clone(),
                    headers,
                    body,
                    body_max: 0,
                };
                let answer = outbound.send(request, Instant::now() + WITNESS_MAX).await;
                let answer = answer.map_err(|failure| {
                    anyhow::anyhow!("{}: {}", failure.error.code, failure.error.message)
                })?;
                if !answer.status.is_success() {
                    bail!("it answered {}", answer.status);
                }
                Ok(())
            }
        }
    }
}

fn append(path: &PathBuf, line: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .context("the file cannot be opened")?;
    file.write_all(format!("{line}\n").as_bytes())
        .context("the file cannot be written")?;
    file.sync_data().context("the file cannot be synced")
}

/// Signs until the process stops, and once more then.
pub(crate) async fn run(store: Store, witness: Witness, stopping: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
    let mut owed = BTreeMap::new();
    loop {
        // Both arms are cancel safe: a tick that was not taken comes again.
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = signals::stopped(stopping.clone()) => true,
        };
        // Of processes that share a store the one that drives signs.
        if store.is_driving() {
            sign(&store, &witness, &mut owed).await;
        }
        if last {
            return;
        }
    }
}

/// Signs what is due and hands over what the witness is owed, the newest of each chain.
async fn sign(store: &Store, witness: &Witness, owed: &mut BTreeMap<String, SignedCheckpoint>) {
    match store.checkpoint_due().await {
        Ok(signed) => owed.extend(
            signed
                .into_iter()
                .map(|signed| (signed.chain.to_string(), signed)),
        ),
        Err(error) => tracing::error!(%error, "checkpoints could not be signed"),
    }
    for (chain, checkpoint) in std::mem::take(owed) {
        if let Err(error) = witness.tell(&checkpoint).await {
            tracing::warn!(
                chain,
                size = checkpoint.size,
                error = format!("{error:#}"),
                "the witness did not get a checkpoint"
            );
            owed.insert(chain, checkpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use audit::{Action, Draft};
    use store::{Chain, StoreConfig};

    use super::*;

    #[tokio::test]
    async fn a_witness_that_was_away_gets_the_newest_checkpoint_although_nothing_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::new(dir.path().join("data"))).unwrap();
        let grow = async || {
            let draft = Draft::new(Action::AUTH_FAILED, "nobody", "token", "x");
            let grown = store.append_evidence(&Chain::Installation, vec![draft]);
            grown.await.unwrap();
        };
        let path = dir.path().join("witness.jsonl");
        let (witness, mut owed) = (Witness::File(path.clone()), BTreeMap::new());
        // A folder in the file's place cannot be opened for writing.
        std::fs::create_dir(&path).unwrap();
        grow().await;
        sign(&store, &witness, &mut owed).await;
        grow().await;
        sign(&store, &witness, &mut owed).await;
        std::fs::remove_dir(&path).unwrap();

        sign(&store, &witness, &mut owed).await;
        let newest = store.checkpoint(&Chain::Installation).await.unwrap();
        let told = std::fs::read_to_string(&path).unwrap();
        assert_eq!(told, audit::export_line(&newest.note) + "\n");
        sign(&store, &witness, &mut owed).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), told);
    }
}
