-- What belongs to the service itself, by name.
CREATE TABLE service (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;
