CALL walk(150);
UPDATE bin SET k = 'b' WHERE k = 'A';
UPDATE bin SET k = 'A' WHERE k = 'a';
UPDATE bin SET k = 'a' WHERE k = 'b';
UPDATE general SET k = UPPER(k);
