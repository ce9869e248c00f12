-- Webhooks: where apps are told that people's drives changed, whom they have yet to be told of, and what was sent.

-- state: 0 on, 1 off because the address said that it is gone; state_at says since when. since: changes from before are
-- not told. next_at: when the next delivery may be made. made: deliveries ever, their numbers. The secrets are sealed; the old one is right until its time.
CREATE TABLE hooks (
    client_id        TEXT COLLATE "C" PRIMARY KEY,
    url              TEXT COLLATE "C" NOT NULL,
    secret           BYTEA NOT NULL,
    secret_at        BIGINT NOT NULL,
    old_secret       BYTEA NOT NULL DEFAULT '\x',
    old_secret_at    BIGINT NOT NULL DEFAULT 0,
    old_secret_until BIGINT NOT NULL DEFAULT 0,
    state            BIGINT NOT NULL DEFAULT 0,
    state_at         BIGINT NOT NULL,
    since            BIGINT NOT NULL,
    next_at          BIGINT NOT NULL DEFAULT 0,
    made             BIGINT NOT NULL DEFAULT 0,
    created_at       BIGINT NOT NULL
);

-- seen: the latest change of the person's log that the app was or is to be told. due: the same while it is to be, else 0.
-- whole: that change was anywhere in the drive, and not in the app's folder for certain.
CREATE TABLE hook_people (
    client_id TEXT COLLATE "C" NOT NULL,
    user_id   BIGINT NOT NULL,
    seen      BIGINT NOT NULL,
    due       BIGINT NOT NULL DEFAULT 0,
    due_at    BIGINT NOT NULL DEFAULT 0,
    whole     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (client_id, user_id)
);
CREATE INDEX hook_people_due ON hook_people (client_id, due_at, user_id) WHERE due > 0;

-- state: 0 waiting, 1 being sent, 2 delivered, 3 given up. next_at: when it is sent, and of one being sent until when
-- whoever does so is believed to be at it. attempts: since it was last asked for; claims: ever.
CREATE TABLE hook_deliveries (
    client_id  TEXT COLLATE "C" NOT NULL,
    id         BIGINT NOT NULL,
    message    TEXT COLLATE "C" NOT NULL,
    is_test    BIGINT NOT NULL,
    people     BIGINT NOT NULL,
    state      BIGINT NOT NULL DEFAULT 0,
    attempts   BIGINT NOT NULL DEFAULT 0,
    claims     BIGINT NOT NULL DEFAULT 0,
    next_at    BIGINT NOT NULL,
    status     BIGINT NOT NULL DEFAULT 0,
    error      TEXT COLLATE "C" NOT NULL DEFAULT '',
    sent_at    BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (client_id, id)
);
CREATE INDEX hook_deliveries_open ON hook_deliveries (client_id, state, next_at) WHERE state < 2;
CREATE INDEX hook_deliveries_due ON hook_deliveries (next_at) WHERE state < 2;
CREATE INDEX hook_deliveries_time ON hook_deliveries (created_at);

-- Whom a delivery that is not delivered names.
CREATE TABLE hook_delivery_people (
    client_id   TEXT COLLATE "C" NOT NULL,
    delivery_id BIGINT NOT NULL,
    user_id     BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    whole       BIGINT NOT NULL,
    PRIMARY KEY (client_id, delivery_id, user_id)
);
CREATE INDEX hook_delivery_people_user ON hook_delivery_people (client_id, user_id);
