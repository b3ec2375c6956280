//! The reserve of free space: below it nothing new begins, while what is under way can still be recorded.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

/// How old the last look at the file system may be: a full disk takes longer to write than that.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Watches the free space of a data directory.
#[derive(Clone)]
pub(crate) struct Space {
    dir: PathBuf,
    reserve_bytes: u64,
    looked: Option<(Instant, bool)>,
}

impl Space {
    /// Watches over a reserve.
    pub(crate) fn new(dir: PathBuf, reserve_mb: u64) -> Self {
        Self {
            dir,
            reserve_bytes: reserve_mb.saturating_mul(1_048_576),
            looked: None,
        }
    }

    /// Whether less than the reserve was free a moment ago.
    pub(crate) fn is_low(&mut self) -> bool {
        match self.looked {
            Some((at, low)) if at.elapsed() < LOOK_EVERY => low,
            _ => {
                let low = self.is_low_now();
                self.looked = Some((Instant::now(), low));
                low
            }
        }
    }

    /// Whether less than the reserve is free; a file system that cannot be asked counts as full.
    pub(crate) fn is_low_now(&self) -> bool {
        statvfs(&self.dir).map_or(true, |free| {
            free.f_bavail.saturating_mul(free.f_frsize) < self.reserve_bytes
        })
    }
}
