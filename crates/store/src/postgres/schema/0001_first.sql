-- Facts at rest, in the schema `omnihub`. Rows of tenants are numbered as in SQLite: `tenant number << 40 | serial`.
-- Times are microseconds since 1970.
--
-- No index but that of `tenants` begins with the tenant: before the first statistics the planner takes a tenant for a
-- handful of rows, and would read all of them wherever it could find them by an index.
--
-- Every row of a tenant names it, and the roles of the application see only what row-level security lets them see:
-- `omnihub_app` the tenant that its transaction names in `omnihub.tenant`, `omnihub_driver` the ids that the queues are
-- made of. Neither may change the journal, the evidence or the checkpoints once written.

CREATE TABLE omnihub.installation (
    id integer PRIMARY KEY CHECK (id = 1),
    name text NOT NULL,
    created_at bigint NOT NULL,
    -- Keyed digest of the name: the secret in `keys` must be the one that the digests in here were made with.
    proof bytea NOT NULL,
    verifier_key text NOT NULL
);

-- The lives of a store: the first begins when it is founded, each further one when it is restored from a backup.
CREATE TABLE omnihub.epochs (
    number bigint PRIMARY KEY,
    since bigint NOT NULL,
    cause text NOT NULL
);

-- One row a chain: where its numbers and its evidence end. Whoever writes for a tenant locks it first.
-- Number 0 is the installation itself, whose chain takes what belongs to no tenant.
CREATE TABLE omnihub.tenants (
    number bigint PRIMARY KEY,
    tenant text NOT NULL UNIQUE,
    last_goal bigint NOT NULL,
    last_approval bigint NOT NULL,
    open_goals bigint NOT NULL,
    -- Entries in the chain, and how many of them the newest checkpoint signs.
    size bigint NOT NULL DEFAULT 0,
    signed bigint NOT NULL DEFAULT 0,
    -- The hash of the last entry, and the tree over all of them; NULL while there is none.
    previous bytea,
    frontier bytea
) WITH (fillfactor = 20);

CREATE SEQUENCE omnihub.tenant_numbers;

CREATE TABLE omnihub.goals (
    id bigint PRIMARY KEY,
    tenant text NOT NULL,
    goal text NOT NULL,
    owner text NOT NULL,
    created_at bigint NOT NULL,
    status text NOT NULL,
    reason text,
    updated_at bigint NOT NULL,
    finished_at bigint,
    -- When the driver has to look at the goal although nothing happened.
    wake_at bigint,
    sequence bigint NOT NULL,
    erased_at bigint,
    UNIQUE (goal, tenant)
) WITH (fillfactor = 70);
CREATE INDEX goals_by_owner ON omnihub.goals (owner, tenant, id);
CREATE INDEX goals_open ON omnihub.goals (id) WHERE finished_at IS NULL;

-- The truth, append-only: one row holds the events of one append.
CREATE TABLE omnihub.journal (
    goal bigint NOT NULL,
    first_sequence bigint NOT NULL,
    tenant text NOT NULL,
    -- Whether `payloads` has a row of the same name.
    payloads boolean NOT NULL,
    written_at bigint NOT NULL,
    form bigint NOT NULL,
    events bytea NOT NULL,
    PRIMARY KEY (goal, first_sequence)
);

-- The values that the events of the journal row of that name name by digest, in their order; erased: NULL.
CREATE TABLE omnihub.payloads (
    goal bigint NOT NULL,
    first_sequence bigint NOT NULL,
    tenant text NOT NULL,
    bodies bytea,
    PRIMARY KEY (goal, first_sequence)
);

-- Tool specifications, which belong to no tenant.
CREATE TABLE omnihub.toolsets (
    digest bytea PRIMARY KEY,
    body bytea NOT NULL,
    -- Keyed digest of the row.
    proof bytea NOT NULL
);

