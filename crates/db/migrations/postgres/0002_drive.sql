-- The drive: users, the tree, contents, uploads, the bin, the change log.
-- Every row of a user carries user_id first in its key. Names sort bytewise.

CREATE TABLE users (
    id            BIGINT PRIMARY KEY,
    name          TEXT COLLATE "C" NOT NULL,
    name_fold     TEXT COLLATE "C" NOT NULL UNIQUE,
    email         TEXT COLLATE "C" NOT NULL,
    email_fold    TEXT COLLATE "C" NOT NULL UNIQUE,
    nickname      TEXT COLLATE "C" NOT NULL,
    avatar_url    TEXT COLLATE "C" NOT NULL DEFAULT '',
    password_hash TEXT COLLATE "C" NOT NULL DEFAULT '',
    is_admin      BIGINT NOT NULL DEFAULT 0,
    is_disabled   BIGINT NOT NULL DEFAULT 0,
    vip_group     BIGINT NOT NULL DEFAULT 0,
    vip_expire    BIGINT NOT NULL DEFAULT 0,
    quota         BIGINT NOT NULL,
    used          BIGINT NOT NULL DEFAULT 0,
    reserved      BIGINT NOT NULL DEFAULT 0,
    head          BIGINT NOT NULL DEFAULT 0,
    floor         BIGINT NOT NULL DEFAULT 0,
    root_id       BIGINT NOT NULL,
    bin_id        BIGINT NOT NULL,
    apps_id       BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL
);

CREATE TABLE grants (
    user_id       BIGINT NOT NULL,
    id            BIGINT NOT NULL,
    client_id     TEXT COLLATE "C" NOT NULL,
    scopes        BIGINT NOT NULL,
    sandbox_id    BIGINT NOT NULL DEFAULT 0,
    epoch         BIGINT NOT NULL DEFAULT 1,
    share_enabled BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    last_used_at  BIGINT NOT NULL DEFAULT 0,
    revoked_at    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
);
CREATE UNIQUE INDEX grants_client ON grants (user_id, client_id);

