CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE u (id INT PRIMARY KEY, code VARCHAR(20) NOT NULL, rank_no INT, UNIQUE (code), UNIQUE (rank_no));
CREATE TABLE pair (a INT, b INT, v INT, PRIMARY KEY (a, b));
INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four'), (5, 'five');
INSERT INTO u VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30), (4, 'd', NULL), (5, 'e', NULL);
INSERT INTO pair VALUES (1, 1, 1), (1, 2, 2), (2, 1, 3), (2, 2, 4);
