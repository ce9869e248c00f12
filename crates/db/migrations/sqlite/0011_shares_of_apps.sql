-- What an app shared for a person: told, and ended, where its access is taken back.

CREATE INDEX shares_app ON shares (user_id, client_id, id) WHERE state = 0;
