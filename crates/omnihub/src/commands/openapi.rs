//! `omnihub openapi`: the HTTP contract; `openapi.json` is this text.

use anyhow::Result;

use crate::context::Context;

/// Runs the command.
pub(crate) fn run(context: &Context) -> Result<()> {
    Ok(context
        .output
        .line(orchestrator::openapi::document().to_pretty_json()?)?)
}
