//! The evidence of a run: exported early while servers are being killed, and verified at the end by this very binary, in
//! the data directory and as an export, each held to extend what was exported early.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use api::client::ClientError;
use serde_json::Value;

use super::ground::Ground;
use super::line::Line;
use crate::demo::server::command;

/// What was verified.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// Entries of the data directory's chains.
    pub(crate) entries: u64,
    /// What is wrong, in the verifier's words.
    pub(crate) wrong: Vec<String>,
}

/// Exports the evidence into a file.
///
/// # Errors
/// The file cannot be written, or the server refuses.
pub(crate) async fn export(line: &Line, path: &Path) -> Result<()> {
    let answer = line.ask(async |clients| {
        let mut export = clients.auditor.audit_export().await?;
        let unreachable = |source| {
            let address = clients.auditor.address().to_owned();
            ClientError::Unreachable { address, source }
        };
        // An export that breaks off is begun anew.
        let mut file = match File::create(path) {
            Ok(file) => BufWriter::new(file),
            Err(error) => return Ok(Err(error)),
        };
        while let Some(chunk) = export.chunk().await.map_err(unreachable)? {
            if let Err(error) = file.write_all(&chunk) {
                return Ok(Err(error));
            }
        }
        Ok(file.flush())
    });
    let written = answer.await?.result;
    let written =
        written.map_err(|problem| anyhow!("no export: {}: {}", problem.code, problem.detail))?;
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Verifies the data directory and a fresh export; both must extend the `early` export.
///
/// # Errors
/// This binary cannot be run, or the export fails.
pub(crate) async fn verify(ground: &Ground, line: &Line, early: &Path) -> Result<Verified> {
    let late = ground.file("audit.jsonl");
    export(line, &late).await?;
    let mut verified = Verified::default();
    let (entries, wrong) = run(ground, None, early).await?;
    verified.entries = entries;
    verified.wrong.extend(wrong);
    let (exported, wrong) = run(ground, Some(&late), early).await?;
    verified.wrong.extend(wrong);
    if verified.wrong.is_empty() && exported == 0 {
        verified
            .wrong
            .push("the export holds no entries".to_owned());
    }
    Ok(verified)
}

/// Entries that were verified, and what is wrong; without an export, those of the store itself.
async fn run(ground: &Ground, export: Option<&Path>, early: &Path) -> Result<(u64, Vec<String>)> {
    let mut command = command()?;
    command
        .kill_on_drop(true)
        .arg("--config")
        .arg(ground.settings())
        .args(["audit", "verify", "--json"])
        .args(export)
        .arg("--since")
        .arg(early);
    let what = export.map_or_else(|| ground.data_dir(), Path::to_owned);
    let output = command
        .output()
        .await
        .context("this binary cannot be run")?;
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let chains = said
        .get("chains")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let entries = chains
        .iter()
        .filter_map(|chain| chain.get("entries")?.as_u64())
        .sum();
    if output.status.success() {
        return Ok((entries, Vec::new()));
    }
    let reasons = chains
        .iter()
        .filter_map(|chain| Some(chain.get("reason")?.as_str()?.to_owned()));
    let mut wrong: Vec<String> = reasons
        .map(|reason| format!("{}: {reason}", what.display()))
        .collect();
    if wrong.is_empty() {
        wrong.push(format!(
            "{}: {}",
            what.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    Ok((entries, wrong))
}
