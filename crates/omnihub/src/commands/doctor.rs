//! `omnihub doctor`: what an operator would look at first, each with what it found; exit 1 if anything is wrong.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use agent::databases::Lack;
use anyhow::{Result, anyhow};
use api::client::Client;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use store::{Location, RedisConfig, VerifyOptions};

use crate::config::Loaded;
use crate::context::Context;
use crate::failure;
use crate::output::{Output, Tone};
use crate::wiring;

/// Writes of the disk's test: enough for a median, over in a second on a slow disk.
const SYNCS: usize = 40;
/// Past this a commit is slow enough to be said: a disk without a write cache that is safe takes about 10 ms.
const SYNC_SLOW: Duration = Duration::from_millis(25);
/// No honest clock shows a time before this program was written.
const CLOCK_MIN: &str = "2026-01-01T00:00:00Z";

/// Check the clock, the disk, the store and everything that is connected.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Read everything in the store and name each damage; takes long on a large one
    #[arg(long)]
    full: bool,
}

/// What one look found.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Care,
    Bad,
}

impl Doctor {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let loaded = context.settings()?;
        let dir = &loaded.settings.data_dir;
        let file = loaded
            .file
            .as_ref()
            .map_or("no file, defaults".to_owned(), |file| {
                file.display().to_string()
            });
        let mut findings = vec![found("settings", Ok((State::Good, file)))];
        findings.push(found("clock", clock()));
        findings.push(found("address", address(&loaded).await));
        findings.push(found("disk", disk(dir)));
        findings.push(found("space", space(dir, loaded.settings.store.reserve_mb)));
        let location = wiring::store_location(&loaded.settings);
        findings.extend(evidence(&location).await);
        if self.full {
            findings.push(found("every row", everything(&location).await));
        }
        if let Some(redis) = wiring::redis(&loaded.settings) {
            findings.push(found("redis", hints(&redis).await));
        }
        if let Some(driver) = wiring::look_at_driver(&loaded).await {
            findings.push(found("temporal", driver.map(|said| (State::Good, said))));
        }
        findings.extend(connections(&loaded).await);
        let good = findings.iter().all(|finding| finding.state != State::Bad);
        failure::judged(good, tell(context.output, &findings))
    }
}

fn found(what: &'static str, result: Result<(State, String)>) -> Finding {
    match result {
        Ok((state, detail)) => Finding {
            what,
            state,
            detail,
        },
        Err(error) => Finding {
            what,
            state: State::Bad,
            detail: format!("{error:#}"),
        },
    }
}

fn clock() -> Result<(State, String)> {
    let (now, earliest) = (Timestamp::now(), CLOCK_MIN.parse::<Timestamp>()?);
    if now < earliest {
        return Ok((
            State::Bad,
            format!("it shows {now}: tokens and deadlines would be wrong"),
        ));
    }
    Ok((State::Good, now.to_string()))
}

async fn address(loaded: &Loaded) -> Result<(State, String)> {
    let api = &loaded.settings.api;
    let mut found = tokio::net::lookup_host((api.host.as_str(), api.port)).await?;
    let address: SocketAddr = found
        .next()
        .ok_or_else(|| anyhow!("{:?} has no address", api.host))?;
    if let Err(error) = loaded.settings.auth.check_listen(address.ip()) {
        return Ok((State::Bad, error.to_string()));
    }
    match tokio::net::TcpListener::bind(address).await {
        Ok(_) => Ok((State::Good, format!("{address} is free"))),
        Err(error) => match Client::new(&format!("http://{address}"), None)?
            .ready()
            .await
        {
            Ok(health) if health.component.is_none() => {
                Ok((State::Good, format!("a server answers at {address}: ready")))
            }
            Ok(health) => {
                let component = health.component.unwrap_or_default();
                Ok(match health.status.as_str() {
                    "degraded" => (
                        State::Care,
                        format!(
                            "a server answers at {address}: degraded, without {component} goals are accepted and wait"
                        ),
                    ),
                    _ => (
                        State::Bad,
                        format!("a server answers at {address} and is not ready: {component}"),
                    ),
                })
            }
            Err(_) => Ok((State::Bad, format!("cannot listen on {address}: {error}"))),
        },
    }
}

