//! What commands print: results on standard output, for people or as JSON; colours only where a terminal shows them.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use domain::goal::GoalStatus;
use serde::Serialize;

/// Longest text in a column of a table, in characters.
const COLUMN_CHARS_MAX: usize = 60;

/// Where results go and how they look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colours: bool,
    /// Whether a person sees it in a window of some width.
    terminal: bool,
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Somebody should look.
    Care,
    /// Not as it should be.
    Bad,
    /// Beside the point.
    Faint,
    /// The point.
    Strong,
}

impl Output {
    /// Output of this process: coloured on a terminal unless `NO_COLOR` (no-color.org) is set.
    pub(crate) fn of_process(json: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            json,
            colours: !json && !refused && !dumb && io::stdout().is_terminal(),
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Output without colours, as a pipe gets it.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self {
            json: false,
            colours: false,
            terminal: false,
        }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a line.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn line(self, text: impl AsRef<str>) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", text.as_ref())?;
        stdout.flush()
    }

    /// Prints a value as JSON, for programs.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn json(self, value: &impl Serialize) -> io::Result<()> {
        self.line(serde_json::to_string_pretty(value)?)
    }

    /// Prints a value as one line of JSON, for programs that read a stream.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn json_line(self, value: &impl Serialize) -> io::Result<()> {
        self.line(serde_json::to_string(value)?)
    }

    /// Prints rows under a header; `empty` where there are none.
    ///
    /// # Errors
    /// Standard output is closed.
    pub(crate) fn table<const N: usize>(
        self,
        header: [&str; N],
        rows: Vec<[String; N]>,
        empty: &str,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return self.line(empty);
        }
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.map(str::to_uppercase));
        for row in rows {
            // What a pipe takes somebody may look for.
            table.add_row(row.map(|text| {
                if self.terminal {
                    short(&text)
                } else {
                    one_line(&text)
                }
            }));
        }
        for (at, line) in table.lines().enumerate() {
            let line = line.trim_end();
            // comfy-table indents by one space.
            let line = line.strip_prefix(' ').unwrap_or(line);
            self.line(if at == 0 {
                self.paint(Tone::Faint, line)
            } else {
                self.paint_statuses(line)
            })?;
        }
        Ok(())
    }

    /// A text in a tone, where colours are shown.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Care => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// A goal's status in its tone.
    pub(crate) fn status(self, status: GoalStatus) -> String {
        self.paint(tone(status), status.as_str())
    }

    /// Paints the first status word of a line: tables put free text last.
    fn paint_statuses(self, line: &str) -> String {
        for word in line.split_whitespace() {
            if let Some(status) = GoalStatus::parse(word) {
                return line.replacen(word, &self.status(status), 1);
            }
        }
        line.to_owned()
    }
}

/// The tone of a goal's status.
pub(crate) fn tone(status: GoalStatus) -> Tone {
    match status {
        GoalStatus::Completed => Tone::Good,
        GoalStatus::Failed | GoalStatus::Stuck => Tone::Bad,
        GoalStatus::Waiting
        | GoalStatus::Paused
        | GoalStatus::Compensating
        | GoalStatus::Cancelled => Tone::Care,
        GoalStatus::Accepted | GoalStatus::Planning | GoalStatus::Running => Tone::Strong,
    }
}

/// A text cut to the width of a column, on one line and without control characters.
pub(crate) fn short(text: &str) -> String {
    let clean = one_line(text);
    if clean.chars().count() <= COLUMN_CHARS_MAX {
        return clean;
    }
    let cut: String = clean.chars().take(COLUMN_CHARS_MAX - 1).collect();
    format!("{cut}…")
}

/// A text on one line and without control characters.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

/// A text that cannot move the cursor or colour the terminal, whatever somebody put into it.
pub(crate) fn safe(text: &str) -> String {
    text.chars()
        .map(|char| {
            if char.is_control() && char != '\n' {
                '\u{fffd}'
            } else {
                char
            }
        })
        .collect()
}
