//! `omnihub tool …`: the tools that plans can use here.

use anyhow::{Result, bail};
use api::client::Client;
use api::list::PageQuery;
use api::tools::ToolView;
use clap::Subcommand;
use domain::suggest::did_you_mean;

use crate::context::Context;

/// Look at the tools that plans can use.
#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// List the tools by name
    List,
    /// Show a tool with the schemas of its input and output
    Show {
        /// The tool
        #[arg(value_name = "TOOL")]
        name: String,
    },
}

impl Tool {
    /// Runs the command.
    pub(crate) async fn run(self, context: &Context) -> Result<()> {
        let tools = all(&context.client()?).await?;
        match self {
            Self::List => list(context, tools),
            Self::Show { name } => match tools.iter().find(|tool| tool.name == name) {
                Some(tool) => show(context, tool),
                None => {
                    let hint = did_you_mean(&name, tools.iter().map(|tool| tool.name.as_str()));
                    bail!("there is no tool {name:?}{hint}")
                }
            },
        }
    }
}

async fn all(client: &Client) -> Result<Vec<ToolView>> {
    let (mut tools, mut query) = (
        Vec::new(),
        PageQuery {
            limit: Some(200),
            cursor: None,
        },
    );
    loop {
        let page = client.tools(&query).await?;
        tools.extend(page.items);
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            return Ok(tools);
        }
    }
}

fn list(context: &Context, tools: Vec<ToolView>) -> Result<()> {
    if context.output.is_json() {
        return Ok(context.output.json(&tools)?);
    }
    let rows = tools.into_iter().map(|tool| {
        let undone_by = tool.undone_by.join(", ");
        [
            tool.name,
            word(&tool.class),
            word(&tool.lane),
            undone_by,
            tool.description,
        ]
    });
    let header = ["tool", "class", "lane", "undone by", "what it does"];
    Ok(context.output.table(header, rows.collect(), "no tools")?)
}

fn show(context: &Context, tool: &ToolView) -> Result<()> {
    let output = context.output;
    if output.is_json() {
        return Ok(output.json(tool)?);
    }
    output.line(format!(
        "{}  {} {}",
        tool.name,
        word(&tool.lane),
        word(&tool.class)
    ))?;
    output.line(format!("  {}", tool.description))?;
    if !tool.undone_by.is_empty() {
        output.line(format!("  undone by {}", tool.undone_by.join(", ")))?;
    }
    output.line(format!("  timeout {} s an attempt", tool.timeout_seconds))?;
    output.line(format!(
        "\ninput\n{}",
        serde_json::to_string_pretty(&tool.input_schema)?
    ))?;
    Ok(output.line(format!(
        "\noutput\n{}",
        serde_json::to_string_pretty(&tool.output_schema)?
    ))?)
}

/// The wire's word for one of the wire's values.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}
