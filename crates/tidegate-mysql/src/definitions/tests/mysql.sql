SET sql_mode = '', NAMES utf8mb4;
CREATE DATABASE `DB` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
CREATE DATABASE `DB odd ``☃ "x" 'y'` CHARACTER SET latin1 COLLATE latin1_bin;
CREATE DATABASE `DB_empty` CHARACTER SET utf8mb3;
CREATE USER IF NOT EXISTS 'gone'@'%';
USE `DB`;
CREATE TABLE parent (id bigint unsigned NOT NULL AUTO_INCREMENT, k varchar(20) NOT NULL, PRIMARY KEY (id), UNIQUE KEY (k)) AUTO_INCREMENT=100;
CREATE TABLE child (id int PRIMARY KEY, p bigint unsigned, k varchar(20), CONSTRAINT fk1 FOREIGN KEY (p) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE, FOREIGN KEY (k) REFERENCES parent (k));
CREATE TABLE cycle_a (id int PRIMARY KEY, b int, up int);
CREATE TABLE cycle_b (id int PRIMARY KEY, a int, FOREIGN KEY (a) REFERENCES cycle_a (id));
ALTER TABLE cycle_a ADD FOREIGN KEY (b) REFERENCES cycle_b (id), ADD FOREIGN KEY (up) REFERENCES cycle_a (id);
CREATE TABLE `DB odd ``☃ "x" 'y'`.`t 'q' "d" ``b`` ☃` (`a``b 'c' "d"` int PRIMARY KEY COMMENT 'it''s; a "comment"
with `lines` and \\ backslash', `é` bigint unsigned, FOREIGN KEY `fk ``☃` (`é`) REFERENCES `DB`.parent (id)) COMMENT='☃ 😀';
CREATE TABLE `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` (`yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy` int PRIMARY KEY);
CREATE TABLE `order` (`id` bigint unsigned NOT NULL AUTO_INCREMENT, `a``b` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT NULL COMMENT 'it''s; a "comment"', `ts` timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), `g` int GENERATED ALWAYS AS (`n` * 2) VIRTUAL, `n` int, `inv` int DEFAULT '5' /*!80023 INVISIBLE */, `e` enum('a','b''c','😀') COLLATE utf8mb4_bin NOT NULL DEFAULT 'a', `b` bit(8) DEFAULT b'1', `x` binary(2) DEFAULT x'00FF', CONSTRAINT `ck` CHECK ((`n` > 0)), PRIMARY KEY (`id`), KEY `k1` (`a``b`(10) DESC), UNIQUE KEY `k2` (`e`,`b`) USING BTREE COMMENT 'k' /*!80000 INVISIBLE */) ENGINE=InnoDB AUTO_INCREMENT=100 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8 STATS_PERSISTENT=1 COMMENT='t';
CREATE TABLE pt (id int NOT NULL, d date NOT NULL, s varchar(10)) ENGINE=InnoDB PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (2020) COMMENT = 'x' ENGINE = InnoDB, PARTITION pm VALUES LESS THAN MAXVALUE ENGINE = InnoDB);
CREATE TABLE pl (c varchar(10), n int) PARTITION BY LIST COLUMNS(c) (PARTITION pa VALUES IN ('a','b') ENGINE = InnoDB, PARTITION pn VALUES IN (NULL) ENGINE = InnoDB);
CREATE TABLE pk (id int PRIMARY KEY) PARTITION BY KEY (id) PARTITIONS 4;
CREATE TABLE t5 (id binary(16) DEFAULT (uuid_to_bin(uuid())), j json DEFAULT (json_array()), v vector(3), p point NOT NULL SRID 4326, s serial, d decimal(10,2) unsigned zerofill, y year(4), nm varchar(20), SPATIAL KEY sp (p), FULLTEXT KEY ft (nm) /*!50100 WITH PARSER `ngram` */, KEY fx ((lower(nm))), KEY mv ((cast(j->'$.a' as unsigned array))), st varchar(30) GENERATED ALWAYS AS (concat(nm, _utf8mb4'é''x')) STORED, CONSTRAINT nope CHECK (nm <> 'a''b') NOT ENFORCED);
CREATE TABLE types (a tinyint(1), b int(5) zerofill, c float(7,3), d double unsigned, e bit, f char(3) CHARACTER SET ascii, g tinytext, h mediumblob, i set('x','y''z'), j time(3), k datetime DEFAULT '0000-00-00 00:00:00', l timestamp NOT NULL, m geometry, n varbinary(5) DEFAULT 'a\0b', o text COLLATE utf8mb4_da_0900_as_cs, q varchar(9) CHARACTER SET utf8mb3) ENGINE=MyISAM CHECKSUM=1 MAX_ROWS=1000;
CREATE TABLE nokey (a int);
CREATE FUNCTION f1(a varchar(10)) RETURNS varchar(20) CHARSET utf8mb4 DETERMINISTIC RETURN concat(a, 'é');
CREATE VIEW z_view AS SELECT p.id, p.k, f1(p.k) AS fk, c.id AS cid FROM parent p LEFT JOIN child AS c ON c.p = p.id WHERE p.k <> 'it''s \\ ☃';
CREATE VIEW checked AS SELECT id, k FROM parent WHERE id > 5 WITH LOCAL CHECK OPTION;
CREATE ALGORITHM=MERGE DEFINER=`gone`@`%` SQL SECURITY INVOKER VIEW b_view (`ä`, `k`) AS SELECT id, k FROM z_view;
CREATE VIEW a_view AS SELECT b.*, o.`é` FROM b_view AS b JOIN `DB odd ``☃ "x" 'y'`.`t 'q' "d" ``b`` ☃` AS o ON o.`é` = b.`ä` UNION SELECT 1, 'x', (SELECT count(*) FROM z_view);
CREATE OR REPLACE ALGORITHM=UNDEFINED VIEW `DB odd ``☃ "x" 'y'`.v AS SELECT id AS `DB` FROM `DB`.parent;
CREATE TABLE doomed (a int);
CREATE VIEW broken AS SELECT a FROM doomed;
DROP TABLE doomed;
CREATE TABLE audit (id int AUTO_INCREMENT PRIMARY KEY, what varchar(50));
CREATE TABLE fired (id int PRIMARY KEY, n int);
DELIMITER //
CREATE TRIGGER single BEFORE INSERT ON fired FOR EACH ROW SET NEW.n = coalesce(NEW.n, 0) + 1
//
CREATE TRIGGER labelled AFTER INSERT ON fired FOR EACH ROW lbl: BEGIN
  DECLARE i int DEFAULT 0; -- a comment; with a semicolon
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET i = 1;
  WHILE i < 2 DO INSERT INTO audit (what) VALUES (concat('ins;', NEW.id)); SET i = i + 1; END WHILE;
  IF NEW.n > 100 THEN LEAVE lbl; END IF;
