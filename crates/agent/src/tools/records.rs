//! The record tools: search, create, update and delete on connected databases (CONTRACT §3).
//!
//! `specs` says what they are, `search` and `write` do what a plan asks, `undo` takes a write back, `row` holds the SQL
//! that touches one row. Law: names come from the registration and are quoted, values are always bound.

pub(crate) mod search;
pub(crate) mod specs;
pub(crate) mod write;

mod filter;
mod row;
mod schema;
mod undo;

/// Finds rows.
pub(crate) const SEARCH: &str = "search_database";
/// Makes a row.
pub(crate) const CREATE: &str = "create_record";
/// Changes a row.
pub(crate) const UPDATE: &str = "update_record";
/// Deletes a row.
pub(crate) const DELETE: &str = "delete_record";
/// The record tools.
pub(crate) const ALL: [&str; 4] = [SEARCH, CREATE, UPDATE, DELETE];

/// Rows of a search unless it says otherwise.
const ROWS_DEFAULT: u32 = 50;
/// Most rows of a search (CONTRACT §3).
const ROWS_MAX: u32 = 1_000;
/// Most values of an `in`: with eight of them a statement stays below SQLite's 32,766 parameters.
const IN_VALUES_MAX: usize = 1_000;
/// Longest pattern of a `like`, in characters: long ones take long to match.
const PATTERN_CHARS_MAX: usize = 256;
/// Largest output, in bytes of JSON (CONTRACT §2).
const OUTPUT_BYTES_MAX: usize = 256 * 1_024;
