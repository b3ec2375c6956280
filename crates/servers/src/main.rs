//! Starts a throw-away PostgreSQL, says the URL of an empty database, and ends it with its input: for trying by hand.

use std::io::{Read as _, Write as _};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = servers::Postgres::start()?;
    writeln!(std::io::stdout(), "{}", server.database()?)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
