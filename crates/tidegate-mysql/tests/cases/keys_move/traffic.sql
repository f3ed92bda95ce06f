-- Two rows change keys.
BEGIN;
UPDATE t SET id = -1 WHERE id = 1;
UPDATE t SET id = 1 WHERE id = 2;
UPDATE t SET id = 2 WHERE id = -1;
COMMIT;
-- Every key moves on by one.
UPDATE t SET id = id + 1 ORDER BY id DESC;
UPDATE t SET id = id - 1 ORDER BY id;
UPDATE t SET id = id + 1 ORDER BY id DESC;
-- Two rows change a unique value, with and without a detour.
BEGIN;
UPDATE u SET code = 'tmp' WHERE id = 1;
UPDATE u SET code = 'a' WHERE id = 2;
UPDATE u SET code = 'b' WHERE id = 1;
UPDATE u SET rank_no = NULL WHERE id = 1;
UPDATE u SET rank_no = 10 WHERE id = 3;
UPDATE u SET rank_no = 30 WHERE id = 1;
COMMIT;
BEGIN;
DELETE FROM u WHERE id = 2;
INSERT INTO u VALUES (6, 'a', 20);
UPDATE u SET id = 2 WHERE id = 6;
COMMIT;
-- A unique value goes from row to row, each time in a transaction of its own.
UPDATE u SET code = 'free' WHERE id = 1;
UPDATE u SET code = 'b' WHERE id = 3;
UPDATE u SET code = 'c' WHERE id = 4;
UPDATE u SET code = 'd' WHERE id = 5;
UPDATE u SET code = 'e' WHERE id = 1;
DELETE FROM u WHERE id = 3;
INSERT INTO u VALUES (7, 'b', 10);
REPLACE INTO u VALUES (8, 'b', 11);
REPLACE INTO u VALUES (8, 'c', 30);
-- The same key goes and comes.
BEGIN;
DELETE FROM t WHERE id = 3;
INSERT INTO t VALUES (3, 'new');
DELETE FROM t WHERE id = 3;
INSERT INTO t VALUES (3, 'newer');
INSERT INTO t VALUES (100, 'brief');
UPDATE t SET v = 'still brief' WHERE id = 100;
DELETE FROM t WHERE id = 100;
UPDATE t SET v = 'changed' WHERE id = 4;
UPDATE t SET v = 'three' WHERE id = 4;
COMMIT;
DELETE FROM t WHERE id = 5;
INSERT INTO t VALUES (5, 'back');
BEGIN;
UPDATE pair SET a = 3 WHERE a = 1;
UPDATE pair SET a = 1 WHERE a = 2;
UPDATE pair SET a = 2 WHERE a = 3;
UPDATE pair SET a = a + 10, b = -b, v = v * 2;
COMMIT;
-- Nothing is left of it.
BEGIN;
UPDATE t SET v = 'x';
DELETE FROM u;
ROLLBACK;
