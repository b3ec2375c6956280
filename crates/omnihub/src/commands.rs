//! The commands, one file per noun. Those that talk to a server do it over HTTP like anyone else, by `api::client`.

pub(crate) mod approval;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
mod footing;
pub(crate) mod goal;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod playbook;
pub(crate) mod prove;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod tool;

use anyhow::Result;

use crate::cli::Command;
use crate::context::Context;

/// Runs a command.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(command: Command, context: &Context) -> Result<()> {
    match command {
        Command::Serve(serve) => serve.run(context),
        Command::Demo(demo) => demo.run(context),
        Command::Goal(goal) => wait_for(goal.run(context)),
        Command::Approval(approval) => wait_for(approval.run(context)),
        Command::Tool(tool) => wait_for(tool.run(context)),
        Command::Playbook(playbook) => wait_for(playbook.run(context)),
        Command::Audit(audit) => wait_for(audit.run(context)),
        Command::Token(token) => token.run(context),
        Command::Backup(backup) => wait_for(backup.run(context)),
        Command::Restore(restore) => wait_for(restore.run(context)),
        Command::Migrate(migrate) => wait_for(migrate.run(context)),
        Command::Prove(prove) => prove.run(context),
        Command::Doctor(doctor) => wait_for(doctor.run(context)),
        Command::Config(config) => config.run(context),
        Command::Openapi => openapi::run(context),
        Command::Completions(completions) => completions.run(),
    }
}

/// Waits for a client's work on this thread: it has little to do and starts faster without others.
fn wait_for(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
