-- Facts about the database itself, by key.
CREATE TABLE meta (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- The source of ids. SQLite has the table "counters".
CREATE SEQUENCE ids AS BIGINT START WITH 1001;
