//! The command line of the program: its options, then the command that it runs.

use std::ffi::OsString;
use std::time::Duration;

/// How it is used.
pub(crate) const USAGE: &str = "\
usage: servers [OPTIONS] [--] COMMAND [ARGUMENT]...
       servers

Runs a command with throw-away servers, which end with it. Without a command: says the URL of an empty database, and ends
with its input.

In the command these are replaced, and only the servers are started whose word is there:
  {url}       the URL of an empty database of PostgreSQL
  {temporal}  host:port of a server of Temporal
  {redis}     the URL of a Redis

Options:
  --real                the real server of Temporal, on the same PostgreSQL, not its development server
  --kill-every SECONDS  about so often, kills one of the servers and starts it again 0.2 to 2 seconds later
  --seed N              draws the moments of the kills from this seed
  --help                says this

It ends with 0 where the command did, with 1 where the command failed or a server did, and with 2 where it is used wrongly.";

/// What is replaced in the command.
const WORDS: [&str; 3] = ["{url}", "{temporal}", "{redis}"];
/// Longest time between two kills: what is longer was meant for something else.
const EVERY_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What is asked of the program.
#[derive(Debug, PartialEq)]
pub(crate) enum Wish {
    /// How it is used.
    Help,
    /// The URL of an empty database, until the input ends.
    Url,
    /// A command with servers.
    Run(Run),
}

/// A command with servers.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    /// Whether the server of Temporal is the real one.
    pub(crate) real: bool,
    /// How servers are killed meanwhile; `None`: not at all.
    pub(crate) kills: Option<Kills>,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
}

/// How servers are killed while the command runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kills {
    /// The time between two, on average.
    pub(crate) every: Duration,
    /// What they are drawn from; `None`: any.
    pub(crate) seed: Option<u64>,
}

/// Reads a command line.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Wish, String> {
    let words: Result<Vec<_>, _> = words.into_iter().map(OsString::into_string).collect();
    let words = words.map_err(|word| format!("{} is not UTF-8", word.display()))?;
    let mut words = words.into_iter();
    let (mut real, mut every, mut seed) = (false, None, None);
    let mut command: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--help" => return Ok(Wish::Help),
            "--real" => real = true,
            "--kill-every" => every = Some(time(words.next())?),
            "--seed" => seed = Some(number(words.next())?),
            "--" => command.extend(words.by_ref()),
            option if option.starts_with('-') => return Err(format!("there is no {option}")),
            _ => {
                command.push(word);
                command.extend(words.by_ref());
            }
        }
    }
    if command.is_empty() && !real && every.is_none() && seed.is_none() {
        return Ok(Wish::Url);
    }
    let run = Run {
        real,
        kills: every.map(|every| Kills { every, seed }),
        command,
    };
    if run.command.is_empty() {
        return Err("the options need a command".to_owned());
    }
    if real && !run.names("{temporal}") {
        return Err("--real needs {temporal} in the command".to_owned());
    }
    if every.is_some() && !WORDS.iter().any(|word| run.names(word)) {
        return Err("--kill-every needs {url}, {temporal} or {redis} in the command".to_owned());
    }
    if seed.is_some() && every.is_none() {
        return Err("--seed needs --kill-every".to_owned());
    }
    Ok(Wish::Run(run))
}

impl Run {
    /// Whether a word that is replaced is in the command.
    pub(crate) fn names(&self, word: &str) -> bool {
        self.command.iter().any(|argument| argument.contains(word))
    }
}

fn time(value: Option<String>) -> Result<Duration, String> {
    let value = value.unwrap_or_default();
    let time = value.parse().ok();
    let time = time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.filter(|time| !time.is_zero() && *time <= EVERY_MAX)
        .ok_or_else(|| {
            format!("--kill-every needs seconds, more than 0 and at most a day, not {value:?}")
        })
}

fn number(value: Option<String>) -> Result<u64, String> {
    let value = value.unwrap_or_default();
    let number = value.parse();
    number.map_err(|_| format!("--seed needs a number from 0 to 2^64 - 1, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Wish, String> {
        read(line.split_whitespace().map(OsString::from))
    }

    fn run(real: bool, kills: Option<(u64, Option<u64>)>, command: &str) -> Result<Wish, String> {
        Ok(Wish::Run(Run {
            real,
            kills: kills.map(|(milliseconds, seed)| Kills {
                every: Duration::from_millis(milliseconds),
                seed,
            }),
            command: command.split_whitespace().map(str::to_owned).collect(),
        }))
    }

    #[test]
    fn options_end_where_the_command_begins() {
        assert_eq!(check(""), Ok(Wish::Url));
        assert_eq!(check("--help"), Ok(Wish::Help));
        assert_eq!(check("true"), run(false, None, "true"));
        assert_eq!(
            check("a --real --help"),
            run(false, None, "a --real --help")
        );
        assert_eq!(check("-- -a -- {url}"), run(false, None, "-a -- {url}"));
        assert_eq!(
            check("--real a {temporal}"),
            run(true, None, "a {temporal}")
        );
        assert_eq!(
            check("--kill-every 2.5 a --to={redis}"),
            run(false, Some((2_500, None)), "a --to={redis}")
        );
        assert_eq!(
            check("--seed 7 --kill-every 10 a {url}"),
            run(false, Some((10_000, Some(7))), "a {url}")
        );
    }

    #[test]
    fn wrong_usage_is_named() {
        let wrong = [
            ("--reel a {temporal}", "there is no --reel"),
            ("--real", "the options need a command"),
            ("--seed 1", "the options need a command"),
            ("--real a {url}", "--real needs {temporal} in the command"),
            ("--seed 1 a {url}", "--seed needs --kill-every"),
            (
                "--kill-every 1 a",
                "--kill-every needs {url}, {temporal} or {redis} in the command",
            ),
            (
                "--seed -1 a {url}",
                "--seed needs a number from 0 to 2^64 - 1, not \"-1\"",
            ),
            (
                "--kill-every",
                "--kill-every needs seconds, more than 0 and at most a day, not \"\"",
            ),
        ];
        for (line, message) in wrong {
            assert_eq!(check(line), Err(message.to_owned()), "{line}");
        }
        for seconds in ["0", "-1", "soon", "inf", "NaN", "86401"] {
            check(&format!("--kill-every {seconds} a {{url}}")).unwrap_err();
        }
    }
}
