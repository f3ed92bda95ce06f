CREATE TABLE original (id INT PRIMARY KEY, v INT);
INSERT INTO original VALUES (1, 1), (2, 2);
