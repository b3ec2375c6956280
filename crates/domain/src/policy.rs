//! Rules and their answer. Today a tool's lane and a step's `approval: true` are the whole policy.

use serde::{Deserialize, Serialize};

use crate::tool::Lane;

/// The version that goals pin; it changes whenever a verdict could.
pub const POLICY_VERSION: &str = "lanes-1";

/// What policy says of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may run.
    Allow,
    /// A person is asked first.
    Ask,
    /// It may never run.
    Deny,
}

/// The verdict for a step in a lane; `asks` is the step's own `approval: true`.
pub fn verdict(lane: Lane, asks: bool) -> Verdict {
    match lane {
        Lane::Blocked => Verdict::Deny,
        Lane::Red => Verdict::Ask,
        Lane::Green | Lane::Yellow if asks => Verdict::Ask,
        Lane::Green | Lane::Yellow => Verdict::Allow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_can_ask_for_more_than_its_lane_and_never_for_less() {
        let verdicts = |lane| (verdict(lane, false), verdict(lane, true));
        assert_eq!(verdicts(Lane::Green), (Verdict::Allow, Verdict::Ask));
        assert_eq!(verdicts(Lane::Yellow), (Verdict::Allow, Verdict::Ask));
        assert_eq!(verdicts(Lane::Red), (Verdict::Ask, Verdict::Ask));
        assert_eq!(verdicts(Lane::Blocked), (Verdict::Deny, Verdict::Deny));
    }
}
