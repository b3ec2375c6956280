//! The binary: configuration, telemetry, wiring and the command line. What goals are and how they advance is elsewhere.

mod cli;
mod commands;
mod config;
mod context;
mod demo;
mod failure;
mod identity;
mod lifeline;
mod narrate;
mod output;
mod prove;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::context::Context;
use crate::output::Output;

/// A goal's steps are many small allocations, made by one thread and freed by another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::of_process(cli.global.json);
    let context = Context {
        global: cli.global,
        output,
    };
    match commands::run(cli.command, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if failure::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failure::tell(&error, &output),
    }
}
