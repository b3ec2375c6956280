//! Error codes: the stable, dotted names that programs may rely on, each with one status and one title.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = ($code:literal, $status:literal, $title:literal),)+) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The dotted name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The HTTP status that it always comes with.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)+
                }
            }

            /// The same short text for every problem of this code (RFC 9457 §3.1.3).
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }
        }
    };
}

// A table reads better than three parallel matches; this is the one macro of the crate.
codes! {
    /// No such path.
    PathUnknown = ("request.path_unknown", 404, "There is nothing at this path"),
    /// The path has no such method.
    MethodNotAllowed = ("request.method_not_allowed", 405, "This path does not take this method"),
    /// The bytes that frame the request can be read in two ways.
    Framing = ("request.framing", 400, "The request's length is stated in two ways"),
    /// The body did not arrive in time.
    Timeout = ("request.timeout", 408, "The body did not arrive in time"),
    /// The body ended before it was whole.
    BodyBroken = ("request.body_broken", 400, "The body did not arrive whole"),
    /// The body is too large.
    BodyTooLarge = ("request.body_too_large", 413, "The body is too large"),
    /// The body is of another media type.
    MediaType = ("request.media_type", 415, "The body must be application/json"),
    /// The body is not JSON.
    NotJson = ("request.not_json", 400, "The body is not JSON"),
    /// An object has a key twice.
    DuplicateKey = ("request.duplicate_key", 400, "A key is repeated"),
    /// The body is nested too deep.
    TooDeep = ("request.too_deep", 400, "The body is nested too deep"),
    /// The body's fields are not what they must be.
    Invalid = ("request.invalid", 422, "The body has wrong or unknown fields"),
    /// The query is not what it must be.
    Query = ("request.query", 400, "The query has wrong or unknown parameters"),
    /// A header is not what it must be.
    Header = ("request.header", 400, "A header is malformed"),
    /// There is no `Authorization`.
    AuthRequired = ("auth.required", 401, "A bearer token is needed"),
    /// The token is not good.
    TokenInvalid = ("auth.invalid_token", 401, "The token is not accepted"),
    /// The token names no tenant.
    NoTenant = ("auth.no_tenant", 403, "The token belongs to no tenant"),
    /// The role does not allow it.
    Forbidden = ("auth.forbidden", 403, "The role does not allow this"),
    /// `user_id` is somebody else.
    WrongUser = ("auth.wrong_user", 403, "user_id is not the token's subject"),
    /// No such goal.
    GoalNotFound = ("goal.not_found", 404, "There is no such goal"),
    /// The trace id is spent.
    GoalAlreadyStarted = ("goal.already_started", 409, "A goal was started under this trace_id"),
    /// Nothing makes a plan of these words.
    NoPlan = ("goal.no_plan", 422, "No playbook fits these words"),
    /// Two plans can be made of these words.
    Ambiguous = ("goal.ambiguous", 422, "These words can be read in more than one way"),
    /// The plan cannot work.
    PlanInvalid = ("plan.invalid", 422, "The plan cannot work"),
    /// The goal has ended.
    GoalEnded = ("goal.ended", 409, "The goal has ended"),
    /// The goal unwinds.
    GoalUnwinding = ("goal.unwinding", 409, "The goal is being undone"),
    /// The goal is stuck.
    GoalStuck = ("goal.stuck", 409, "The goal is stuck"),
    /// The goal is not stuck.
    GoalNotStuck = ("goal.not_stuck", 409, "The goal is not stuck"),
    /// No such step.
    StepNotFound = ("step.not_found", 404, "There is no such step"),
    /// Nothing is in doubt there.
    NotInDoubt = ("step.not_in_doubt", 409, "Nothing is in doubt there"),
    /// The result does not fit the doubt.
    ResultDoesNotFit = ("step.result_does_not_fit", 409, "That result does not fit what is in doubt"),
    /// A repeat could do the effect twice.
    RepeatUnsafe = ("step.repeat_unsafe", 409, "A repeat of this effect is not safe"),
    /// No such approval.
    ApprovalNotFound = ("approval.not_found", 404, "There is no such approval"),
    /// The decider owns the goal.
    OwnGoal = ("approval.own_goal", 403, "The goal's owner does not decide its approvals"),
    /// There is nothing left to decide.
    ApprovalClosed = ("approval.closed", 409, "There is nothing left to decide"),
    /// It was decided before.
    AlreadyDecided = ("approval.already_decided", 409, "The approval was decided before"),
    /// Another effect was looked at.
    DigestMismatch = ("approval.digest_mismatch", 409, "The digest is not that of the effect asked about"),
    /// The key came with another body.
    IdempotencyMismatch = ("idempotency.mismatch", 422, "The Idempotency-Key came with another body before"),
    /// The position lies past the last event.
    PastTheEnd = ("events.past_the_end", 400, "There is no event with that number"),
    /// No such audit entry.
    EntryNotFound = ("audit.entry_not_found", 404, "There is no such audit entry"),
    /// An emergency control refuses new goals.
    EmergencyCancel = ("emergency.cancel", 503, "An emergency control refuses new goals"),
    /// The tenant has too many open goals.
    TooManyOpen = ("overload.open_goals", 429, "The tenant has too many open goals"),
    /// The tenant's queue is full.
    Overload = ("overload.busy", 503, "The server is busy"),
    /// Free space is below the reserve.
    NoSpace = ("store.no_space", 503, "The store is below its reserve of free space"),
    /// What the store holds of this goal is damaged.
    Damaged = ("store.damaged", 500, "What the store holds of this is damaged"),
    /// The store does not answer.
    Unavailable = ("store.unavailable", 503, "The store does not answer"),
    /// We failed.
    Internal = ("internal", 500, "The server failed"),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
