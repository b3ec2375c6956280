//! Runs a command with a throw-away PostgreSQL: every `{url}` in it becomes the URL of an empty database. The server ends
//! with the command. Without a command it says the URL and ends with its input, for trying by hand.

use std::io::{Read as _, Write as _};
use std::process::{Command, ExitCode};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let server = servers::Postgres::start()?;
    let url = server.database()?;
    let mut arguments = std::env::args()
        .skip(1)
        .map(|word| word.replace("{url}", &url));
    let Some(program) = arguments.next() else {
        writeln!(std::io::stdout(), "{url}")?;
        std::io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(ExitCode::SUCCESS);
    };
    let ended = Command::new(program).args(arguments).status()?;
    Ok(match ended.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
