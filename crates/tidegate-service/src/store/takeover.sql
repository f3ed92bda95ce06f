-- How it takes over, as JSON: as it was asked for last.
ALTER TABLE instance ADD COLUMN takeover TEXT;