-- What people want of goals and the machine has not read yet.
CREATE TABLE omnihub.inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    goal bigint NOT NULL,
    tenant text NOT NULL,
    at bigint NOT NULL,
    person bytea NOT NULL
);
CREATE INDEX inbox_by_goal ON omnihub.inbox (goal);

CREATE TABLE omnihub.approvals (
    id bigint PRIMARY KEY,
    tenant text NOT NULL,
    approval text NOT NULL,
    goal bigint NOT NULL,
    step text NOT NULL,
    item bigint,
    digest bytea NOT NULL,
    reason text NOT NULL,
    requested_at bigint NOT NULL,
    requested_held bigint NOT NULL,
    expires_in_seconds bigint NOT NULL,
    status text NOT NULL,
    decided_by text,
    decided_at bigint,
    UNIQUE (approval, tenant)
);
CREATE INDEX approvals_pending ON omnihub.approvals (goal) WHERE status = 'pending';

-- The answer of each accepted request that carried an idempotency key, kept as long as its goal.
CREATE TABLE omnihub.idempotency (
    tenant text NOT NULL,
    principal text NOT NULL,
    route text NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL,
    answer bytea NOT NULL,
    goal bigint NOT NULL,
    PRIMARY KEY (name, principal, route, tenant)
);

-- Emergency controls with their history: `until` is NULL while one is active; `tenant` NULL covers every tenant.
CREATE TABLE omnihub.emergency_controls (
    id bigint PRIMARY KEY,
    tenant text,
    scope text NOT NULL,
    target text,
    mode text NOT NULL,
    reason text NOT NULL,
    set_by text NOT NULL,
    since bigint NOT NULL,
    until bigint
);

-- How often the controls were changed: whoever admits an effect has to have seen the newest.
CREATE TABLE omnihub.gate (
    id integer PRIMARY KEY CHECK (id = 1),
    generation bigint NOT NULL
);
INSERT INTO omnihub.gate VALUES (1, 1);

-- What people outside are to be told: ids and codes.
CREATE TABLE omnihub.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    kind text NOT NULL,
    body bytea NOT NULL,
    at bigint NOT NULL,
    attempts bigint NOT NULL,
    due_at bigint NOT NULL
);
CREATE INDEX outbox_due ON omnihub.outbox (due_at);

-- Evidence: one row holds the entries of one append as drafts, from which sealing makes the entries again.
-- The row's number ends in the index of its first entry.
CREATE TABLE omnihub.audit (
    id bigint PRIMARY KEY,
    tenant text NOT NULL,
    at bigint NOT NULL,
    form bigint NOT NULL,
    -- The hash of the entry before; NULL at index 0.
    previous bytea,
    drafts bytea NOT NULL,
    -- The entries' hashes, 32 bytes each.
    hashes bytea NOT NULL
);

-- Signed tree heads. The row's number ends in the size.
CREATE TABLE omnihub.checkpoints (
    id bigint PRIMARY KEY,
    tenant text NOT NULL,
    at bigint NOT NULL,
    note text NOT NULL
);

-- Goals that processes changed which do not drive: to be looked at soon by the one that does.
CREATE TABLE omnihub.queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant text NOT NULL,
    goal text NOT NULL
);

