-- What the console needs: how apps present themselves, requests for scopes and their review, suspension, links
-- that reset a password, and who did what is in the audit log.

ALTER TABLE apps ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE apps ADD COLUMN home_page TEXT NOT NULL DEFAULT '';
-- Names the picture's content; empty without one.
ALTER TABLE apps ADD COLUMN icon TEXT NOT NULL DEFAULT '';
ALTER TABLE apps ADD COLUMN secret_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN old_secret BLOB NOT NULL DEFAULT x'';
ALTER TABLE apps ADD COLUMN old_secret_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN old_secret_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN suspended_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN suspended_why TEXT NOT NULL DEFAULT '';
UPDATE apps SET secret_at = created_at WHERE public = 0;

CREATE TABLE app_icons (
    client_id TEXT PRIMARY KEY,
    mime      TEXT NOT NULL,
    content   BLOB NOT NULL
) STRICT;

-- Grants whose app was suspended, resumed or deleted follow in batches. state: 0 resumed, 1 suspended, 2 deleted.
CREATE TABLE app_states (
    client_id TEXT PRIMARY KEY,
    state     INTEGER NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_app ON grants (client_id, user_id, id);

-- state: 0 open, 1 granted in whole or in part, 2 refused, 3 withdrawn. One that is open, of each app.
CREATE TABLE scope_requests (
    id         INTEGER PRIMARY KEY,
    client_id  TEXT NOT NULL,
    scopes     INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,
    granted    INTEGER NOT NULL DEFAULT 0,
    note       TEXT NOT NULL DEFAULT '',
    decided_by INTEGER NOT NULL DEFAULT 0,
    decided_at INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX scope_requests_open ON scope_requests (client_id) WHERE state = 0;
CREATE INDEX scope_requests_app ON scope_requests (client_id, id);
CREATE INDEX scope_requests_state ON scope_requests (state, id);

-- One link that works, of each person.
CREATE TABLE password_links (
    user_id    INTEGER PRIMARY KEY,
    hash       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX password_links_hash ON password_links (hash);

-- Who did it, where that is not the person whose account it is.
ALTER TABLE audit ADD COLUMN actor_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX audit_app ON audit (client_id, id);
CREATE INDEX audit_event ON audit (event, id);
CREATE INDEX audit_at ON audit (at, id);
