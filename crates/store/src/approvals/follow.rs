//! How approvals follow the journal.

use std::collections::BTreeMap;

use domain::approval::ApprovalStatus;
use domain::digest::Digest;
use domain::id::Subject;
use saga::event::{AskReason, StepItem};
use saga::{Event, EventKind, Moment};

/// A change of a goal's approvals.
#[derive(Debug)]
pub(crate) enum Change {
    /// One is asked; asked again, it keeps its place.
    Ask(Asked),
    /// One is ended; one that was never asked is passed over.
    End(String, Ended),
    /// Those that are pending are closed: nobody needs to decide them any more.
    Close(Ended),
}

/// A question.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) approval: String,
    pub(crate) at: StepItem,
    pub(crate) digest: Digest,
    pub(crate) reason: AskReason,
    pub(crate) requested: Moment,
    pub(crate) expires_in_seconds: u32,
}

/// How an approval was ended.
///
/// An event repeats what the inbox said already, so that one which stands there already stays as it is: who decided
/// first, and when. One that was granted and then expired was granted by somebody, who stays too.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// Where it stands now.
    pub(crate) status: ApprovalStatus,
    /// Who decided; `None`: nobody did.
    pub(crate) by: Option<Subject>,
    /// When.
    pub(crate) at: i64,
}

/// How approvals change with some events.
pub(crate) fn changes(events: &[Event]) -> Vec<Change> {
    events.iter().filter_map(change).collect()
}

fn change(event: &Event) -> Option<Change> {
    let at = event.moment.at.as_microsecond();
    let ended = |status, by: Option<&Subject>| Ended {
        status,
        by: by.cloned(),
        at,
    };
    let end = |approval: &String, status, by| Change::End(approval.clone(), ended(status, by));
    Some(match &event.kind {
        EventKind::ApprovalAsked {
            at,
            approval,
            digest,
            reason,
            expires_in_seconds,
            ..
        } => Change::Ask(Asked {
            approval: approval.clone(),
            at: at.clone(),
            digest: *digest,
            reason: *reason,
            requested: event.moment,
            expires_in_seconds: *expires_in_seconds,
        }),
        EventKind::ApprovalGranted { approval, by, .. } => {
            end(approval, ApprovalStatus::Granted, Some(by))
        }
        EventKind::ApprovalRefused { approval, by, .. } => {
            end(approval, ApprovalStatus::Refused, Some(by))
        }
        EventKind::ApprovalExpired { approval, .. } => end(approval, ApprovalStatus::Expired, None),
        EventKind::UnwindingStarted { .. }
        | EventKind::GoalCompleted { .. }
        | EventKind::GoalFailed { .. }
        | EventKind::GoalCancelled {} => Change::Close(ended(ApprovalStatus::Closed, None)),
        _ => return None,
    })
}

/// Where an approval stands, as the journal tells it.
pub(crate) struct Stands {
    status: ApprovalStatus,
    by: Option<Subject>,
}

impl Stands {
    /// Whether a row says the same; `unread`: a decision may be in the row before the machine has read it.
    pub(crate) fn is(&self, status: &str, by: Option<&str>, unread: bool) -> bool {
        let same = self.status.as_str() == status && self.by.as_ref().map(Subject::as_str) == by;
        same || (unread && self.status == ApprovalStatus::Pending)
    }
}

/// The approvals that a goal's events tell of.
pub(crate) fn told(events: &[Event]) -> BTreeMap<String, Stands> {
    let mut told: BTreeMap<String, Stands> = BTreeMap::new();
    for change in changes(events) {
        match change {
            Change::Ask(asked) => {
                let (status, by) = (ApprovalStatus::Pending, None);
                told.insert(asked.approval, Stands { status, by });
            }
            Change::End(approval, ended) => {
                let before = told.remove(&approval).and_then(|stands| stands.by);
                let (status, by) = (ended.status, ended.by.or(before));
                told.insert(approval, Stands { status, by });
            }
            Change::Close(ended) => {
                let pending = told.values_mut();
                pending
                    .filter(|stands| stands.status == ApprovalStatus::Pending)
                    .for_each(|stands| stands.status = ended.status);
            }
        }
    }
    told
}
