-- Answers to requests with an Idempotency-Key, for a day.
CREATE TABLE answer (
  -- SHA-256 of who asked and the key.
  owner BLOB PRIMARY KEY,
  -- SHA-256 of the request.
  asked BLOB NOT NULL,
  -- NULL while it is under way.
  status INTEGER,
  body BLOB,
  -- Seconds since 1970.
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_at ON answer (at);
