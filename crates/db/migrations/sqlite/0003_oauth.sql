-- Apps, and how people and apps sign in. Codes, tokens and sessions are found by the hash of
-- the secret that the caller shows, so the hash is their key and not the person.

CREATE TABLE apps (
    client_id     TEXT PRIMARY KEY,
    owner_id      INTEGER NOT NULL,
    name          TEXT NOT NULL,
    secret        BLOB NOT NULL,
    redirect_uris TEXT NOT NULL,
    scopes        INTEGER NOT NULL,
    public        INTEGER NOT NULL,
    weipan        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX apps_owner ON apps (owner_id, client_id);

CREATE TABLE codes (
    hash         BLOB PRIMARY KEY,
    family       INTEGER NOT NULL,
    user_id      INTEGER NOT NULL,
    grant_id     INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    client_id    TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scopes       INTEGER NOT NULL,
    challenge    TEXT NOT NULL,
    nonce        TEXT NOT NULL,
    auth_time    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX codes_expiry ON codes (expires_at);

-- state: 0 pending, 1 approved, 2 denied, 3 used. Until it is approved it is nobody's.
CREATE TABLE devices (
    hash           BLOB PRIMARY KEY,
    user_code_hash BLOB NOT NULL,
    client_id      TEXT NOT NULL,
    scopes         INTEGER NOT NULL,
    challenge      TEXT NOT NULL,
    address        TEXT NOT NULL,
    agent          TEXT NOT NULL,
    state          INTEGER NOT NULL DEFAULT 0,
    user_id        INTEGER NOT NULL DEFAULT 0,
    grant_id       INTEGER NOT NULL DEFAULT 0,
    epoch          INTEGER NOT NULL DEFAULT 0,
    family         INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX devices_user_code ON devices (user_code_hash);
CREATE INDEX devices_expiry ON devices (expires_at);

-- kind: 0 access, 1 refresh. A pair is what one answer carried; a family is what one code led to.
-- used: of an access token, that it was shown once; of a refresh token, that it was exchanged.
CREATE TABLE tokens (
    hash       BLOB PRIMARY KEY,
    kind       INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    grant_id   INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    client_id  TEXT NOT NULL,
    scopes     INTEGER NOT NULL,
    family     INTEGER NOT NULL,
    pair       INTEGER NOT NULL,
    used       INTEGER NOT NULL DEFAULT 0,
    used_at    INTEGER NOT NULL DEFAULT 0,
    next_pair  INTEGER NOT NULL DEFAULT 0,
    answer     BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tokens_grant ON tokens (user_id, grant_id);
CREATE INDEX tokens_family ON tokens (family);
CREATE INDEX tokens_pair ON tokens (pair);
CREATE INDEX tokens_expiry ON tokens (expires_at);
CREATE INDEX tokens_answers ON tokens (used_at) WHERE answer IS NOT NULL;

CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    auth_time  INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- What may be guessed: attempts since the window began.
CREATE TABLE throttle (
    key          TEXT PRIMARY KEY,
    window_start INTEGER NOT NULL,
    hits         INTEGER NOT NULL
) STRICT;
CREATE INDEX throttle_expiry ON throttle (window_start);

-- What happened to accounts, apps and grants. Never a secret.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    user_id   INTEGER NOT NULL,
    client_id TEXT NOT NULL,
    event     TEXT NOT NULL,
    address   TEXT NOT NULL,
    detail    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_user ON audit (user_id, id);
