-- Apps, and how people and apps sign in. Codes, tokens and sessions are found by the hash of
-- the secret that the caller shows, so the hash is their key and not the person.

CREATE TABLE apps (
    client_id     TEXT COLLATE "C" PRIMARY KEY,
    owner_id      BIGINT NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    secret        BYTEA NOT NULL,
    redirect_uris TEXT COLLATE "C" NOT NULL,
    scopes        BIGINT NOT NULL,
    public        BIGINT NOT NULL,
    weipan        BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE INDEX apps_owner ON apps (owner_id, client_id);

CREATE TABLE codes (
    hash         BYTEA PRIMARY KEY,
    family       BIGINT NOT NULL,
    user_id      BIGINT NOT NULL,
    grant_id     BIGINT NOT NULL,
    epoch        BIGINT NOT NULL,
    client_id    TEXT COLLATE "C" NOT NULL,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    scopes       BIGINT NOT NULL,
    challenge    TEXT COLLATE "C" NOT NULL,
    nonce        TEXT COLLATE "C" NOT NULL,
    auth_time    BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX codes_expiry ON codes (expires_at);

-- state: 0 pending, 1 approved, 2 denied, 3 used. Until it is approved it is nobody's.
CREATE TABLE devices (
    hash           BYTEA PRIMARY KEY,
    user_code_hash BYTEA NOT NULL,
    client_id      TEXT COLLATE "C" NOT NULL,
    scopes         BIGINT NOT NULL,
    challenge      TEXT COLLATE "C" NOT NULL,
    address        TEXT COLLATE "C" NOT NULL,
    agent          TEXT COLLATE "C" NOT NULL,
    state          BIGINT NOT NULL DEFAULT 0,
    user_id        BIGINT NOT NULL DEFAULT 0,
    grant_id       BIGINT NOT NULL DEFAULT 0,
    epoch          BIGINT NOT NULL DEFAULT 0,
    family         BIGINT NOT NULL DEFAULT 0,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX devices_user_code ON devices (user_code_hash);
CREATE INDEX devices_expiry ON devices (expires_at);

-- kind: 0 access, 1 refresh. A pair is what one answer carried; a family is what one code led to.
-- used: of an access token, that it was shown once; of a refresh token, that it was exchanged.
CREATE TABLE tokens (
    hash       BYTEA PRIMARY KEY,
    kind       BIGINT NOT NULL,
    user_id    BIGINT NOT NULL,
    grant_id   BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    scopes     BIGINT NOT NULL,
    family     BIGINT NOT NULL,
    pair       BIGINT NOT NULL,
    used       BIGINT NOT NULL DEFAULT 0,
    used_at    BIGINT NOT NULL DEFAULT 0,
    next_pair  BIGINT NOT NULL DEFAULT 0,
    answer     BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_grant ON tokens (user_id, grant_id);
CREATE INDEX tokens_family ON tokens (family);
CREATE INDEX tokens_pair ON tokens (pair);
CREATE INDEX tokens_expiry ON tokens (expires_at);
CREATE INDEX tokens_answers ON tokens (used_at) WHERE answer IS NOT NULL;

CREATE TABLE sessions (
    hash       BYTEA PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    auth_time  BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    address    TEXT COLLATE "C" NOT NULL,
    agent      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- What may be guessed: attempts since the window began.
CREATE TABLE throttle (
    key          TEXT COLLATE "C" PRIMARY KEY,
    window_start BIGINT NOT NULL,
    hits         BIGINT NOT NULL
);
CREATE INDEX throttle_expiry ON throttle (window_start);

-- What happened to accounts, apps and grants. Never a secret.
CREATE TABLE audit (
    id        BIGINT PRIMARY KEY,
    at        BIGINT NOT NULL,
    user_id   BIGINT NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    event     TEXT COLLATE "C" NOT NULL,
    address   TEXT COLLATE "C" NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_user ON audit (user_id, id);
