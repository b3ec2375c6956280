//! The one inversion: whoever carries out an effect is handed to the engine.

use domain::effect::Call;
use domain::outcome::{Answer, Outcome};
use futures_util::future::BoxFuture;

/// Carries out one effect.
pub trait Performer: Send + Sync + 'static {
    /// Carries out one attempt. It ends within the call's timeout; a failure is an outcome.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the outcome unknown; the engine does so only when the process ends.
    fn perform(&self, call: Call) -> BoxFuture<'static, Outcome>;

    /// Carries out an attempt that changes nothing and waits for nothing, or `None`: it is to be performed. Called within
    /// a turn of its goal, before the attempt's start is durable, and again where the turn has to be begun again.
    fn at_once(&self, _call: &Call) -> Option<Outcome> {
        None
    }

    /// Asks a reconcilable tool whether the call's key happened.
    fn ask(&self, call: Call) -> BoxFuture<'static, Answer>;
}
