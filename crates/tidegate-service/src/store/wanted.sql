-- Objects that an instance is to have and does not have yet, as JSON.
ALTER TABLE instance ADD COLUMN wanted TEXT;
