//! The command line: one command per noun, global options before or after it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::identity::Persona;

/// OmniHub carries out goals in plain words, durably: a goal ends completed, or undone, or in a person's hands, and you
/// can prove which.
#[derive(Debug, Parser)]
#[command(
    name = "omnihub",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 server not reachable."
)]
pub(crate) struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder of all state of an embedded instance [env: OMNIHUB_DATA_DIR] [default: ./omnihub-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Settings file [env: OMNIHUB_CONFIG] [default: ./omnihub.toml where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The server to talk to [env: OMNIHUB_URL] [default: the address of the settings, http://127.0.0.1:8000]
    #[arg(long, global = true)]
    pub url: Option<String>,
    /// The token to act by [env: OMNIHUB_TOKEN] [default: a short one minted from the data directory's development issuer]
    #[arg(long, global = true)]
    pub token: Option<String>,
    /// Who to mint the token for [default: the local user, role admin, tenant default]
    #[arg(
        long = "as",
        global = true,
        value_name = "SUBJECT[:ROLE[@TENANT]]",
        conflicts_with = "token"
    )]
    pub persona: Option<Persona>,
    /// Write JSON for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more of what goes on; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(commands::serve::Serve),
    /// Run a small travel desk on a free port: three goals, live, then the proof
    Demo(commands::demo::Demo),
    /// Submit goals, look at them, stop them
    #[command(subcommand)]
    Goal(commands::goal::Goal),
    /// Decide what waits for a person
    #[command(subcommand)]
    Approval(commands::approval::Approval),
    /// Look at the tools that plans can use
    #[command(subcommand)]
    Tool(commands::tool::Tool),
    /// Look at playbooks, or check them without a server
    #[command(subcommand)]
    Playbook(commands::playbook::Playbook),
    /// Verify, export and read the evidence
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// Mint tokens of the development issuer
    #[command(subcommand)]
    Token(commands::token::Token),
    Backup(commands::backup::Backup),
    Restore(commands::backup::Restore),
    Migrate(commands::migrate::Migrate),
    /// Run a guarantee against this very binary and print the figures
    #[command(subcommand)]
    Prove(commands::prove::Prove),
    /// Check the clock, the disk, the store and everything that is connected
    Doctor(commands::doctor::Doctor),
    /// Show the settings in force, or every setting there is
    #[command(subcommand)]
    Config(commands::config::Config),
    /// Print the HTTP contract
    Openapi,
    /// Print a completion script for a shell
    Completions(commands::completions::Completions),
}
