//! What a server that carries out foreign keys itself, MySQL from 9.6 on, has in its log of what they do.

use crate::compare::assert_same;
use crate::link::Link;
use crate::servers::{Pair, sql};
use std::thread;
use tidegate_sandbox::Flavour;

/// Everything that ends as it should: nothing of it may be taken for what a deadlock leaves.
const WHOLE: &str = "
    DELETE FROM parent WHERE id = 3;
    UPDATE parent SET id = 44 WHERE id = 4;
    UPDATE parent SET x = 9 WHERE id IN (5, 44);
    DELETE parent, child FROM parent JOIN child ON child.parent_id = parent.id WHERE parent.id = 5;
    UPDATE parent JOIN child ON child.parent_id = parent.id SET child.y = 7, parent.x = 2 WHERE parent.id = 2;
    REPLACE INTO parent VALUES (6, 8);
    INSERT INTO parent VALUES (7, 8) ON DUPLICATE KEY UPDATE id = 77;
    DELETE FROM parent WHERE id IN (77, 8);
    DELETE FROM child WHERE id = 44;
    DELETE FROM tree WHERE id IN (9, 1);
    START TRANSACTION; UPDATE child SET y = 3 WHERE id = 12; DELETE FROM parent WHERE id = 9;
    UPDATE parent SET x = 4 WHERE id = 1; COMMIT;
    SET foreign_key_checks = 0;
    UPDATE child SET parent_id = 99 WHERE id = 90; DELETE FROM child WHERE id = 91; DELETE FROM parent WHERE id = 10;
    DELETE parent, child FROM parent JOIN child ON child.parent_id = parent.id WHERE parent.id = 11";

#[test]
fn what_a_deadlock_leaves_of_a_cascade_stops_the_link() {
    let pair = Pair::new(Flavour::Mysql, Flavour::Mysql);
    sql(
        &pair.source,
        "CREATE DATABASE cut_off; USE cut_off; CREATE TABLE parent (id INT PRIMARY KEY, x INT);
         CREATE TABLE child (id INT PRIMARY KEY, parent_id INT, y INT,
           FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE);
         CREATE TABLE grandchild (id INT PRIMARY KEY AUTO_INCREMENT, child_id INT,
           FOREIGN KEY (child_id) REFERENCES child (id) ON DELETE SET NULL);
         CREATE TABLE tree (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE);
         CREATE TABLE weight (id INT PRIMARY KEY AUTO_INCREMENT, text TEXT);
         INSERT INTO parent WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
           SELECT i, i FROM n;
         INSERT INTO child SELECT id * 10 + n, id, n FROM parent JOIN (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2) AS n
           WHERE id <> 8;
         INSERT INTO child VALUES (44, 2, 1);
         INSERT INTO grandchild (child_id) SELECT id FROM child WHERE id % 10 < 2;
         INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (9, NULL)",
    );
    let link = Link::new(&pair, "cut-off", &["cut_off.*"]);
    link.catch_up();
    sql(&pair.source, &format!("USE cut_off; {WHOLE}"));
    link.catch_up();
    assert_same(&pair, "cut_off", "statements that end");

    lose_a_cascade(&pair);
    assert_eq!(sql(&pair.source, "SELECT COUNT(*) FROM cut_off.child WHERE parent_id = 1"), "3");
    let error = link.fails();
    assert_eq!(error.code().as_str(), "TG-3012", "{error}");
    assert!(error.to_string().contains("the change of cut_off.parent is missing"), "{error}");
    assert_eq!(sql(&pair.target, "SELECT COUNT(*) FROM cut_off.child WHERE parent_id = 1"), "3");
}

/// A DELETE has deleted some children when it falls victim to a deadlock at another. The server rolls it back, answers that
/// all is well, and has the children in its log.
fn lose_a_cascade(pair: &Pair) {
    // Each waits for the other inside the server: the first until the second waits for its row. The list of transactions
    // is made anew only for who has not asked for a tenth of a second.
    let wait_until = |name: &str, condition: &str| {
        format!(
            "DELIMITER //\nCREATE PROCEDURE {name} () BEGIN WHILE NOT ({condition}) DO DO SLEEP(0.2); END WHILE; END//\n\
             DELIMITER ;\n"
        )
    };
    sql(
        &pair.source,
        &format!(
            "USE cut_off;\n{}{}",
            wait_until("await_ready", "IS_USED_LOCK('cut_off_ready') IS NOT NULL"),
            wait_until(
                "await_waiting",
                "EXISTS (SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' \
                 AND trx_query LIKE 'DELETE FROM cut_off.parent%')"
            )
        ),
    );
    thread::scope(|scope| {
        // The one with more changes wins.
        scope.spawn(|| {
            sql(
                &pair.source,
                "USE cut_off; START TRANSACTION;
                 INSERT INTO weight (text) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
                   SELECT i FROM n;
                 UPDATE child SET y = 99 WHERE id = 12; DO GET_LOCK('cut_off_ready', 0); CALL await_waiting();
                 UPDATE parent SET x = 5 WHERE id = 1; COMMIT",
            )
        });
        scope.spawn(|| {
            sql(&pair.source, "CALL cut_off.await_ready(); DELETE FROM cut_off.parent WHERE id = 1")
        });
    });
}
