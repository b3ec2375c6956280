//! Runs a command with throw-away servers, which end with it; on a wish it kills them meanwhile and starts them again.
//!
//! When this program is ended, the command is told to end too, by SIGTERM.

mod arguments;
mod killer;
mod random;
mod started;

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use self::arguments::{Kills, Run, Wish};
use self::started::{Server, Started};

/// It was used wrongly.
const WRONG_USAGE: u8 = 2;
/// How long a command that is told to end has for it: a proof ends a few servers meanwhile.
const END_GRACE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let wish = match arguments::read(std::env::args_os().skip(1)) {
        Ok(wish) => wish,
        Err(wrong) => {
            eprintln!("servers: {wrong}\n\n{}", arguments::USAGE);
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let done = match wish {
        Wish::Help => say(arguments::USAGE).map(|()| true),
        Wish::Url => say_url().map(|()| true),
        Wish::Run(run) => run_command(&run).map(|ended| ended.success()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let source = error.source().map(|source| format!(": {source}"));
            eprintln!("servers: {error}{}", source.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

fn say_url() -> Result<(), Box<dyn Error>> {
    let server = servers::Postgres::start()?;
    say(&server.database()?)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn run_command(run: &Run) -> Result<ExitStatus, Box<dyn Error>> {
    let started = Started::for_command(run)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]);
    command.args(run.command.iter().map(|word| started.filled(word)));
    let mut command = command.spawn()?;
    match run.kills {
        None => Ok(command.wait()?),
        Some(kills) => run_with_kills(&mut command, &started.servers, kills),
    }
}

fn run_with_kills(
    command: &mut Child,
    servers: &[Server],
    Kills { every, seed }: Kills,
) -> Result<ExitStatus, Box<dyn Error>> {
    let seed = seed.unwrap_or_else(random::any_seed);
    eprintln!("servers: seed {seed}");
    match killer::kill_meanwhile(command, servers, (every, seed)) {
        Ok((ended, kills)) => {
            eprintln!("servers: {kills} kills, seed {seed}");
            Ok(ended)
        }
        Err(error) => {
            // It would wait for a server that does not come back.
            end(command)?;
            Err(error.into())
        }
    }
}

/// Tells a command to end, and kills it where it does not: what it started itself is its own to end.
fn end(command: &mut Child) -> Result<(), Box<dyn Error>> {
    let pid = i32::try_from(command.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or("the command has no number")?;
    // It has not been waited for, so that nobody else has its number.
    kill_process(pid, Signal::TERM)?;
    if killer::ended_before(Instant::now() + END_GRACE, command)?.is_none() {
        command.kill()?;
        command.wait()?;
    }
    Ok(())
}
