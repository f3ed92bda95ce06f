CREATE TABLE selected (PRIMARY KEY (id)) SELECT id, v, v * 2 AS twice FROM original;
UPDATE selected SET twice = 0 WHERE id = 2;
