-- Shares that are more than one open file: passwords that may change, drop boxes, and uploads that come in through them.

-- epoch: raised with every other password; tickets, links and uploads of an older one are dead.
-- max_file_size, max_files: of a drop box (kind 3), 0 for no limit. received: files that came in through it.
ALTER TABLE shares ADD COLUMN epoch BIGINT NOT NULL DEFAULT 1;
ALTER TABLE shares ADD COLUMN max_file_size BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shares ADD COLUMN max_files BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shares ADD COLUMN received BIGINT NOT NULL DEFAULT 0;

-- The drop box that an upload came through, 0 for none; its epoch is then the share's.
ALTER TABLE uploads ADD COLUMN share_id BIGINT NOT NULL DEFAULT 0;
CREATE INDEX uploads_share ON uploads (user_id, share_id) WHERE share_id > 0 AND state = 0;
