-- Items that prechecks pass over, each with its reason, as JSON.
ALTER TABLE instance ADD COLUMN skips TEXT NOT NULL DEFAULT '{}';
