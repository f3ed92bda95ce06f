-- More than one statement, and more than one piece of our log, can hold.
BEGIN;
INSERT INTO plain SELECT a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d + 100000*f.d, 'row'
  FROM digits a, digits b, digits c, digits d, digits e, digits f WHERE f.d < 3;
COMMIT;
BEGIN;
INSERT INTO t SELECT a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d, -(a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d), 'row'
  FROM digits a, digits b, digits c, digits d, digits e WHERE e.d < 4;
INSERT INTO keyless SELECT a.d, REPEAT('b', 5000) FROM digits a, digits b, digits c WHERE c.d < 5;
UPDATE t SET v = CONCAT('row ', id) WHERE id % 2 = 0;
UPDATE t SET code = code - 1 ORDER BY code;
UPDATE keyless SET v = REPEAT('c', 3000) WHERE id = 3;
DELETE FROM t WHERE id % 3 = 0;
DELETE FROM keyless WHERE id = 1 LIMIT 5;
UPDATE t SET id = id + 1000000 WHERE id % 10 = 1;
COMMIT;
DELETE FROM plain WHERE id % 2 = 0;
UPDATE plain SET v = 'half' WHERE id % 4 = 1;
