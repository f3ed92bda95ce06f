CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT, KEY (v));
CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL);
INSERT INTO counter VALUES (1, 0), (2, 0);
DELIMITER //
CREATE PROCEDURE insert_rows(total INT)
BEGIN
  DECLARE at INT DEFAULT 0;
  WHILE at < total DO
    INSERT INTO t (v) VALUES (at);
    SET at = at + 1;
  END WHILE;
END//
CREATE PROCEDURE count_up(total INT)
BEGIN
  DECLARE at INT DEFAULT 0;
  WHILE at < total DO
    UPDATE counter SET n = n + 1 WHERE id = 1;
    SET at = at + 1;
  END WHILE;
END//
DELIMITER ;
