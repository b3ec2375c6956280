-- Facts at rest. Every table ends in a checksum over its table's name and all other columns of the row (see table.rs).
-- Numbers that name rows of a tenant are `tenant number << 40 | serial`, so that one tenant's rows lie together, in
-- order, without an index of their own.
-- Times are microseconds since 1970.

CREATE TABLE installation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Keyed digest of the name: the secret in `keys` must be the one that the digests in here were made with.
    proof BLOB NOT NULL,
    verifier_key TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT;

-- Number 0 is the installation itself, whose chain takes what belongs to no tenant.
CREATE TABLE tenants (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    checksum BLOB NOT NULL
) STRICT;

CREATE TABLE goals (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    goal TEXT NOT NULL,
    owner TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    first_journal INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- When the driver has to look at the goal although nothing happened.
    wake_at INTEGER,
    sequence INTEGER NOT NULL,
    last_journal INTEGER NOT NULL,
    erased_at INTEGER,
    checksum BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX goals_by_name ON goals (tenant, goal);
CREATE INDEX goals_by_owner ON goals (tenant, owner);
CREATE INDEX goals_open ON goals (id) WHERE finished_at IS NULL;

-- The truth, append-only: one row holds the events of one append. `previous` leads back to the goal's first row.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    goal INTEGER NOT NULL,
    previous INTEGER,
    first_sequence INTEGER NOT NULL,
    -- Whether `payloads` has a row of the same number.
    payloads INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    form INTEGER NOT NULL,
    events BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;

-- The values that the events of the journal row of that number name by digest, in their order; erased: NULL.
-- No checksum: each value is told by its digest.
CREATE TABLE payloads (
    journal INTEGER PRIMARY KEY,
    bodies BLOB
) STRICT;

CREATE TABLE toolsets (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    body BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;

-- What people want of goals and the machine has not read yet.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    goal INTEGER NOT NULL,
    at INTEGER NOT NULL,
    person BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_by_goal ON inbox (goal);

CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    approval TEXT NOT NULL,
    goal INTEGER NOT NULL,
    step TEXT NOT NULL,
    item INTEGER,
    digest BLOB NOT NULL,
    reason TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    requested_held INTEGER NOT NULL,
    expires_in_seconds INTEGER NOT NULL,
    status TEXT NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    checksum BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX approvals_by_name ON approvals (tenant, approval);
CREATE INDEX approvals_pending ON approvals (goal) WHERE status = 'pending';

-- The answer of each accepted request that carried an idempotency key, kept as long as its goal.
CREATE TABLE idempotency (
    id INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    principal TEXT NOT NULL,
    route TEXT NOT NULL,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    answer BLOB NOT NULL,
    goal INTEGER NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX idempotency_by_name ON idempotency (tenant, principal, route, name);

-- Emergency controls with their history: `until` is NULL while one is active; `tenant` NULL covers every tenant.
CREATE TABLE controls (
    id INTEGER PRIMARY KEY,
    tenant TEXT,
    scope TEXT NOT NULL,
    target TEXT,
    mode TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    checksum BLOB NOT NULL
) STRICT;

-- What people outside are to be told.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at);

-- Evidence: one row holds the entries of one append as drafts, from which sealing makes the entries again.
-- The row's number ends in the index of its first entry.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    form INTEGER NOT NULL,
    -- The hash of the entry before; NULL at index 0.
    previous BLOB,
    drafts BLOB NOT NULL,
    -- The entries' hashes, 32 bytes each.
    hashes BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;

-- The end of each chain: how many entries, and the tree over them.
CREATE TABLE chains (
    tenant INTEGER PRIMARY KEY,
    previous BLOB NOT NULL,
    frontier BLOB NOT NULL,
    checksum BLOB NOT NULL
) STRICT;

-- Signed tree heads. The row's number ends in the size.
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    checksum BLOB NOT NULL
) STRICT;