END lbl
//
CREATE TRIGGER `before '``labelled``'` AFTER INSERT ON fired FOR EACH ROW PRECEDES labelled INSERT INTO audit (what) VALUES ('first') /* end */
//
CREATE DEFINER=`gone`@`%` TRIGGER z_last AFTER INSERT ON fired FOR EACH ROW INSERT INTO audit (what) VALUES ('last') # end
//
CREATE TRIGGER upd BEFORE UPDATE ON fired FOR EACH ROW IF NEW.n < 0 THEN SET NEW.n = 0; END IF
//
CREATE TRIGGER del AFTER DELETE ON fired FOR EACH ROW CASE OLD.id WHEN 1 THEN INSERT INTO audit (what) VALUES ('one'); ELSE BEGIN END; END CASE
//
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'
//
CREATE TRIGGER ansi BEFORE INSERT ON audit FOR EACH ROW SET NEW."what" = NEW."what" || '\'
//
CREATE PROCEDURE "p ""1`☃"(IN "a b" int, OUT b varchar(10), INOUT c decimal(10,2)) MODIFIES SQL DATA SQL SECURITY INVOKER COMMENT 'it''s' BEGIN
  DECLARE i int DEFAULT 0; DECLARE CONTINUE HANDLER FOR NOT FOUND SET i = 1;
  WHILE i < "a b" DO INSERT INTO nokey VALUES (i); SET i = i + 1; END WHILE; SET b = '\' || 'x'; END
//
SET sql_mode = 'STRICT_TRANS_TABLES', collation_connection = utf8mb4_unicode_ci
//
CREATE DEFINER=`gone`@`%` PROCEDURE f1() BEGIN SELECT 'same name as the function'; END
//
CREATE FUNCTION second() RETURNS enum('a','b') CHARSET latin1 NOT DETERMINISTIC READS SQL DATA BEGIN RETURN (SELECT 'a' FROM parent LIMIT 1); END
//
SET time_zone = '+05:30'
//
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2034-01-01 00:00:00' ENDS '2035-01-01 00:00:00' ON COMPLETION PRESERVE COMMENT 'e''1' DO BEGIN DELETE FROM nokey WHERE a < 5; DELETE FROM nokey; END
//
CREATE EVENT `off '☃` ON SCHEDULE AT '2036-01-01 00:00:00' + INTERVAL 1 HOUR DISABLE DO SELECT 1
//
DELIMITER ;
SET sql_mode = '';
