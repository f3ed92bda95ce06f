-- Keys that sign requests of the official API; the secret is sealed, because signatures are made with it.
CREATE TABLE access_key (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
  secret BLOB NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
-- Requests that were signed lately: each is taken once.
CREATE TABLE nonce (
  -- SHA-256 of the key's id and the nonce.
  hash BLOB PRIMARY KEY,
  -- Seconds since 1970.
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX nonce_at ON nonce (at);
-- As JSON objects of texts: what people have tagged it with, and what was given in the words of the official API, without
-- passwords.
ALTER TABLE instance ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE instance ADD COLUMN submitted TEXT NOT NULL DEFAULT '{}';
