//! `omnihub playbook …`: the playbooks that a server offers; and playbooks on disk, checked without one.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use api::list::PageQuery;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure;
use crate::wiring::{self, BrokenPlaybooks};

/// Look at playbooks, or check them without a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Playbook {
    /// List the playbooks of the server by name
    List,
    /// Check playbook files or folders as a start would, without a server
    Check {
        /// Files and folders [default: the folder of the settings]
        paths: Vec<PathBuf>,
    },
}

impl Playbook {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List => list(context).await,
            Self::Check { paths } => check(context, paths),
        }
    }
}

async fn list(context: &Context) -> Result<()> {
    let client = context.client()?;
    let (mut playbooks, mut query) = (
        Vec::new(),
        PageQuery {
            limit: Some(200),
            cursor: None,
        },
    );
    loop {
        let page = client.playbooks(&query).await?;
        playbooks.extend(page.items);
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    if context.output.is_json() {
        return Ok(context.output.json(&playbooks)?);
    }
    let rows = playbooks.into_iter().map(|playbook| {
        let steps = playbook
            .plan
            .get("steps")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        [
            playbook.name,
            steps.to_string(),
            playbook.utterances.join(" | "),
        ]
    });
    Ok(context.output.table(
        ["playbook", "steps", "words"],
        rows.collect(),
        "no playbooks",
    )?)
}

fn check(context: &Context, paths: Vec<PathBuf>) -> Result<()> {
    let (loaded, output) = (context.settings()?, context.output);
    let paths = match (paths.is_empty(), &loaded.settings.playbooks.dir) {
        (false, _) => paths,
        (true, Some(dir)) => vec![dir.clone()],
        (true, None) => bail!("name files or folders: the settings have no playbooks.dir"),
    };
    let mut files = Vec::new();
    for path in &paths {
        if path.is_dir() {
            files.extend(wiring::playbook_files(path)?);
        } else {
            files.push(path.clone());
        }
    }
    // The tools decide what a plan may say; mail that nobody sends needs no folder in the data directory.
    let outbox = tempfile::tempdir().context("no folder for the check")?;
    let agent = wiring::open_agent_with(&loaded, outbox.path().to_owned())?;
    match wiring::read_playbooks(&files, &loaded.settings, agent.schemas()) {
        Ok(playbooks) => {
            let names: Vec<_> = playbooks
                .iter()
                .map(|playbook| playbook.name.clone())
                .collect();
            if output.is_json() {
                return Ok(
                    output.json(&json!({ "valid": true, "playbooks": names, "errors": [] }))?
                );
            }
            Ok(output.line(format!(
                "{} playbooks are fine: {}",
                names.len(),
                names.join(", ")
            ))?)
        }
        Err(error) => match error.downcast::<BrokenPlaybooks>() {
            Ok(broken) => failure::judged(false, tell(context, &broken)),
            Err(error) => Err(error),
        },
    }
}

fn tell(context: &Context, BrokenPlaybooks(errors): &BrokenPlaybooks) -> Result<()> {
    let output = context.output;
    if output.is_json() {
        let errors: Vec<_> = errors
            .iter()
            .map(|error| {
                json!({ "file": error.file, "line": error.line, "column": error.column, "pointer": error.pointer, "reason": error.reason })
            })
            .collect();
        return Ok(output.json(&json!({ "valid": false, "errors": errors }))?);
    }
    for error in errors {
        output.line(wiring::told_playbook(error))?;
    }
    Ok(())
}
