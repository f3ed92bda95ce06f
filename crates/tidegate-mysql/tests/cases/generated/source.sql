CREATE TABLE t (
  id INT PRIMARY KEY,
  price DECIMAL(10,2),
  qty INT NOT NULL DEFAULT 1,
  total DECIMAL(20,2) AS (price * qty) STORED,
  label VARCHAR(50) AS (CONCAT('#', qty, ' ', price)) VIRTUAL,
  hidden INT INVISIBLE DEFAULT 7,
  token VARCHAR(40) DEFAULT (CONCAT('t', 1 + 1)),
  made TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  changed DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  KEY (label), UNIQUE (total, id)
);
CREATE TABLE only_generated (a INT, b INT AS (a * 2) STORED, c INT AS (b + 1) VIRTUAL, UNIQUE (b));
INSERT INTO t (id, price, qty) VALUES (1, 1.50, 2), (2, NULL, 3), (3, 9999.99, 10);
INSERT INTO t (id, price, hidden) VALUES (4, 1, 8);
INSERT INTO only_generated (a) VALUES (1), (2), (NULL), (NULL);
