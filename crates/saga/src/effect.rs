//! Effects: what the world owes a goal.

use domain::effect::Call;

/// An admitted attempt whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// What the tool gets.
    pub call: Call,
    /// Whether it undoes the step.
    pub undo: bool,
    /// Whether the tool is asked about an earlier attempt rather than called.
    pub ask: bool,
}
