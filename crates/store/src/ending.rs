//! The end of the process: where the store cannot write any more, and only opening it anew can help.

use crate::error::{Error, with_source};

/// Ends the process, for whoever watches over it to start it again: what is stored is not known, and only reading it anew
/// can tell (DESIGN law 4).
pub(crate) fn end_process(error: &Error) -> ! {
    eprintln!(
        "the store cannot write, so the process ends: {}",
        with_source(error)
    );
    std::process::abort()
}
