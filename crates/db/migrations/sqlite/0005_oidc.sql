-- OpenID Connect: the keys that sign id_tokens, and when people signed in. Pushed authorization requests.

-- private: sealed by the server's secret, emptied when the key retires. One key of each algorithm signs.
CREATE TABLE signing_keys (
    kid        TEXT PRIMARY KEY,
    alg        TEXT NOT NULL,
    public     TEXT NOT NULL,
    private    BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX signing_keys_alg ON signing_keys (alg) WHERE retired_at = 0;

CREATE TABLE pushed (
    hash       BLOB PRIMARY KEY,
    client_id  TEXT NOT NULL,
    query      TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pushed_expiry ON pushed (expires_at);

ALTER TABLE apps ADD COLUMN id_token_alg TEXT NOT NULL DEFAULT 'RS256';
-- When the person who approved had signed in. 0: not known.
ALTER TABLE devices ADD COLUMN auth_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN auth_time INTEGER NOT NULL DEFAULT 0;
