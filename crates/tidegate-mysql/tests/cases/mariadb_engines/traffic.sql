INSERT INTO old (v) VALUES ('d'), ('e');
UPDATE old SET v = CONCAT(v, v);
DELETE FROM old WHERE id = 2;
INSERT INTO brief VALUES (3, 'c');
UPDATE brief SET v = 'x' WHERE id = 1;
UPDATE old_keyless SET b = 'b' WHERE a = 1 LIMIT 1;
DELETE FROM old_keyless WHERE a IS NULL;
INSERT INTO old_keyless VALUES (2, NULL);
-- What a table without transactions has taken stays.
BEGIN;
INSERT INTO old (v) VALUES ('kept');
ROLLBACK;
BEGIN;
INSERT INTO usual VALUES (2, 'b');
COMMIT;
