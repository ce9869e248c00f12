-- Archives whose choice does not fit in their link, and jobs that follow what is being freed.

-- The link names one by a random number, of which the hash stands here.
CREATE TABLE archives (
    hash       BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    payload    TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX archives_user ON archives (user_id, expires_at);
CREATE INDEX archives_expiry ON archives (expires_at);

-- The job that tells how far the freeing is; 0: nobody asked.
ALTER TABLE purges ADD COLUMN job_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX purges_order ON purges (at, user_id, node_id);
CREATE INDEX purges_job ON purges (user_id, job_id) WHERE job_id > 0;
