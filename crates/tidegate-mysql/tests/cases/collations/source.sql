CREATE TABLE general (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, n INT);
CREATE TABLE german (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci PRIMARY KEY, n INT);
CREATE TABLE lithuanian (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_lithuanian_ci PRIMARY KEY, n INT);
CREATE TABLE gbk (id INT PRIMARY KEY, k VARCHAR(20) CHARACTER SET gbk, UNIQUE (k));
CREATE TABLE bin (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY, n INT);
INSERT INTO general VALUES ('abc', 0), ('straße', 0), ('É', 0);
INSERT INTO german VALUES ('ä', 0), ('ß', 0);
INSERT INTO lithuanian VALUES ('yes', 0);
INSERT INTO gbk VALUES (1, 'y'), (2, '漢');
INSERT INTO bin VALUES ('a', 0), ('A', 0), ('aa', 0);
DELIMITER //
-- Rows whose keys are equal for the server, but not byte for byte, follow each other in transactions of their own.
CREATE PROCEDURE walk(rounds INT)
BEGIN
  DECLARE at INT DEFAULT 0;
  WHILE at < rounds DO
    DELETE FROM general WHERE k = 'abc';
    INSERT INTO general VALUES (ELT(at % 3 + 1, 'ABC', 'Abc ', 'abc'), at);
    UPDATE general SET k = ELT(at % 2 + 1, 'e', 'É'), n = at WHERE k = 'e';
    DELETE FROM german WHERE k = 'ae';
    INSERT INTO german VALUES (ELT(at % 2 + 1, 'AE', 'ä'), at);
    UPDATE german SET k = ELT(at % 2 + 1, 'ss', 'ß') WHERE k = 'ss';
    DELETE FROM lithuanian WHERE k = 'yes';
    INSERT INTO lithuanian VALUES (ELT(at % 2 + 1, 'ies', 'Yes'), at);
    DELETE FROM gbk WHERE k = 'y';
    INSERT INTO gbk VALUES (100 + at, ELT(at % 2 + 1, '~', 'Y'));
    SET at = at + 1;
  END WHILE;
END//
DELIMITER ;
