//! A small chain, its signed export, and one way to verify lines.

use audit::{
    Action, ChainHead, CheckpointSigner, DataClassification, Draft, Entry, Expectations, Fault,
    Hash, Position, Report, Retention, Stamp, Status, Verifier, export_line, origin,
};
use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use serde_json::{Value, json};

/// An export: the lines of entries, the head they end in, and the line of the checkpoint.
pub(crate) struct Export {
    pub(crate) lines: Vec<String>,
    pub(crate) checkpoint: String,
}

impl Export {
    pub(crate) fn of(lines: Vec<String>) -> Self {
        let checkpoint = export_line(&signed(&lines, lines.len()));
        Self { lines, checkpoint }
    }

    /// All lines with the checkpoint last.
    pub(crate) fn all(&self) -> Vec<String> {
        let mut all = self.lines.clone();
        all.push(self.checkpoint.clone());
        all
    }
}

pub(crate) fn export(size: usize) -> Export {
    let mut head = ChainHead::default();
    let lines = (0..size).map(|index| {
        head.seal(draft(index), stamp("acme", index))
            .unwrap()
            .into_json()
    });
    Export::of(lines.collect())
}

/// The signed checkpoint of the first `size` lines.
pub(crate) fn signed(lines: &[String], size: usize) -> String {
    let mut head = ChainHead::default();
    for line in &lines[..size] {
        head.advance(Entry::read(line.as_bytes()).unwrap().integrity_hash);
    }
    head.checkpoint(origin("test", "acme"))
        .sign(&signer(7))
        .unwrap()
}

pub(crate) fn draft(index: usize) -> Draft {
    let status = [
        Status::Success,
        Status::Failure,
        Status::Pending,
        Status::Denied,
    ][index % 4];
    Draft::new(
        Action::EFFECT_ENDED,
        format!("u-{index}"),
        "goal",
        format!("goal-{index}"),
    )
    .status(status)
    .classified(DataClassification::Confidential)
    .event(index as u64 + 1)
    .correlated(format!("trace-{index}"))
    .with("step", "refund")
    .with(
        "nested",
        json!({"attempt": 2, "share": 0.25, "codes": ["a\"b", null, true]}),
    )
}

pub(crate) fn stamp(tenant_id: &str, index: usize) -> Stamp<'_> {
    static RETENTION: std::sync::LazyLock<Retention> = std::sync::LazyLock::new(Retention::default);
    Stamp {
        tenant_id,
        id: format!("audit-{index}"),
        timestamp: Timestamp::from_microsecond(1_796_126_400_000_001 + index as i64).unwrap(),
        retention: &RETENTION,
    }
}

/// Seals what `index` would hold if it were something else.
pub(crate) fn forged(index: usize, previous_hash: Option<Hash>) -> String {
    let draft = Draft::new(Action::ADMIN_CHANGED, "mallory", "goal", "goal-x");
    let position = Position {
        stamp: stamp("acme", index),
        index: index as u64,
        previous_hash,
    };
    Entry::seal(draft, position).unwrap().into_json()
}

/// Changes an entry and makes its hash right again.
pub(crate) fn resealed(mut value: Value) -> String {
    let entry = Entry::read(value.to_string().as_bytes()).unwrap();
    value["integrity_hash"] = json!(entry.computed_hash().unwrap().to_string());
    value.to_string()
}

pub(crate) fn hash_of(line: &str) -> Hash {
    Entry::read(line.as_bytes()).unwrap().integrity_hash
}

pub(crate) fn signer(seed: u8) -> CheckpointSigner {
    CheckpointSigner::new("omnihub/test", SigningKey::from_bytes(&[seed; 32])).unwrap()
}

pub(crate) fn expectations() -> Expectations {
    Expectations {
        origin: Some(origin("test", "acme")),
        key: Some(signer(7).verifier_key().clone()),
        ..Expectations::default()
    }
}

pub(crate) fn verify(expectations: Expectations, lines: &[String]) -> Result<Report, Fault> {
    let mut verifier = Verifier::new(expectations).unwrap();
    for line in lines {
        verifier.feed(line.as_bytes())?;
    }
    verifier.finish()
}