CREATE TABLE nodes (
    user_id      BIGINT NOT NULL,
    id           BIGINT NOT NULL,
    parent_id    BIGINT NOT NULL,
    kind         BIGINT NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    sort_key     BYTEA NOT NULL,
    live         BIGINT NOT NULL DEFAULT 1,
    sandbox      BIGINT NOT NULL DEFAULT 0,
    size         BIGINT NOT NULL DEFAULT 0,
    md5          BYTEA,
    sha1         BYTEA,
    mime         TEXT COLLATE "C" NOT NULL DEFAULT '',
    version_id   BIGINT NOT NULL DEFAULT 0,
    file_count   BIGINT NOT NULL DEFAULT 0,
    folder_count BIGINT NOT NULL DEFAULT 0,
    client_id    TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_at   BIGINT NOT NULL,
    modified_at  BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE UNIQUE INDEX nodes_name ON nodes (user_id, parent_id, name) WHERE live = 1;
CREATE INDEX nodes_order ON nodes (user_id, parent_id, kind, sort_key, name, id);

CREATE TABLE versions (
    user_id     BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    node_id     BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    md5         BYTEA NOT NULL,
    sha1        BYTEA NOT NULL,
    blob_hash   BYTEA NOT NULL,
    mime        TEXT COLLATE "C" NOT NULL,
    client_id   TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_at  BIGINT NOT NULL,
    replaced_at BIGINT NOT NULL DEFAULT 0,
    keep        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX versions_node ON versions (user_id, node_id, id);
CREATE INDEX versions_md5 ON versions (user_id, md5);
CREATE INDEX versions_sha1 ON versions (user_id, sha1);
CREATE INDEX versions_blob ON versions (blob_hash);
CREATE INDEX versions_replaced ON versions (replaced_at) WHERE replaced_at > 0;
CREATE INDEX versions_old ON versions (user_id, replaced_at, id) WHERE replaced_at > 0;

-- One row a content. gen is drawn from the ids, so that a key in storage
-- (hash and gen) is never used twice. Small contents lie here themselves.
CREATE TABLE blobs (
    hash         BYTEA PRIMARY KEY,
    gen          BIGINT NOT NULL,
    size         BIGINT NOT NULL,
    md5          BYTEA NOT NULL,
    sha1         BYTEA NOT NULL,
    condemned_at BIGINT NOT NULL DEFAULT 0,
    created_at   BIGINT NOT NULL,
    content      BYTEA
);
CREATE INDEX blobs_md5 ON blobs (md5);
CREATE INDEX blobs_sha1 ON blobs (sha1);
CREATE INDEX blobs_condemned ON blobs (condemned_at) WHERE condemned_at > 0;

-- Contents that may have lost their last version: the janitor looks. One row for each reason
-- (the version that went, or the generation that came), so that the janitor clears only what
-- it saw, and nobody waits for a row that others write.
CREATE TABLE blob_suspects (
    hash BYTEA NOT NULL,
    id   BIGINT NOT NULL,
    at   BIGINT NOT NULL,
    PRIMARY KEY (hash, id)
);

CREATE TABLE bin (
    user_id    BIGINT NOT NULL,
    node_id    BIGINT NOT NULL,
    kind       BIGINT NOT NULL,
    parent_id  BIGINT NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    path       TEXT COLLATE "C" NOT NULL,
    sandbox_id BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, node_id)
);
CREATE INDEX bin_time ON bin (user_id, deleted_at, node_id);
CREATE INDEX bin_expiry ON bin (deleted_at);

-- Subtrees that have left the bin for good and are being freed in batches.
CREATE TABLE purges (
    user_id BIGINT NOT NULL,
    node_id BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (user_id, node_id)
);

CREATE TABLE changes (
    user_id        BIGINT NOT NULL,
    seq            BIGINT NOT NULL,
    event          BIGINT NOT NULL,
    kind           BIGINT NOT NULL,
    node_id        BIGINT NOT NULL,
    subtree        BIGINT NOT NULL,
    parent_before  BIGINT NOT NULL,
    parent_after   BIGINT NOT NULL,
    sandbox_before BIGINT NOT NULL,
    sandbox_after  BIGINT NOT NULL,
    at             BIGINT NOT NULL,
    PRIMARY KEY (user_id, seq)
);
CREATE INDEX changes_at ON changes (at);

CREATE TABLE uploads (
    user_id     BIGINT NOT NULL,
    id          BIGINT NOT NULL,
    secret_hash BYTEA NOT NULL,
    salt        BYTEA NOT NULL,
    state       BIGINT NOT NULL DEFAULT 0,
    grant_id    BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    client_id   TEXT COLLATE "C" NOT NULL,
    scopes      BIGINT NOT NULL,
    parent_id   BIGINT NOT NULL,
    name        TEXT COLLATE "C" NOT NULL,
    size        BIGINT NOT NULL,
    md5         BYTEA NOT NULL,
    mime        TEXT COLLATE "C" NOT NULL,
    chunk_size  BIGINT NOT NULL,
    parts       BIGINT NOT NULL,
    on_conflict BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    node_id     BIGINT NOT NULL DEFAULT 0,
    path        TEXT COLLATE "C" NOT NULL DEFAULT '',
    stored_hash BYTEA,
    stored_sha1 BYTEA,
    stored_gen  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, id)
);
CREATE UNIQUE INDEX uploads_secret ON uploads (secret_hash);
CREATE INDEX uploads_salt ON uploads (salt);
CREATE INDEX uploads_same ON uploads (user_id, parent_id, name) WHERE state = 0;
CREATE INDEX uploads_expiry ON uploads (expires_at);

CREATE TABLE upload_parts (
    user_id   BIGINT NOT NULL,
    upload_id BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    hash      BYTEA NOT NULL,
    extent    BIGINT NOT NULL,
    synced    BIGINT NOT NULL DEFAULT 0,
    suspect   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, upload_id, seq)
);
CREATE INDEX upload_parts_unsynced ON upload_parts (user_id, upload_id) WHERE synced = 0;

-- Long work that a caller follows: a copy of a large folder.
CREATE TABLE jobs (
    user_id    BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    state      BIGINT NOT NULL DEFAULT 0,
    done       BIGINT NOT NULL DEFAULT 0,
    total      BIGINT NOT NULL DEFAULT 0,
    reserved   BIGINT NOT NULL DEFAULT 0,
    payload    TEXT COLLATE "C" NOT NULL,
    error      TEXT COLLATE "C" NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE INDEX jobs_open ON jobs (state, updated_at);

CREATE TABLE node_grams (
    user_id BIGINT NOT NULL,
    node_id BIGINT NOT NULL,
    grams   BIGINT[] NOT NULL,
    PRIMARY KEY (user_id, node_id)
);
CREATE INDEX node_grams_gin ON node_grams USING GIN (grams);
