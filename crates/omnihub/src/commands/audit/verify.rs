//! `omnihub audit verify`: the first bad index and why, or what was proved and by whose word.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use audit::{Checkpoint, Expectations, Fault, Report, Since, Source, Verifier, VerifierKey};
use clap::Args;
use serde_json::{Value, json};
use store::{Chain, Location, StoreConfig, Verified, VerifyOptions};

use crate::context::Context;
use crate::failure::{self, Usage};
use crate::output::{Output, Tone};
use crate::wiring;

/// Longest line read, in bytes: far longer than an entry may be; what is longer is none.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Bytes at an export's end in which its checkpoint is looked for: the longest note with all its signatures.
const TAIL_BYTES: u64 = 128 << 10;

/// Verify an export, or a data directory also while a server writes to it.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An export, or a data directory [default: the data directory of the settings]
    path: Option<PathBuf>,
    /// The public key as somebody outside the store knows it, or a file that holds it
    #[arg(long)]
    key: Option<String>,
    /// A file with checkpoints kept elsewhere, which today's evidence must extend
    #[arg(long, value_name = "CHECKPOINT")]
    since: Vec<PathBuf>,
    /// Take an export that does not end in a checkpoint, although its end may be missing
    #[arg(long)]
    no_checkpoint: bool,
    /// Only this tenant's evidence of a data directory
    #[arg(long)]
    tenant: Option<String>,
}

/// What was found of one chain.
struct Found {
    name: String,
    /// Whether it is an export, to which nothing is added any more.
    export: bool,
    result: Result<Report, (Option<u64>, String)>,
}

impl Verify {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let location = match &self.path {
            None => Some(wiring::store_location(&context.settings()?.settings)),
            Some(path) if path.is_dir() => Some(Location::Directory(StoreConfig::new(path))),
            Some(_) => None,
        };
        let since = self
            .since
            .iter()
            .map(|path| checkpoints(path))
            .collect::<Result<Vec<_>>>()?
            .concat();
        let found = match (&location, &self.path) {
            (Some(location), _) => self.store(location, since).await?,
            (None, Some(path)) => vec![self.export(path, since)?],
            (None, None) => Vec::new(),
        };
        if found.is_empty() {
            let place = location.map_or_else(String::new, |location| location.to_string());
            bail!("{place} holds no such evidence");
        }
        let good = found.iter().all(|found| found.result.is_ok());
        failure::judged(good, tell(context.output, &found))
    }

    fn key(&self) -> Result<Option<VerifierKey>> {
        let Some(given) = &self.key else {
            return Ok(None);
        };
        let text = if Path::new(given).is_file() {
            std::fs::read_to_string(given)?
        } else {
            given.clone()
        };
        let key = text.trim().parse::<VerifierKey>();
        key.map(Some)
            .map_err(|error| Usage(format!("--key {given:?}: {error}")).into())
    }

    async fn store(&self, location: &Location, since: Vec<String>) -> Result<Vec<Found>> {
        let chain = match &self.tenant {
            Some(name) => Some(
                Chain::parse(name)
                    .ok_or_else(|| Usage(format!("--tenant {name:?} is no tenant")))?,
            ),
            None => None,
        };
        let origins: BTreeSet<_> = since
            .iter()
            .filter_map(|signed| origin_of(signed))
            .collect();
        let wanted = if chain.is_some() {
            origins.len().min(1)
        } else {
            origins.len()
        };
        let options = VerifyOptions {
            chain,
            key: self.key()?,
            since,
        };
        let verified = location.verify(&options).await;
        let verified = verified.with_context(|| format!("the store in {location}"))?;
        let held = verified.iter().filter(|chain| match &chain.result {
            Ok(report) => report.since_from_outside,
            Err(_) => true,
        });
        if held.count() < wanted {
            // A checkpoint that was held against nothing must not look like one that was kept.
            bail!(
                "--since: {} names no evidence of {location}",
                origins.into_iter().collect::<Vec<_>>().join(", ")
            );
        }
        let found = |Verified { chain, result }| {
            let result = Result::map_err(result, |unproven| match unproven {
                store::Unproven::Fault(fault) => told(&fault),
                other => (None, other.to_string()),
            });
            Found {
                name: chain.to_string(),
                export: false,
                result,
            }
        };
        Ok(verified.into_iter().map(found).collect())
    }

    fn export(&self, path: &Path, since: Vec<String>) -> Result<Found> {
        let mut file = File::open(path).with_context(|| format!("{}", path.display()))?;
        let origin = own_origin(&mut file)?;
        // A witness keeps the checkpoints of every chain: only those of this one count, where it is known.
        let several = since.len() > 1;
        let counts = |signed: &String| !several || origin.is_none() || origin_of(signed) == origin;
        let since: Vec<_> = since.into_iter().filter(counts).collect();
        if several && since.is_empty() {
            bail!("--since: none of the checkpoints is of {}", path.display());
        }
        let key = self.key()?;
        let expectations = Expectations {
            key_source: if key.is_some() {
                Source::Outside
            } else {
                Source::Store
            },
            key,
            origin,
            since: since
                .into_iter()
                .map(|signed| Since {
                    signed,
                    source: Source::Outside,
                })
                .collect(),
            checkpoint_required: !self.no_checkpoint,
            ..Expectations::default()
        };
        let name = path.display().to_string();
        let result = match Verifier::new(expectations) {
            Ok(verifier) => feed(verifier, BufReader::with_capacity(1 << 20, file))?
                .map_err(|fault| told(&fault)),
            Err(error) => Err((None, format!("checkpoint: {error}"))),
        };
        Ok(Found {
            name,
            export: true,
            result,
        })
    }
}

