//! Fault points: places where a proof can end the process, one at each write boundary.
//!
//! Compiled to nothing without the feature `fault-points`. With it, `OMNIHUB_FAULT=name:count` aborts the process when
//! the point of that name is passed for the count-th time.

/// Passes a fault point.
#[cfg(not(feature = "fault-points"))]
#[inline(always)]
pub(crate) fn hit(_name: &'static str) {}

/// Passes a fault point; aborts the process where the environment says so.
#[cfg(feature = "fault-points")]
pub(crate) fn hit(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    let wanted = WANTED.get_or_init(|| {
        let fault = std::env::var("OMNIHUB_FAULT").ok()?;
        let (name, count) = fault.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((wanted, count)) = wanted
        && wanted == name
        && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        std::process::abort();
    }
}
