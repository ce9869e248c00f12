-- OpenID Connect: the keys that sign id_tokens, and when people signed in. Pushed authorization requests.

-- private: sealed by the server's secret, emptied when the key retires. One key of each algorithm signs.
CREATE TABLE signing_keys (
    kid        TEXT COLLATE "C" PRIMARY KEY,
    alg        TEXT COLLATE "C" NOT NULL,
    public     TEXT COLLATE "C" NOT NULL,
    private    BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX signing_keys_alg ON signing_keys (alg) WHERE retired_at = 0;

CREATE TABLE pushed (
    hash       BYTEA PRIMARY KEY,
    client_id  TEXT COLLATE "C" NOT NULL,
    query      TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX pushed_expiry ON pushed (expires_at);

ALTER TABLE apps ADD COLUMN id_token_alg TEXT COLLATE "C" NOT NULL DEFAULT 'RS256';
-- When the person who approved had signed in. 0: not known.
ALTER TABLE devices ADD COLUMN auth_time BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN auth_time BIGINT NOT NULL DEFAULT 0;
