-- The drive: users, the tree, contents, uploads, the bin, the change log.
-- Every row of a user carries user_id first in its key. Names sort bytewise.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    name_fold     TEXT NOT NULL UNIQUE,
    email         TEXT NOT NULL,
    email_fold    TEXT NOT NULL UNIQUE,
    nickname      TEXT NOT NULL,
    avatar_url    TEXT NOT NULL DEFAULT '',
    password_hash TEXT NOT NULL DEFAULT '',
    is_admin      INTEGER NOT NULL DEFAULT 0,
    is_disabled   INTEGER NOT NULL DEFAULT 0,
    vip_group     INTEGER NOT NULL DEFAULT 0,
    vip_expire    INTEGER NOT NULL DEFAULT 0,
    quota         INTEGER NOT NULL,
    used          INTEGER NOT NULL DEFAULT 0,
    reserved      INTEGER NOT NULL DEFAULT 0,
    head          INTEGER NOT NULL DEFAULT 0,
    floor         INTEGER NOT NULL DEFAULT 0,
    root_id       INTEGER NOT NULL,
    bin_id        INTEGER NOT NULL,
    apps_id       INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE grants (
    user_id       INTEGER NOT NULL,
    id            INTEGER NOT NULL,
    client_id     TEXT NOT NULL,
    scopes        INTEGER NOT NULL,
    sandbox_id    INTEGER NOT NULL DEFAULT 0,
    epoch         INTEGER NOT NULL DEFAULT 1,
    share_enabled INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER NOT NULL DEFAULT 0,
    revoked_at    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX grants_client ON grants (user_id, client_id);

CREATE TABLE nodes (
    user_id      INTEGER NOT NULL,
    id           INTEGER NOT NULL,
    parent_id    INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    name         TEXT NOT NULL,
    sort_key     BLOB NOT NULL,
    live         INTEGER NOT NULL DEFAULT 1,
    sandbox      INTEGER NOT NULL DEFAULT 0,
    size         INTEGER NOT NULL DEFAULT 0,
    md5          BLOB,
    sha1         BLOB,
    mime         TEXT NOT NULL DEFAULT '',
    version_id   INTEGER NOT NULL DEFAULT 0,
    file_count   INTEGER NOT NULL DEFAULT 0,
    folder_count INTEGER NOT NULL DEFAULT 0,
    client_id    TEXT NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    modified_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX nodes_name ON nodes (user_id, parent_id, name) WHERE live = 1;
CREATE INDEX nodes_order ON nodes (user_id, parent_id, kind, sort_key, name, id);

CREATE TABLE versions (
    user_id     INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    node_id     INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    md5         BLOB NOT NULL,
    sha1        BLOB NOT NULL,
    blob_hash   BLOB NOT NULL,
    mime        TEXT NOT NULL,
    client_id   TEXT NOT NULL DEFAULT '',
    created_at  INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL DEFAULT 0,
    keep        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX versions_node ON versions (user_id, node_id, id);
CREATE INDEX versions_md5 ON versions (user_id, md5);
CREATE INDEX versions_sha1 ON versions (user_id, sha1);
CREATE INDEX versions_blob ON versions (blob_hash);
CREATE INDEX versions_replaced ON versions (replaced_at) WHERE replaced_at > 0;
CREATE INDEX versions_old ON versions (user_id, replaced_at, id) WHERE replaced_at > 0;

-- One row a content. gen is drawn from the ids, so that a key in storage
-- (hash and gen) is never used twice. Small contents lie here themselves.
CREATE TABLE blobs (
    hash         BLOB PRIMARY KEY,
    gen          INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    md5          BLOB NOT NULL,
    sha1         BLOB NOT NULL,
    condemned_at INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    content      BLOB
) STRICT;
CREATE INDEX blobs_md5 ON blobs (md5);
CREATE INDEX blobs_sha1 ON blobs (sha1);
CREATE INDEX blobs_condemned ON blobs (condemned_at) WHERE condemned_at > 0;

-- Contents that may have lost their last version: the janitor looks. One row for each reason
-- (the version that went, or the generation that came), so that the janitor clears only what
-- it saw, and nobody waits for a row that others write.
CREATE TABLE blob_suspects (
    hash BLOB NOT NULL,
    id   INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (hash, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE bin (
    user_id    INTEGER NOT NULL,
    node_id    INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    parent_id  INTEGER NOT NULL,
    name       TEXT NOT NULL,
    path       TEXT NOT NULL,
    sandbox_id INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, node_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bin_time ON bin (user_id, deleted_at, node_id);
CREATE INDEX bin_expiry ON bin (deleted_at);

-- Subtrees that have left the bin for good and are being freed in batches.
CREATE TABLE purges (
    user_id INTEGER NOT NULL,
    node_id INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, node_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    user_id        INTEGER NOT NULL,
    seq            INTEGER NOT NULL,
    event          INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    node_id        INTEGER NOT NULL,
    subtree        INTEGER NOT NULL,
    parent_before  INTEGER NOT NULL,
    parent_after   INTEGER NOT NULL,
    sandbox_before INTEGER NOT NULL,
    sandbox_after  INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (user_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_at ON changes (at);

CREATE TABLE uploads (
    user_id     INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    secret_hash BLOB NOT NULL,
    salt        BLOB NOT NULL,
    state       INTEGER NOT NULL DEFAULT 0,
    grant_id    INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    client_id   TEXT NOT NULL,
    scopes      INTEGER NOT NULL,
    parent_id   INTEGER NOT NULL,
    name        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    md5         BLOB NOT NULL,
    mime        TEXT NOT NULL,
    chunk_size  INTEGER NOT NULL,
    parts       INTEGER NOT NULL,
    on_conflict INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    node_id     INTEGER NOT NULL DEFAULT 0,
    path        TEXT NOT NULL DEFAULT '',
    stored_hash BLOB,
    stored_sha1 BLOB,
    stored_gen  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX uploads_secret ON uploads (secret_hash);
CREATE INDEX uploads_salt ON uploads (salt);
CREATE INDEX uploads_same ON uploads (user_id, parent_id, name) WHERE state = 0;
CREATE INDEX uploads_expiry ON uploads (expires_at);

CREATE TABLE upload_parts (
    user_id   INTEGER NOT NULL,
    upload_id INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    extent    INTEGER NOT NULL,
    synced    INTEGER NOT NULL DEFAULT 0,
    suspect   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, upload_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_parts_unsynced ON upload_parts (user_id, upload_id) WHERE synced = 0;

-- Long work that a caller follows: a copy of a large folder.
CREATE TABLE jobs (
    user_id    INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    client_id  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    state      INTEGER NOT NULL DEFAULT 0,
    done       INTEGER NOT NULL DEFAULT 0,
    total      INTEGER NOT NULL DEFAULT 0,
    reserved   INTEGER NOT NULL DEFAULT 0,
    payload    TEXT NOT NULL,
    error      TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_open ON jobs (state, updated_at);

-- Grams of names, by user. Rows are not kept, only their posting lists.
CREATE VIRTUAL TABLE node_grams USING fts5(
    grams, content = '', contentless_delete = 1, detail = none,
    tokenize = 'ascii'
);
