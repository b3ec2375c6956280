//! The machine: what it is, whether it is quiet, and what a commit costs on it.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use crate::asked::Asked;

/// Commits that are measured for one figure.
const COMMITS: usize = 100;
/// A loop whose slowest run takes this much longer than its fastest says that others use the machine.
const NOISE: f64 = 1.3;

/// The middle of some figures.
pub(crate) fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Processors, load, and whether it is quiet.
pub(crate) fn describe() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let mut spins: Vec<f64> = (0..20).map(|_| spin()).collect();
    spins.sort_by(f64::total_cmp);
    let spread = spins[18] / spins[0];
    let quiet = if spread > NOISE {
        "NOT QUIET: figures are worth little"
    } else {
        "quiet"
    };
    format!("{processors} processors, load {load}, spread of a fixed loop {spread:.2}: {quiet}")
}

fn spin() -> f64 {
    let begun = Instant::now();
    let mut sum = 0_u64;
    for number in 0..20_000_000_u64 {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
    }
    black_box(sum);
    begun.elapsed().as_secs_f64()
}

/// The median time of a commit of one small row as the store makes it: WAL, `synchronous=FULL`.
pub(crate) fn commit_ms(dir: &Path) -> f64 {
    let db = rusqlite::Connection::open(dir.join("commit.db")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS t (x)",
    )
    .unwrap();
    let mut insert = db.prepare("INSERT INTO t VALUES (zeroblob(200))").unwrap();
    let mut commits: Vec<f64> = (0..COMMITS)
        .map(|_| {
            let begun = Instant::now();
            insert.execute([]).unwrap();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    median(&mut commits)
}

/// Audit entries sealed in memory, and verified.
pub(crate) fn evidence() {
    const ENTRIES: u32 = 1_000_000;
    let retention = audit::Retention::default();
    let now = jiff::Timestamp::now();
    let mut head = audit::ChainHead::default();
    let mut verifier = audit::Verifier::new(audit::Expectations {
        checkpoint_required: false,
        ..Default::default()
    });
    let verifier = verifier.as_mut().unwrap();
    let (mut sealing, mut verifying) = (0.0, 0.0);
    let mut sealed = Vec::with_capacity(1_000);
    for batch in 0..ENTRIES / 1_000 {
        let drafts: Vec<_> = (0..1_000)
            .map(|number| draft(batch * 1_000 + number))
            .collect();
        let begun = Instant::now();
        for (number, draft) in drafts.into_iter().enumerate() {
            let stamp = audit::Stamp {
                tenant_id: "default",
                id: format!("aud-{batch}-{number}"),
                timestamp: now,
                retention: &retention,
            };
            sealed.push(head.seal(draft, stamp).unwrap());
        }
        sealing += begun.elapsed().as_secs_f64();
        let lines: Vec<_> = sealed.drain(..).map(audit::Sealed::into_json).collect();
        let begun = Instant::now();
        for line in &lines {
            verifier.feed(line.as_bytes()).unwrap();
        }
        verifying += begun.elapsed().as_secs_f64();
    }
    let rate = f64::from(ENTRIES) / sealing;
    crate::row(
        "audit entries sealed in memory, one thread",
        rate,
        "/s",
        Asked::AtLeast(500_000.0, None),
    );
    crate::row(
        "1,000,000 audit entries verified",
        verifying,
        "s",
        Asked::AtMost(10.0),
    );
}

fn draft(number: u32) -> audit::Draft {
    audit::Draft::new(
        audit::Action::EFFECT_ENDED,
        "bench",
        "effect",
        format!("goal-{number}/step"),
    )
    .event(u64::from(number % 9) + 1)
    .correlated(format!("trace-{number}"))
    .with("tool", "respond_to_user")
    .with("undo", false)
    .with("attempt", 1)
}
