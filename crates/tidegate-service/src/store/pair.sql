-- At most one of a pair has the right to write.
ALTER TABLE instance ADD COLUMN may_write INTEGER NOT NULL DEFAULT 1;
-- The instance that this one is the reverse of, and where it begins in its source's log.
ALTER TABLE instance ADD COLUMN reverse_of TEXT REFERENCES instance (id);
ALTER TABLE instance ADD COLUMN start_at TEXT;
CREATE UNIQUE INDEX one_reverse ON instance (reverse_of) WHERE status <> 'Released';
-- Every reading of an instance asks for all that were ever its reverse.
CREATE INDEX reverses ON instance (reverse_of);
