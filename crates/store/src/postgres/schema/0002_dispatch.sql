-- Goals are driven by whoever is told of them, in any process.

-- Who began what the goal has in flight, if anything: the holder of that name.
ALTER TABLE omnihub.goals ADD driver text;

-- A row leaves the queue when whoever drives its goal was told.
ALTER TABLE omnihub.queue
    -- Whether the goal was accepted before: then it may be waiting, and has to be woken.
    ADD accepted boolean NOT NULL DEFAULT true,
    -- Until when somebody is about to tell, by the database's clock.
    ADD taken_until timestamptz NOT NULL DEFAULT '-infinity';
GRANT SELECT ON omnihub.queue TO omnihub_app;
GRANT UPDATE (taken_until) ON omnihub.queue TO omnihub_driver;

-- The lead runs by the database's clock alone.
ALTER TABLE omnihub.leader DROP since;

-- By which a backup finds the keys of a tenant's goals.
CREATE INDEX idempotency_by_goal ON omnihub.idempotency (goal);
