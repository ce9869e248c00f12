-- Tokens of programs that sign in with a person's password, and shares.

-- mark: what the person's password hash was when the token was made; another password ends the token.
CREATE TABLE weipan_tokens (
    hash       BYTEA PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    mark       BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX weipan_tokens_used ON weipan_tokens (used_at);
CREATE INDEX weipan_tokens_user ON weipan_tokens (user_id);

-- Contents that were sent under a signed form and wait for their name, by the hash of the form's key.
CREATE TABLE loose_contents (
    hash       BYTEA PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    blob_hash  BYTEA NOT NULL,
    size       BIGINT NOT NULL,
    md5        BYTEA NOT NULL,
    sha1       BYTEA NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX loose_contents_user ON loose_contents (user_id);
CREATE INDEX loose_contents_expiry ON loose_contents (expires_at);

-- Which account an entry of the external directory signs in to.
CREATE TABLE directory_people (
    entry   TEXT COLLATE "C" PRIMARY KEY,
    user_id BIGINT NOT NULL
);

-- kind: 0 folder, 1 file, 2 several. state: 0 active, 1 cancelled.
CREATE TABLE shares (
    user_id       BIGINT NOT NULL,
    id            BIGINT NOT NULL,
    code          TEXT COLLATE "C" NOT NULL,
    kind          BIGINT NOT NULL,
    client_id     TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL DEFAULT '',
    expires_at    BIGINT NOT NULL DEFAULT 0,
    max_downloads BIGINT NOT NULL DEFAULT 0,
    downloads     BIGINT NOT NULL DEFAULT 0,
    views         BIGINT NOT NULL DEFAULT 0,
    saves         BIGINT NOT NULL DEFAULT 0,
    allow_save    BIGINT NOT NULL DEFAULT 1,
    state         BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE UNIQUE INDEX shares_code ON shares (code);

CREATE TABLE share_items (
    user_id  BIGINT NOT NULL,
    share_id BIGINT NOT NULL,
    node_id  BIGINT NOT NULL,
    PRIMARY KEY (user_id, share_id, node_id)
);
CREATE INDEX share_items_node ON share_items (user_id, node_id);
