//! The tables that are copied as they are.

/// What a column holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Number,
    Flag,
    Text,
    Bytes,
    /// The name of the tenant whose number the source has.
    Tenant,
}

use Kind::{Bytes, Flag, Number, Tenant as OfTenant, Text};

/// A table, how its rows are read, each after a key that they are ordered by, and what their columns hold.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// Every table whose rows are copied as they are.
pub(super) const TABLES: [Table; 11] = [
    Table {
        name: "epochs",
        source: "SELECT number, number, since, cause FROM epochs WHERE number > ?1 ORDER BY number LIMIT ?2",
        columns: &[("number", Number), ("since", Number), ("cause", Text)],
    },
    Table {
        name: "goals",
        source: "SELECT id, id, tenant, goal, owner, created_at, status, reason, updated_at, finished_at, wake_at, sequence,
            erased_at FROM goals WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("tenant", OfTenant),
            ("goal", Text),
            ("owner", Text),
            ("created_at", Number),
            ("status", Text),
            ("reason", Text),
            ("updated_at", Number),
            ("finished_at", Number),
            ("wake_at", Number),
            ("sequence", Number),
            ("erased_at", Number),
        ],
    },
    Table {
        name: "journal",
        source: "SELECT id, goal, first_sequence, goal >> 40, payloads, written_at, form, events FROM journal
            WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("goal", Number),
            ("first_sequence", Number),
            ("tenant", OfTenant),
            ("payloads", Flag),
            ("written_at", Number),
            ("form", Number),
            ("events", Bytes),
        ],
    },
    Table {
        name: "payloads",
        source: "SELECT payloads.journal, goal, first_sequence, goal >> 40, bodies
            FROM payloads JOIN journal ON journal.id = payloads.journal
            WHERE payloads.journal > ?1 ORDER BY payloads.journal LIMIT ?2",
        columns: &[
            ("goal", Number),
            ("first_sequence", Number),
            ("tenant", OfTenant),
            ("bodies", Bytes),
        ],
    },
    Table {
        name: "inbox",
        source: "SELECT id, id, goal, goal >> 40, at, person FROM inbox WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("goal", Number),
            ("tenant", OfTenant),
            ("at", Number),
            ("person", Bytes),
        ],
    },
    Table {
        name: "approvals",
        source: "SELECT id, id, tenant, approval, goal, step, item, digest, reason, requested_at, requested_held,
            expires_in_seconds, status, decided_by, decided_at FROM approvals WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("tenant", OfTenant),
            ("approval", Text),
            ("goal", Number),
            ("step", Text),
            ("item", Number),
            ("digest", Bytes),
            ("reason", Text),
            ("requested_at", Number),
            ("requested_held", Number),
            ("expires_in_seconds", Number),
            ("status", Text),
            ("decided_by", Text),
            ("decided_at", Number),
        ],
    },
    Table {
        name: "idempotency",
        source: "SELECT id, tenant, principal, route, name, digest, answer, goal FROM idempotency
            WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("tenant", OfTenant),
            ("principal", Text),
            ("route", Text),
            ("name", Text),
            ("digest", Bytes),
            ("answer", Bytes),
            ("goal", Number),
        ],
    },
    Table {
        name: "emergency_controls",
        source: "SELECT id, id, tenant, scope, target, mode, reason, set_by, since, until FROM controls
            WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("tenant", Text),
            ("scope", Text),
            ("target", Text),
            ("mode", Text),
            ("reason", Text),
            ("set_by", Text),
            ("since", Number),
            ("until", Number),
        ],
    },
    Table {
        name: "outbox",
        source: "SELECT id, id, tenant, kind, body, at, attempts, due_at FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("tenant", OfTenant),
            ("kind", Text),
            ("body", Bytes),
            ("at", Number),
            ("attempts", Number),
            ("due_at", Number),
        ],
    },
    Table {
        name: "audit",
        source: "SELECT id, id, id >> 40, at, form, previous, drafts, hashes FROM audit
            WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("tenant", OfTenant),
            ("at", Number),
            ("form", Number),
            ("previous", Bytes),
            ("drafts", Bytes),
            ("hashes", Bytes),
        ],
    },
    Table {
        name: "checkpoints",
        source: "SELECT id, id, id >> 40, at, note FROM checkpoints WHERE id > ?1 ORDER BY id LIMIT ?2",
        columns: &[
            ("id", Number),
            ("tenant", OfTenant),
            ("at", Number),
            ("note", Text),
        ],
    },
];
