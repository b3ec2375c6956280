//! Goals: what a principal wants, the limits it is held to, and the states it can be in.

use serde::{Deserialize, Serialize};

/// Longest `user_intent`, in characters (CONTRACT §2).
pub const WORDS_CHARS_MAX: usize = 8_192;
/// Most tags of a goal, and the longest name and value, in characters (CONTRACT §2).
pub const TAGS_MAX: usize = 16;
/// Longest name of a tag, in characters.
pub const TAG_NAME_CHARS_MAX: usize = 64;
/// Longest value of a tag, in characters.
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// Where a goal stands (DESIGN §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalStatus {
    /// Durable, not yet planned.
    Accepted,
    /// A plan is being made.
    Planning,
    /// Steps are under way, or can start.
    Running,
    /// Nothing can go on before a person acts.
    Waiting,
    /// No new effect starts until somebody resumes it.
    Paused,
    /// What was done is being undone.
    Compensating,
    /// Open, and only a person moves it on.
    Stuck,
    /// Ended: everything was done.
    Completed,
    /// Ended: everything done was undone, or is listed as irreversible.
    Failed,
    /// Ended: as `failed`, because somebody asked for it.
    Cancelled,
}

/// Where a step stands on the wire (CONTRACT §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Its needs are not met, or a person is asked.
    Waiting,
    /// It is under way, or about to be tried again.
    Running,
    /// It was done.
    Succeeded,
    /// It was not done.
    Failed,
    /// Its condition did not hold, or a step it needs was skipped.
    Skipped,
    /// Nobody can know whether it was done.
    InDoubt,
    /// It was done and then made good.
    Compensated,
    /// It was done and could not be made good.
    CompensationFailed,
    /// The goal unwound before it started.
    Cancelled,
}

/// Who made a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanSource {
    /// A playbook whose utterance matched.
    Playbook,
    /// An earlier plan for the same words.
    Cache,
    /// A language model.
    Model,
    /// Whoever submitted the goal.
    Caller,
}

/// The limits that a goal is accepted under and keeps for its life (CONTRACT §2, "Limits").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Steps of a plan.
    pub plan_steps_max: u32,
    /// Items of one `for_each`.
    pub fan_out_max: u32,
    /// Bytes of one output, as compact JSON.
    pub output_bytes_max: u32,
    /// Bytes of one resolved input, as compact JSON.
    pub input_bytes_max: u32,
    /// Seconds from acceptance to the goal's deadline where the submitter names none.
    pub goal_seconds_max: u32,
    /// Seconds an approval stays open, and a granted one valid.
    pub approval_seconds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            plan_steps_max: 100,
            fan_out_max: 1_000,
            output_bytes_max: 256 * 1_024,
            input_bytes_max: 64 * 1_024,
            goal_seconds_max: 30 * 24 * 3_600,
            approval_seconds: 24 * 3_600,
        }
    }
}

impl GoalStatus {
    /// Every status, in the order of a goal's life.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Planning,
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Compensating,
        Self::Stuck,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Whether nothing more will happen.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether it has ended, or stands until a person does something.
    pub fn is_at_rest(self) -> bool {
        self.is_end() || matches!(self, Self::Waiting | Self::Paused | Self::Stuck)
    }

    /// The status' name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Planning => "planning",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Compensating => "compensating",
            Self::Stuck => "stuck",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_name_everywhere() {
        for status in GoalStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(GoalStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(GoalStatus::parse("done"), None);
    }

    #[test]
    fn a_stuck_goal_has_not_ended() {
        let ends: Vec<&str> = GoalStatus::ALL
            .into_iter()
            .filter(|status| status.is_end())
            .map(GoalStatus::as_str)
            .collect();
        assert_eq!(ends, ["completed", "failed", "cancelled"]);
    }
}
