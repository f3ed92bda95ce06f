CREATE TABLE parent (id INT PRIMARY KEY, v INT);
CREATE TABLE cascading (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE grandchild (id INT PRIMARY KEY, child INT, FOREIGN KEY (child) REFERENCES cascading (id) ON DELETE CASCADE);
CREATE TABLE nulling (id INT PRIMARY KEY, parent INT, v INT, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE strict (id INT PRIMARY KEY, parent INT NOT NULL, FOREIGN KEY (parent) REFERENCES parent (id));
CREATE TABLE tree (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6);
INSERT INTO cascading VALUES (1, 1), (2, 1), (3, 2), (4, 3), (5, NULL);
INSERT INTO grandchild VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, NULL);
INSERT INTO nulling VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, NULL, 0);
INSERT INTO strict VALUES (1, 5), (2, 6);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 1), (5, 4);
DELIMITER //
CREATE PROCEDURE families(total INT)
BEGIN
  DECLARE at INT DEFAULT 0;
  WHILE at < total DO
    INSERT INTO parent VALUES (1000 + at, at);
    INSERT INTO strict VALUES (1000 + at, 1000 + at);
    INSERT INTO nulling VALUES (1000 + at, 1000 + at, at);
    UPDATE strict SET parent = 5 WHERE id = 1000 + at AND at % 3 = 0;
    DELETE FROM strict WHERE id = 1000 + at AND at % 3 = 1;
    UPDATE nulling SET parent = NULL WHERE id = 1000 + at AND at % 3 < 2;
    DELETE FROM parent WHERE id = 1000 + at AND at % 3 < 2;
    SET at = at + 1;
  END WHILE;
END//
DELIMITER ;
