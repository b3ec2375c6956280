//! The documented example of a settings file, made from the catalogue; `omnihub.example.toml` is this text.
//!
//! Prose stands behind `# `. A line behind `#` alone is a setting: take the sign away and it is in force.

use std::fmt::Write as _;

use super::catalogue;
use super::setting::Setting;

/// What the file says before the first setting.
const HEAD: &str = "\
# Every setting of OmniHub, with its default. Made by `omnihub config example`; do not edit by hand.
#
# A flag beats the environment, the environment beats this file, this file beats the default.
# The environment sets any value by OMNIHUB_ and its path in capitals with __ between the parts: OMNIHUB_API__PORT=9000.
# A variable that is empty counts as not set.
# Relative paths start at the folder of this file. A secret NAME is also taken from the file that NAME_file names.
# Lines behind `#` without a space are settings that have no default: take the sign away to use them.
";

/// The example's text.
pub(crate) fn text() -> String {
    let mut text = HEAD.to_owned();
    write_settings(&mut text, "", true);
    for section in catalogue::sections() {
        let chosen = section.pattern.contains('*') || section.pattern.contains("[]");
        let active = !chosen && !lacks_default(section.pattern);
        let sign = if active { "" } else { "#" };
        push(
            &mut text,
            format_args!("\n# {}\n{sign}{}", section.meaning, section.header),
        );
        write_settings(&mut text, section.pattern, active);
    }
    text
}

/// Whether a table has something that it cannot do without.
fn lacks_default(table: &str) -> bool {
    catalogue::settings().any(|setting| setting.table() == table && setting.required)
}

fn write_settings(text: &mut String, table: &str, active: bool) {
    for setting in catalogue::settings().filter(|setting| setting.table() == table) {
        write_setting(text, setting, active);
    }
}

fn write_setting(text: &mut String, setting: &Setting, active: bool) {
    let kind = setting.kind.words();
    let presence = match (setting.default, setting.required) {
        (Some(default), _) => format!("Default {default}"),
        (None, true) => "Required".to_owned(),
        (None, false) => "Absent unless set".to_owned(),
    };
    let mut names = vec![setting.variable()];
    names.extend(setting.aliases.iter().map(|name| (*name).to_owned()));
    let secret = if setting.secret { " Secret." } else { "" };
    push(text, format_args!("\n# {}", setting.meaning));
    push(
        text,
        format_args!(
            "# Takes {kind}. {presence}.{secret} Environment: {}.",
            names.join(", ")
        ),
    );
    let sign = if active && setting.default.is_some() {
        ""
    } else {
        "#"
    };
    push(
        text,
        format_args!(
            "{sign}{} = {}",
            setting.name(),
            setting.default.unwrap_or(setting.example)
        ),
    );
}

#[expect(
    clippy::expect_used,
    reason = "a String takes all text there is memory for"
)]
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}