-- Who drives, where one process does: how often that has changed, since when by the holder's own clock, and until when by
-- the database's.
CREATE TABLE omnihub.leader (
    id integer PRIMARY KEY CHECK (id = 1),
    holder text NOT NULL,
    epoch bigint NOT NULL,
    since bigint NOT NULL,
    until timestamptz NOT NULL
);
INSERT INTO omnihub.leader VALUES (1, '', 0, 0, '-infinity');

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['installation', 'epochs', 'tenants', 'goals', 'journal', 'payloads', 'toolsets', 'inbox',
        'approvals', 'idempotency', 'emergency_controls', 'gate', 'outbox', 'audit', 'checkpoints', 'queue', 'leader', 'migrations']
    LOOP
        EXECUTE format('ALTER TABLE omnihub.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE omnihub.%I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['tenants', 'goals', 'journal', 'payloads', 'inbox', 'approvals', 'idempotency', 'outbox',
        'audit', 'checkpoints', 'queue']
    LOOP
        EXECUTE format('CREATE POLICY of_tenant ON omnihub.%I TO omnihub_app
            USING (tenant = current_setting(''omnihub.tenant'', true))
            WITH CHECK (tenant = current_setting(''omnihub.tenant'', true))', name);
    END LOOP;
    -- What belongs to no tenant.
    FOREACH name IN ARRAY ARRAY['installation', 'epochs', 'toolsets', 'gate', 'migrations']
    LOOP
        EXECUTE format('CREATE POLICY of_all ON omnihub.%I TO omnihub_app, omnihub_driver USING (true) WITH CHECK (true)',
            name);
    END LOOP;
    -- What the driver's queues are made of.
    FOREACH name IN ARRAY ARRAY['tenants', 'goals', 'inbox', 'outbox', 'emergency_controls', 'queue', 'leader']
    LOOP
        EXECUTE format('CREATE POLICY of_driver ON omnihub.%I TO omnihub_driver USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;

-- A control of the installation is written in the name of its own chain, and seen by every tenant, or by the one that it
-- names.
CREATE POLICY seen ON omnihub.emergency_controls FOR SELECT TO omnihub_app
    USING (current_setting('omnihub.tenant', true) IN (tenant, '@installation')
        OR tenant IS NULL AND current_setting('omnihub.tenant', true) <> ''
            AND (scope <> 'tenant' OR target = current_setting('omnihub.tenant', true)));
CREATE POLICY begun ON omnihub.emergency_controls FOR INSERT TO omnihub_app
    WITH CHECK (coalesce(tenant, '@installation') = current_setting('omnihub.tenant', true));
CREATE POLICY ended ON omnihub.emergency_controls FOR UPDATE TO omnihub_app
    USING (coalesce(tenant, '@installation') = current_setting('omnihub.tenant', true));

GRANT USAGE ON SCHEMA omnihub TO omnihub_app, omnihub_driver;
GRANT SELECT ON omnihub.migrations TO omnihub_app, omnihub_driver;
GRANT SELECT, INSERT ON omnihub.installation, omnihub.epochs, omnihub.toolsets, omnihub.journal, omnihub.audit,
    omnihub.checkpoints, omnihub.idempotency TO omnihub_app;
GRANT SELECT, INSERT, UPDATE ON omnihub.tenants, omnihub.goals, omnihub.payloads, omnihub.approvals TO omnihub_app;
GRANT USAGE ON SEQUENCE omnihub.tenant_numbers TO omnihub_app;
GRANT SELECT, INSERT ON omnihub.emergency_controls TO omnihub_app;
GRANT UPDATE (until) ON omnihub.emergency_controls TO omnihub_app;
GRANT SELECT, INSERT, DELETE ON omnihub.inbox TO omnihub_app;
GRANT SELECT, INSERT, DELETE ON omnihub.outbox TO omnihub_app;
GRANT UPDATE (attempts, due_at) ON omnihub.outbox TO omnihub_app;
GRANT SELECT, UPDATE ON omnihub.gate TO omnihub_app;
GRANT SELECT ON omnihub.installation, omnihub.epochs, omnihub.gate, omnihub.outbox, omnihub.emergency_controls
    TO omnihub_driver;
GRANT SELECT (number, tenant, size, signed) ON omnihub.tenants TO omnihub_driver;
GRANT SELECT (id, tenant, goal, status, finished_at, wake_at, sequence) ON omnihub.goals TO omnihub_driver;
GRANT SELECT (goal, tenant, at) ON omnihub.inbox TO omnihub_driver;
GRANT INSERT ON omnihub.queue TO omnihub_app;
GRANT SELECT, DELETE ON omnihub.queue TO omnihub_driver;
GRANT SELECT, UPDATE ON omnihub.leader TO omnihub_driver;
