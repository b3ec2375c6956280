//! A hint as it travels: JSON of ids and numbers, nothing else of a goal.
//!
//! Processes of several releases may share a store: fields are added, never repurposed, and unknown ones are passed over.

use std::collections::BTreeMap;

use domain::id::{GoalId, TenantId};
use serde::{Deserialize, Serialize};

/// Longest message that is read, in bytes: a group of 256 goals with the longest ids has 42 KiB.
const MESSAGE_BYTES_MAX: usize = 1 << 16;

/// What is worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hint {
    /// The store that says so, which does not listen to itself.
    pub(super) by: String,
    /// Goals, and the sequences that they are said to have reached.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) goals: BTreeMap<TenantId, BTreeMap<GoalId, u64>>,
    /// The generation that the emergency controls are said to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) controls: Option<u64>,
    /// Notices were written.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) notices: bool,
    /// The driver's queue has rows.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) queue: bool,
    /// Nobody knows what was not said before: everything is worth a look.
    #[serde(skip_serializing_if = "is_false")]
    pub(super) all: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Hint {
    /// A group was committed: its goals with their sequences, whether it queued any of them, and whether it wrote notices.
    pub(crate) fn committed(
        news: &[(TenantId, GoalId, u64)],
        (queue, notices): (bool, bool),
    ) -> Self {
        let mut hint = Self {
            queue,
            notices,
            ..Self::default()
        };
        for (tenant, goal, sequence) in news {
            let goals = hint.goals.entry(tenant.clone()).or_default();
            goals.insert(goal.clone(), *sequence);
        }
        hint
    }

    /// The emergency controls have this generation.
    pub(crate) fn controls(generation: u64) -> Self {
        Self {
            controls: Some(generation),
            ..Self::default()
        }
    }

    /// The driver's queue has rows.
    pub(crate) fn queued() -> Self {
        Self {
            queue: true,
            ..Self::default()
        }
    }

    /// Everything is worth a look.
    pub(super) fn everything() -> Self {
        Self {
            all: true,
            ..Self::default()
        }
    }

    /// The message of the store `by`.
    pub(super) fn encode(mut self, by: &str) -> Vec<u8> {
        by.clone_into(&mut self.by);
        // Texts and numbers always have a form; an empty message is one that nobody reads.
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// Reads a message; `None`: it is malformed.
    pub(super) fn decode(message: &[u8]) -> Option<Self> {
        if message.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        serde_json::from_slice(message).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use domain::id::{GoalId, TenantId, TraceId};

    use super::{Hint, MESSAGE_BYTES_MAX};

    fn goal(tenant: &str, trace: &str, sequence: u64) -> (TenantId, GoalId, u64) {
        let trace = TraceId::try_from(trace.to_owned()).unwrap();
        let tenant = TenantId::try_from(tenant.to_owned()).unwrap();
        (tenant, GoalId::from(&trace), sequence)
    }

    #[test]
    fn the_forms_of_messages_only_grow() {
        let news = [goal("acme", "one", 3), goal("acme", "two", 1)];
        for (hint, form) in [
            (
                Hint::committed(&news, (true, true)),
                r#"{"by":"a","goals":{"acme":{"goal-one":3,"goal-two":1}},"notices":true,"queue":true}"#,
            ),
            (Hint::controls(4), r#"{"by":"a","controls":4}"#),
            (Hint::queued(), r#"{"by":"a","queue":true}"#),
            (Hint::everything(), r#"{"by":"a","all":true}"#),
        ] {
            let by = "a".to_owned();
            assert_eq!(String::from_utf8(hint.clone().encode("a")).unwrap(), form);
            assert_eq!(Hint::decode(form.as_bytes()), Some(Hint { by, ..hint }));
        }
        let later = Hint::decode(br#"{"by":"a","controls":4,"weather":"fine"}"#);
        assert_eq!(later.unwrap().controls, Some(4));
    }

    #[test]
    fn the_largest_group_fits_a_message_and_nothing_longer_is_read() {
        let long = "x".repeat(domain::id::ID_BYTES_MAX - 3);
        let news: Vec<_> = (0..256)
            .map(|number| goal(&long, &format!("{long}{number:03}"), u64::MAX))
            .collect();
        let mut message = Hint::committed(&news, (true, true)).encode("a-store");
        assert!(Hint::decode(&message).is_some());
        message.resize(MESSAGE_BYTES_MAX + 1, b' ');
        assert!(Hint::decode(&message).is_none());
    }

    #[test]
    fn what_is_malformed_is_no_hint() {
        for message in [
            "",
            "PING",
            "[7]",
            "7",
            r#"{"goals":{"no tenant":{"goal-one":1}}}"#,
            r#"{"goals":{"acme":{"one":1}}}"#,
            r#"{"goals":{"acme":{"goal-one":-1}}}"#,
            r#"{"controls":"many"}"#,
        ] {
            assert_eq!(Hint::decode(message.as_bytes()), None, "{message}");
        }
    }
}
