//! Reading the evidence over HTTP: a list of entries, one entry, all of it as an export.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use api::audit::AuditQuery;

use super::Show;
use crate::context::Context;

impl Show {
    pub(super) async fn run(self, context: &Context) -> Result<()> {
        let (client, output) = (context.client()?, context.output);
        if let Some(id) = &self.id {
            return Ok(output.json(&client.audit_entry(id).await?)?);
        }
        let query = AuditQuery {
            from: self.from,
            to: self.to,
            actor_id: self.actor,
            action: self.action,
            resource_id: self.resource,
            correlation_id: self.correlation,
            limit: Some(self.limit),
            cursor: self.cursor,
        };
        let page = client.audit_entries(&query).await?;
        if output.is_json() {
            return Ok(output.json(&page)?);
        }
        let rows = page.items.into_iter().map(|entry| {
            let resource = format!("{} {}", entry.resource_type, entry.resource_id);
            [
                entry.id,
                entry.timestamp.to_string(),
                entry.action,
                entry.status,
                entry.actor_id,
                resource,
            ]
        });
        output.table(
            ["entry", "at", "action", "status", "by", "on"],
            rows.collect(),
            "no entries",
        )?;
        if let Some(cursor) = page.next_cursor {
            eprintln!("more: --cursor {cursor}");
        }
        Ok(())
    }
}

/// Writes the tenant's evidence as JSON lines; a file appears whole or not at all.
pub(super) async fn export(context: &Context, path: Option<PathBuf>) -> Result<()> {
    let mut answer = context.client()?.audit_export().await?;
    let Some(path) = path else {
        let mut stdout = std::io::stdout().lock();
        while let Some(chunk) = answer.chunk().await? {
            stdout.write_all(&chunk)?;
        }
        return Ok(stdout.flush()?);
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(".".as_ref());
    let mut draft =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("{}", folder.display()))?;
    while let Some(chunk) = answer.chunk().await? {
        draft.write_all(&chunk)?;
    }
    draft.as_file().sync_all()?;
    draft
        .persist(&path)
        .with_context(|| format!("{}", path.display()))?;
    eprintln!(
        "{}: verify it anywhere with `omnihub audit verify {} --key …`",
        path.display(),
        path.display()
    );
    Ok(())
}
