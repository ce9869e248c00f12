-- How long a grant stands, where it was last used from, and what one consent limited.

-- expires_at: from when on it counts as taken back, 0 for never. weipan_at: when the person last signed in to the
-- app by password, 0 for never; the app then has the whole drive. lasting_scopes: those of the scopes that were
-- consented to without an end.
ALTER TABLE grants ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN last_address TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN weipan_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN lasting_scopes INTEGER NOT NULL DEFAULT 0;
UPDATE grants SET lasting_scopes = scopes;
CREATE INDEX grants_expiry ON grants (expires_at) WHERE expires_at > 0 AND revoked_at = 0;
CREATE INDEX grants_idle ON grants (last_used_at) WHERE revoked_at = 0;

-- A consent for a time: no token that it led to outlives this. A consent without an end has no row.
CREATE TABLE grant_terms (
    family   INTEGER NOT NULL PRIMARY KEY,
    user_id  INTEGER NOT NULL,
    grant_id INTEGER NOT NULL,
    scopes   INTEGER NOT NULL,
    ends_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX grant_terms_end ON grant_terms (ends_at);
CREATE INDEX grant_terms_grant ON grant_terms (user_id, grant_id);

-- network: what limits count by, an IPv4 address or the /64 of an IPv6 one.
ALTER TABLE devices ADD COLUMN network TEXT NOT NULL DEFAULT '';
CREATE INDEX devices_network ON devices (network, expires_at) WHERE state = 0;

-- The grant that a password sign-in stands under, and its epoch then. Tokens from before have none, and are dead.
ALTER TABLE weipan_tokens ADD COLUMN grant_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE weipan_tokens ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