/// Whether Redis can be used, which nothing needs.
async fn hints(redis: &RedisConfig) -> Result<(State, String)> {
    match redis.reach().await {
        Ok(()) => Ok((
            State::Good,
            "it answers; processes hear of each other at once".to_owned(),
        )),
        Err(error @ store::Error::Redis(_)) => {
            let later = "news of other processes come up to a quarter of a second later";
            Ok((State::Care, format!("{error}; {later}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// How long a commit takes: 4 KiB written and synced in the data directory, or where it will be.
fn disk(dir: &Path) -> Result<(State, String)> {
    let mut file = tempfile::tempfile_in(existing(dir))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort();
    let median = times.get(SYNCS / 2).copied().unwrap_or_default();
    let slowest = times.last().copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let detail = format!(
        "4 KiB synced in {:.2} ms (median of {SYNCS}; slowest {:.2} ms)",
        ms(median),
        ms(slowest)
    );
    let state = if median > SYNC_SLOW {
        State::Care
    } else {
        State::Good
    };
    Ok((state, detail))
}

fn space(dir: &Path, reserve_mb: u64) -> Result<(State, String)> {
    let found = rustix::fs::statvfs(existing(dir))?;
    let free_mb = found.f_bavail.saturating_mul(found.f_frsize) >> 20;
    let detail = format!("{free_mb} MB free, {reserve_mb} MB kept in reserve");
    Ok((
        if free_mb < reserve_mb {
            State::Bad
        } else {
            State::Good
        },
        detail,
    ))
}

/// The store's version and its evidence.
async fn evidence(location: &Location) -> Vec<Finding> {
    match location.is_founded().await {
        Ok(true) => {}
        Ok(false) => {
            let none = format!("none in {location} yet; the first start makes one");
            return vec![found("store", Ok((State::Good, none)))];
        }
        Err(error) => return vec![found("store", Err(error.into()))],
    }
    let key = location.verifier_key().await.map_err(anyhow::Error::from);
    let store = found(
        "store",
        key.map(|key| (State::Good, format!("{location}, signs by {}", key.name()))),
    );
    let chains = match location.verify(&VerifyOptions::default()).await {
        Ok(chains) => chains,
        Err(error) => return vec![store, found("evidence", Err(error.into()))],
    };
    let entries: u64 = chains
        .iter()
        .filter_map(|chain| chain.result.as_ref().ok())
        .map(|report| report.entries)
        .sum();
    let bad: Vec<_> = chains
        .iter()
        .filter_map(|chain| Some(format!("{}: {}", chain.chain, chain.result.as_ref().err()?)))
        .collect();
    let evidence = match bad.is_empty() {
        true => (
            State::Good,
            format!("{entries} entries in {} chains hold", chains.len()),
        ),
        false => (State::Bad, bad.join("; ")),
    };
    vec![store, found("evidence", Ok(evidence))]
}

async fn everything(location: &Location) -> Result<(State, String)> {
    if !location.is_founded().await? {
        return Ok((State::Good, "there is nothing yet".to_owned()));
    }
    let damages = location.check_full().await?;
    if damages.is_empty() {
        return Ok((State::Good, "as it was written".to_owned()));
    }
    Ok((
        State::Bad,
        damages
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    ))
}

/// The connected databases, the secrets and the playbooks, opened as a start would.
async fn connections(loaded: &Loaded) -> Vec<Finding> {
    let outbox = match tempfile::tempdir() {
        Ok(outbox) => outbox,
        Err(error) => return vec![found("connections", Err(error.into()))],
    };
    let agent = match wiring::open_agent_with(loaded, outbox.path().to_owned()) {
        Ok(agent) => agent,
        Err(error) => return vec![found("connections", Err(error))],
    };
    let mut findings = Vec::new();
    for (name, result) in agent.probe().await {
        let state = match (result, agent.lacks().get(&name)) {
            (Err(why), _) => Err(anyhow!("{name}: {why}")),
            (Ok(()), Some(lack @ Lack::Writing(_))) => Err(anyhow!("{name}: {lack}")),
            (Ok(()), Some(lack @ Lack::EffectsTable(_))) => {
                Ok((State::Good, format!("{name}; {lack}")))
            }
            (Ok(()), None) => Ok((State::Good, name)),
        };
        findings.push(found("database", state));
    }
    let playbooks = wiring::check_playbooks(loaded, agent.schemas());
    let count = |playbooks: domain::playbook::Playbooks| {
        (
            State::Good,
            format!("{} are fine", playbooks.iter().count()),
        )
    };
    findings.push(found("playbooks", playbooks.map(count)));
    findings
}

fn tell(output: Output, findings: &[Finding]) -> Result<()> {
    if output.is_json() {
        return Ok(output.json(&findings)?);
    }
    for Finding {
        what,
        state,
        detail,
    } in findings
    {
        let (sign, tone) = match state {
            State::Good => ("✓", Tone::Good),
            State::Care => ("!", Tone::Care),
            State::Bad => ("✗", Tone::Bad),
        };
        output.line(format!("{} {what:<10} {detail}", output.paint(tone, sign)))?;
    }
    Ok(())
}

/// The nearest folder that is there.
fn existing(dir: &Path) -> &Path {
    let mut dir = dir;
    while !dir.exists() {
        match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => dir = parent,
            _ => return Path::new("."),
        }
    }
    dir
}
