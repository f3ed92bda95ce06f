CREATE TABLE instance (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  initialized INTEGER NOT NULL,
  start_after INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  -- The request that it was configured with, as JSON, without passwords.
  spec TEXT NOT NULL,
  -- Sealed: see secrets.rs. NULL if the account has none.
  source_password BLOB,
  target_password BLOB,
  -- A problem, as JSON.
  why TEXT,
  -- The last precheck's items, as JSON.
  precheck TEXT,
  created_at TEXT NOT NULL,
  changed_at TEXT NOT NULL
) STRICT;
-- Names are free again once their instance is released.
CREATE UNIQUE INDEX instance_name ON instance (name) WHERE status <> 'Released';

CREATE TABLE transition (
  instance TEXT NOT NULL REFERENCES instance (id),
  generation INTEGER NOT NULL,
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  event TEXT NOT NULL,
  from_status TEXT NOT NULL,
  to_status TEXT NOT NULL,
  why TEXT,
  PRIMARY KEY (instance, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL,
  salt BLOB NOT NULL,
  password BLOB NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

-- Sessions and API keys: who has the text whose SHA-256 this is, is the account.
CREATE TABLE token (
  hash BLOB PRIMARY KEY,
  account TEXT NOT NULL REFERENCES account (name) ON DELETE CASCADE,
  -- Seconds since 1970; NULL for an API key.
  expires_at INTEGER
) STRICT, WITHOUT ROWID;

-- Every command that was asked for, whatever became of it.
CREATE TABLE audit (
  at TEXT NOT NULL,
  by TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
