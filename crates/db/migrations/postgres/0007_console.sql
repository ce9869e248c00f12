-- What the console needs: how apps present themselves, requests for scopes and their review, suspension, links
-- that reset a password, and who did what is in the audit log.

ALTER TABLE apps ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE apps ADD COLUMN home_page TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Names the picture's content; empty without one.
ALTER TABLE apps ADD COLUMN icon TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE apps ADD COLUMN secret_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN old_secret BYTEA NOT NULL DEFAULT '\x';
ALTER TABLE apps ADD COLUMN old_secret_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN old_secret_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN suspended_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE apps ADD COLUMN suspended_why TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE apps SET secret_at = created_at WHERE public = 0;

CREATE TABLE app_icons (
    client_id TEXT COLLATE "C" PRIMARY KEY,
    mime      TEXT COLLATE "C" NOT NULL,
    content   BYTEA NOT NULL
);

-- Grants whose app was suspended, resumed or deleted follow in batches. state: 0 resumed, 1 suspended, 2 deleted.
CREATE TABLE app_states (
    client_id TEXT COLLATE "C" PRIMARY KEY,
    state     BIGINT NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX grants_app ON grants (client_id, user_id, id);

-- state: 0 open, 1 granted in whole or in part, 2 refused, 3 withdrawn. One that is open, of each app.
CREATE TABLE scope_requests (
    id         BIGINT PRIMARY KEY,
    client_id  TEXT COLLATE "C" NOT NULL,
    scopes     BIGINT NOT NULL,
    reason     TEXT COLLATE "C" NOT NULL,
    state      BIGINT NOT NULL DEFAULT 0,
    granted    BIGINT NOT NULL DEFAULT 0,
    note       TEXT COLLATE "C" NOT NULL DEFAULT '',
    decided_by BIGINT NOT NULL DEFAULT 0,
    decided_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX scope_requests_open ON scope_requests (client_id) WHERE state = 0;
CREATE INDEX scope_requests_app ON scope_requests (client_id, id);
CREATE INDEX scope_requests_state ON scope_requests (state, id);

-- One link that works, of each person.
CREATE TABLE password_links (
    user_id    BIGINT PRIMARY KEY,
    hash       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX password_links_hash ON password_links (hash);

-- Who did it, where that is not the person whose account it is.
ALTER TABLE audit ADD COLUMN actor_id BIGINT NOT NULL DEFAULT 0;
CREATE INDEX audit_app ON audit (client_id, id);
CREATE INDEX audit_event ON audit (event, id);
CREATE INDEX audit_at ON audit (at, id);