/// The origin that the checkpoint at an export's end names; `None`: there is none there, which the verifier will say.
fn own_origin(file: &mut File) -> Result<Option<String>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    file.rewind()?;
    let tail = String::from_utf8_lossy(&tail);
    let last = tail.trim_end().rsplit('\n').next().unwrap_or_default();
    Ok(note(last).as_deref().and_then(origin_of))
}

fn origin_of(signed: &str) -> Option<String> {
    Checkpoint::read_unverified(signed)
        .ok()
        .map(|(checkpoint, _)| checkpoint.origin)
}

/// The signed note of a line `{"checkpoint": …}`.
fn note(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line)
        .ok()?
        .get("checkpoint")?
        .as_str()
        .map(str::to_owned)
}

fn told(fault: &Fault) -> (Option<u64>, String) {
    (Some(fault.index), fault.to_string())
}

fn feed(mut verifier: Verifier, mut lines: impl BufRead) -> Result<Result<Report, Fault>> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut lines)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?
            == 0
        {
            return Ok(verifier.finish());
        }
        if let Err(fault) = verifier.feed(&line) {
            return Ok(Err(fault));
        }
    }
}

/// The signed notes of a file: one note as it is, or a line `{"checkpoint": …}` each, as witnesses and exports have them.
fn checkpoints(path: &Path) -> Result<Vec<String>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("--since {}", path.display()))?;
    if Checkpoint::read_unverified(&text).is_ok() {
        return Ok(vec![text]);
    }
    let notes: Vec<_> = text.lines().filter_map(note).collect();
    if notes.is_empty() {
        bail!("--since {}: it holds no checkpoint", path.display());
    }
    Ok(notes)
}

fn tell(output: Output, found: &[Found]) -> Result<()> {
    if output.is_json() {
        let chains: Vec<_> = found.iter().map(as_json).collect();
        return Ok(output.json(
            &json!({ "valid": found.iter().all(|found| found.result.is_ok()), "chains": chains }),
        )?);
    }
    for Found {
        name,
        export,
        result,
    } in found
    {
        match result {
            Err((_, reason)) if found.len() == 1 => output.line(output.paint(Tone::Bad, reason))?,
            Err((_, reason)) => {
                output.line(output.paint(Tone::Bad, &format!("{name}: {reason}")))?
            }
            Ok(report) => {
                let signed = match &report.key_name {
                    Some(key) => format!("key {key}"),
                    None if *export => "no checkpoint".to_owned(),
                    None => "no checkpoint is signed yet".to_owned(),
                };
                let line = format!(
                    "{name}: {} entries, root {}, {signed}",
                    report.entries, report.root
                );
                output.line(output.paint(Tone::Good, &line))?;
                output.line(output.paint(
                    Tone::Faint,
                    &format!("  {}", by_whose_word(report, *export)),
                ))?;
            }
        }
    }
    Ok(())
}

fn by_whose_word(report: &Report, export: bool) -> String {
    if report.key_name.is_none() {
        let why = match export {
            true => "without a checkpoint its end may be missing",
            false => "a server signs the first checkpoint within a minute",
        };
        return format!("checked against itself only, no signature: {why}");
    }
    let uncovered = report.entries.saturating_sub(report.covered);
    let tail = match uncovered {
        0 => String::new(),
        1 => "; the last entry is under no checkpoint yet".to_owned(),
        more => format!("; the last {more} entries are under no checkpoint yet"),
    };
    let word = match (
        report.key_from_outside,
        report.since_from_outside,
        report.signature_checked,
    ) {
        (true, true, _) => "checked against a key and a checkpoint from outside",
        (true, false, _) => "checked against a key from outside",
        (false, true, _) => {
            "checked against a checkpoint from outside, its signature by the store's own key"
        }
        (false, false, true) => {
            "checked against the store's own key only: whoever holds store and key could rewrite both"
        }
        (false, false, false) => {
            "checked against itself only, no signature: --key names the key that you know"
        }
    };
    format!("{word}{tail}")
}

fn as_json(Found { name, result, .. }: &Found) -> Value {
    match result {
        Ok(report) => json!({
            "chain": name, "valid": true, "entries": report.entries, "root": report.root.to_string(),
            "key": report.key_name, "covered": report.covered, "since": report.since,
            "signature_checked": report.signature_checked, "key_from_outside": report.key_from_outside,
            "checkpoint_from_outside": report.since_from_outside,
        }),
        Err((index, reason)) => {
            json!({ "chain": name, "valid": false, "index": index, "reason": reason })
        }
    }
}
