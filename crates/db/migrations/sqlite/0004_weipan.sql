-- Tokens of programs that sign in with a person's password, and shares.

-- mark: what the person's password hash was when the token was made; another password ends the token.
CREATE TABLE weipan_tokens (
    hash       BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    client_id  TEXT NOT NULL,
    mark       BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX weipan_tokens_used ON weipan_tokens (used_at);
CREATE INDEX weipan_tokens_user ON weipan_tokens (user_id);

-- Contents that were sent under a signed form and wait for their name, by the hash of the form's key.
CREATE TABLE loose_contents (
    hash       BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL,
    client_id  TEXT NOT NULL,
    blob_hash  BLOB NOT NULL,
    size       INTEGER NOT NULL,
    md5        BLOB NOT NULL,
    sha1       BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX loose_contents_user ON loose_contents (user_id);
CREATE INDEX loose_contents_expiry ON loose_contents (expires_at);

-- Which account an entry of the external directory signs in to.
CREATE TABLE directory_people (
    entry   TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL
) STRICT;

-- kind: 0 folder, 1 file, 2 several. state: 0 active, 1 cancelled.
CREATE TABLE shares (
    user_id       INTEGER NOT NULL,
    id            INTEGER NOT NULL,
    code          TEXT NOT NULL,
    kind          INTEGER NOT NULL,
    client_id     TEXT NOT NULL,
    password_hash TEXT NOT NULL DEFAULT '',
    expires_at    INTEGER NOT NULL DEFAULT 0,
    max_downloads INTEGER NOT NULL DEFAULT 0,
    downloads     INTEGER NOT NULL DEFAULT 0,
    views         INTEGER NOT NULL DEFAULT 0,
    saves         INTEGER NOT NULL DEFAULT 0,
    allow_save    INTEGER NOT NULL DEFAULT 1,
    state         INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX shares_code ON shares (code);

CREATE TABLE share_items (
    user_id  INTEGER NOT NULL,
    share_id INTEGER NOT NULL,
    node_id  INTEGER NOT NULL,
    PRIMARY KEY (user_id, share_id, node_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX share_items_node ON share_items (user_id, node_id);
