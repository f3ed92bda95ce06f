-- Up to when the source keeps what was not read when the last run ended: seconds since 1970.
ALTER TABLE instance ADD COLUMN kept_until INTEGER;
